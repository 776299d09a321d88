"""What choices cost, as lines for the terminal and as the CSV that the cards of the catalogue quote."""

import csv
import functools
import io
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from ablate.results.files import storing, write_atomically
from ablate.runner.ratios import TURNS, Ratio
from ablate.study.problems import ConfigError

Place = tuple[str, str]  # axis and choice
COLUMNS = ("axis", "choice", *Ratio._fields)
HEADER = f"{'choice':34}{'time':>8}{'turns':>16}{'memory':>9}"
MEASURED = resources.files("ablate.tricks") / "costs.csv"
BESIDE = "beside the small residual network of experiments/benchmarks/trick_costs.py on a CPU"


def line(place: Place, ratio: Ratio) -> str:
    """A choice for the terminal.

    >>> line(("loss", "focal"), Ratio(1.034, 1.0, 1.07, 1.5))
    'loss.focal                            1.03    1.00 to 1.07     1.50'
    >>> line(("norm", "group"), Ratio(None, why="8 channels"))
    'norm.group                        8 channels'
    """
    name = ".".join(place)
    if ratio.time is None:
        return f"{name:34}{ratio.why}"
    memory = "" if ratio.memory is None else f"{ratio.memory:.2f}"
    return f"{name:34}{ratio.time:8.2f}{f'{ratio.least:.2f} to {ratio.most:.2f}':>16}{memory:>9}"


def cost_of(axis: str, choice: str) -> str:
    """What a choice was measured to cost, in words; empty where it was not."""
    ratio = _measured().get((axis, choice))
    if ratio is None or ratio.time is None:
        return ""
    memory = "" if ratio.memory is None else f" and {ratio.memory:.2f} times its memory"
    turns = f"{ratio.least:.2f} to {ratio.most:.2f}"
    return f"{ratio.time:.2f} times the time of a training step ({turns} in {TURNS} turns){memory}; {BESIDE}"


@functools.cache
def _measured() -> dict[Place, Ratio]:
    return parsed(MEASURED.read_text(encoding="utf-8"))


def read(path: Path) -> dict[Place, Ratio]:
    """What was measured before and written to a file; nothing where there is none.

    Raises:
        ConfigError: the file is another one.
    """
    with storing(path):
        content = path.read_bytes() if path.exists() else b""
    try:
        return parsed(content.decode("utf-8"))
    except (KeyError, ValueError, csv.Error) as error:
        raise ConfigError([f"{path}: not a file of costs, which has the columns {', '.join(COLUMNS)}"]) from error


def parsed(text: str) -> dict[Place, Ratio]:
    """The rows of such a file.

    Raises:
        ValueError, KeyError, csv.Error: it is another one.
    """
    reader = csv.DictReader(io.StringIO(text))
    if text and tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(f"columns {reader.fieldnames}")
    return {
        (row["axis"], row["choice"]): Ratio(
            *(float(row[name]) if row[name] else None for name in ("time", "least", "most", "memory")), why=row["why"]
        )
        for row in reader
    }


def write(path: Path, costs: Mapping[Place, Ratio]) -> None:
    """Writes a row per choice, with three decimals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for place, ratio in costs.items():
        writer.writerow([*place, *("" if x is None else f"{x:.3f}" for x in ratio[:-1]), ratio.why])
    write_atomically(path, text.getvalue())
