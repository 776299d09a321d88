"""Rows of a finished or running study, as Python users load them."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.results.files import read_json
from ablate.results.schema import Environment, Progress, Study, inconsistency, misfit, read_record
from ablate.results.store import Row, Store


@dataclasses.dataclass(frozen=True, repr=False)
class Rows:
    """The stored cells of a study, in the study's order; iterate, index, or take `to_pandas()`."""

    directory: Path
    study: dict[str, Any]
    rows: tuple[Row, ...]
    environment: dict[str, Any]
    progress: dict[str, Any] | None

    @classmethod
    def load(cls, directory: Path) -> "Rows":
        """Reads a run directory; never imports or runs a config.

        Raises:
            FileNotFoundError: the directory has no study.
        """
        study = read_json(directory / "study.json")
        wrong = "" if study is None else misfit(study, Study) or inconsistency(study) or ""
        if study is None or wrong:
            line = f"{directory} has no readable study.json; give a directory that `ablate run` wrote"
            raise FileNotFoundError(f"{line} ({wrong})" if wrong else line)
        found = Store(directory).read([cell["cell"] for cell in study["cells"]])
        rows = tuple(found[cell["cell"]] for cell in study["cells"] if cell["cell"] in found)
        environment = read_record(directory / "environment.json", Environment) or {}
        return cls(directory, study, rows, environment, read_record(directory / "progress.json", Progress))

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, k: int) -> Row:
        return self.rows[k]

    def __repr__(self) -> str:
        counts = Counter(row["status"] for row in self.rows)
        found = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no cell yet"
        return f"<ablate study {self.study['name']!r}: {found}, of {len(self.study['cells'])} cells; {self.directory}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the answers and the table per arm."""
        from ablate.report.formats.notebook import fragment

        return fragment(self.study, self.rows)

    def to_pandas(self) -> Any:
        """One line per cell: arm, seed, status, metrics and costs, as a pandas DataFrame.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {key: row[key] for key in ("cell", "arm", "seed", "status")} | row["metrics"] | row["costs"]
                for row in self.rows
            ]
        )


def load(workdir: Any) -> Rows:
    """The rows of a run directory, as `ablate run` left them.

    Args:
        workdir: the directory.

    Raises:
        FileNotFoundError: the directory has no study.
    """
    return Rows.load(Path(workdir))
