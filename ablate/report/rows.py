"""Rows of a finished or running study, as Python users load them."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from ablate.results.files import read_json
from ablate.results.inputs import InputRow, read_inputs
from ablate.results.schema import (
    AcrossRecord,
    Environment,
    LookRecord,
    Progress,
    RowRecord,
    Study,
    read_record,
    study_problem,
)
from ablate.results.store import Store
from ablate.results.weights import Weights, nested, read_weights, weights_path

ACROSS = "across.json"


@dataclasses.dataclass(frozen=True, repr=False)
class Rows:
    """The stored cells of a study, in the study's order; iterate, index, or take a frame: `to_pandas()`,
    `curves()`, `verdicts()`."""

    directory: Path
    study: Study
    rows: tuple[RowRecord, ...]
    environment: Environment
    progress: Progress | None
    looks: tuple[LookRecord, ...] = ()
    inputs: tuple[InputRow, ...] = dataclasses.field(default=(), compare=False)

    @classmethod
    def load(cls, directory: Path) -> "Rows":
        """Reads a run directory; never imports or runs a config.

        Raises:
            FileNotFoundError: the directory has no study.
        """
        study = read_json(directory / "study.json")
        problem = None if study is None else study_problem(study)
        if study is None and (directory / ACROSS).exists():
            raise FileNotFoundError(
                f"{directory} holds a study under several conditions; give the folder of one of them"
            )
        if not directory.is_dir():
            what = "is a file" if directory.exists() else "is not there"
            raise FileNotFoundError(f"{directory} {what}; give a directory that `ablate run` wrote")
        if study is None or problem:
            line = f"{directory} has no readable study.json; give a directory that `ablate run` wrote, or run it again"
            raise FileNotFoundError(f"{line} ({problem})" if problem else line)
        stored = Store(directory).read([cell["cell"] for cell in study["cells"]])
        rows = tuple(cast(RowRecord, stored[cell["cell"]]) for cell in study["cells"] if cell["cell"] in stored)
        environment: Environment = read_record(directory / "environment.json", Environment) or {}
        progress: Progress | None = read_record(directory / "progress.json", Progress)
        looks: list[LookRecord] = read_record(directory / "looks.json", list[LookRecord]) or []
        return cls(directory, study, rows, environment, progress, tuple(looks), read_inputs(directory))

    def __iter__(self) -> Iterator[RowRecord]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, k: int) -> RowRecord:
        return self.rows[k]

    def __repr__(self) -> str:
        counts = Counter(row["status"] for row in self.rows)
        tally = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no cell yet"
        return f"<ablate study {self.study['name']!r}: {tally}, of {len(self.study['cells'])} cells; {self.directory}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the answers and the table per arm."""
        from ablate.report.formats.notebook import fragment

        return fragment(self.study, self.rows, self.looks)

    def variables(self, arm: str, seed: int, member: int = 0) -> dict[str, Any]:
        """The variables of a cell, as its task applies them: nested dictionaries of arrays, `params` among them.

        Args:
            arm: the arm's name.
            seed: the seed.
            member: which of several sets of variables, where predictions are averaged.

        Raises:
            KeyError: the study has no such cell, or the cell no such member.
            FileNotFoundError: they were not kept; `cfg.train.keep_weights` keeps them.
        """
        members = self.weights(arm, seed).members
        if not 0 <= member < len(members):
            raise KeyError(f"arm {arm!r} has no member {member}; it has {len(members)}")
        return nested(members[member])

    def weights(self, arm: str, seed: int) -> Weights:
        """Every set of variables of a cell as arrays by path, and their shares of its predictions.

        Raises:
            KeyError, FileNotFoundError: as `variables` does.
        """
        path = self.weights_path(arm, seed)
        if not path.exists():
            kept = self.study["config"].get("train", {}).get("keep_weights")
            why = "the cell has not finished" if kept else "run the study with cfg.train.keep_weights = True"
            raise FileNotFoundError(f"{path} is not there; {why}")
        return read_weights(path)

    def weights_path(self, arm: str, seed: int) -> Path:
        """The file with the variables of a cell, where they were kept; `init=pretrained(path)` starts from it.

        Raises:
            KeyError: the study has no such cell.
        """
        return weights_path(self.directory, self.cell_name(arm, seed))

    def cell_name(self, arm: str, seed: int) -> str:
        """The name of a cell's files.

        Raises:
            KeyError: the study has no such cell.
        """
        cells = {(cell["arm"], cell["seed"]): cell["cell"] for cell in self.study["cells"]}
        if (arm, seed) not in cells:
            raise KeyError(f"{self.directory} has no cell of arm {arm!r} and seed {seed}")
        return cells[arm, seed]

    def to_pandas(self) -> Any:
        """One line per cell of the study, those that have not ended too, as a pandas DataFrame.

        Its columns are those of cells.csv, and what arms chose where they differ: `optimizer` is the name of a choice,
        `optimizer.learning_rate` a number of it, so that `frame.groupby("optimizer")` works.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        from ablate.report.frames import cells_frame

        return cells_frame(self)

    def curves(self) -> Any:
        """One line per cell and evaluation: `cell`, `arm`, `seed`, `step` and a column per curve.

        Example:
            seaborn.lineplot(rows.curves(), x="step", y="learning_rate", hue="arm")

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        from ablate.report.frames import curves_frame

        return curves_frame(self)

    def verdicts(self) -> Any:
        """One line per arm: the columns of summary.csv (`delta`, `p_holm`, `verdict`, ...), and what arms chose.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        from ablate.report.frames import verdicts_frame

        return verdicts_frame(self)


@dataclasses.dataclass(frozen=True, repr=False)
class Conditions:
    """A study under several conditions: the rows of each that has begun, by name; iterate names, or `items()`."""

    directory: Path
    record: AcrossRecord
    by_name: Mapping[str, Rows]

    @classmethod
    def load(cls, directory: Path) -> "Conditions":
        """Reads the directory of a run with `cfg.across`.

        Raises:
            FileNotFoundError: there is no across.json.
        """
        record: AcrossRecord | None = read_record(directory / ACROSS, AcrossRecord)
        if record is None or not record["conditions"]:
            raise FileNotFoundError(f"{directory} has no readable {ACROSS}; `ablate run` the config again")
        folders = {one["name"]: directory / one["folder"] for one in record["conditions"]}
        begun = {name: folder for name, folder in folders.items() if (folder / "study.json").exists()}
        return cls(directory, record, {name: Rows.load(folder) for name, folder in begun.items()})

    @property
    def studies(self) -> tuple[Rows, ...]:
        """The rows of every condition that has begun, in the order of the report."""
        return tuple(self.by_name.values())

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)

    def __getitem__(self, name: str) -> Rows:
        return self.by_name[name]

    def items(self) -> Iterable[tuple[str, Rows]]:
        """Name and rows of every condition that has begun."""
        return self.by_name.items()

    def to_pandas(self) -> Any:
        """The cells of every condition that has begun, as `Rows.to_pandas` gives them, behind a column `condition`."""
        return self._joined(Rows.to_pandas)

    def curves(self) -> Any:
        """The curves of every condition that has begun, as `Rows.curves` gives them, behind a column `condition`."""
        return self._joined(Rows.curves)

    def verdicts(self) -> Any:
        """The arms of every condition that has begun, as `Rows.verdicts` gives them, behind a column `condition`."""
        return self._joined(Rows.verdicts)

    def _joined(self, frame_of: Callable[[Rows], Any]) -> Any:
        from ablate.report.frames import joined

        return joined({name: frame_of(rows) for name, rows in self.items()})

    def __repr__(self) -> str:
        conditions = self.record["conditions"]
        lines = [f"<ablate study {self.record['name']!r} under {len(conditions)} conditions; {self.directory}>"]
        return "\n".join([*lines, *(f"  {name}: {rows!r}" for name, rows in self.items())])


def load(workdir: Any) -> "Rows | Conditions":
    """The rows of a run directory, as `ablate run` left them; of a run with `cfg.across` those of every condition.

    Args:
        workdir: the directory.

    Raises:
        FileNotFoundError: the directory has no study.
    """
    directory = Path(workdir)
    return Conditions.load(directory) if (directory / ACROSS).exists() else Rows.load(directory)
