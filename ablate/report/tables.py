"""study.json and rows -> frozen tables. Pure: every writer reads these and nothing else.

A missing number is None from here on. Rows store null where a number is not finite, and what `ablate.stats` gives as
nan becomes None in `finite`.
"""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ablate.report.wording import Unit, plain, unit_of
from ablate.stats.checks import rounding_of
from ablate.stats.paired import t_interval
from ablate.stats.verdict import Contrast, compare

FAILED = ("failed", "oom", "timeout", "interrupted")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of the study, with or without a row."""

    cell: str
    arm: str
    seed: int
    program: str
    status: str
    metrics: Mapping[str, float | None]
    costs: Mapping[str, Any]
    curves: Mapping[str, Sequence[Any]]
    diverged_step: int | None
    stopped_step: int | None
    error: str | None

    @property
    def ended(self) -> bool:
        """Whether the cell has a result: a number, or the knowledge that it diverged."""
        return self.status in ("done", "diverged")

    def value(self, metric: str) -> float | None:
        """A metric, None where the cell diverged or has no result."""
        return self.metrics.get(metric) if self.status == "done" else None


@dataclasses.dataclass(frozen=True)
class Summary:
    """One arm: what its seeds gave, what it cost, and how it compares with the baseline (None for the baseline).

    `values` and `deltas` go by seed and hold finite numbers only; `mean` to `high` and `deltas` are in the metric's
    unit as stored; `contrast.mean` is the delta. `identical`: no metric of any cell differs from the baseline's.
    """

    arm: str
    changes: Mapping[str, Mapping[str, Any]]
    baseline: bool
    n: int
    cells: int
    diverged: int
    failed: int
    pending: int
    values: Mapping[int, float]
    diverged_seeds: tuple[int, ...]
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    contrast: Contrast | None
    deltas: Mapping[int, float]
    identical: bool
    parameters: int | None
    steps: int | None
    program: str
    lanes: int | None
    flops: float | None
    train_seconds: float | None
    step_seconds: float | None

    @property
    def verdict(self) -> str:
        """One of the four verdicts; empty for the baseline and where there is nothing to judge yet."""
        found = self.contrast
        if found is None or (found.mean is None and found.test is None and not found.fact):
            return ""
        return found.verdict


@dataclasses.dataclass(frozen=True, eq=False)  # told apart as objects, so that analyses can be kept with them
class Tables:
    """Everything the writers need."""

    study: Mapping[str, Any]
    cells: tuple[Cell, ...]
    arms: tuple[Summary, ...]
    unit: Unit
    metric: str
    better: float

    @property
    def baseline(self) -> Summary:
        """The arm the others are compared with."""
        return next(arm for arm in self.arms if arm.baseline)

    @property
    def tricks(self) -> tuple[Summary, ...]:
        """Every arm but the baseline."""
        return tuple(arm for arm in self.arms if not arm.baseline)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of a row: those of the task on test and validation, its curves, then what else the rows hold."""
        names = [metric["name"] for metric in self.study["metrics"]]
        own = (*(f"test_{name}" for name in names), *(f"val_{name}" for name in names), *self.study["curves"])
        others = {name for cell in self.cells for name in cell.metrics}
        return (*own, *sorted(others - set(own)))

    def unit_of(self, name: str, spreads: Iterable[float | None] = ()) -> Unit:
        """The unit of a number or a curve of the rows."""
        return unit_of(name, self.study["metrics"], spreads)

    def cells_of(self, arm: str) -> tuple[Cell, ...]:
        """The cells of one arm, in the order of the study."""
        return tuple(cell for cell in self.cells if cell.arm == arm)


def tabulate(study: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> Tables:
    """The tables of a study, whatever part of it is there.

    Args:
        study: the content of study.json.
        rows: rows in any order; those of cells that the study does not have are left out.
    """
    cells = join_cells(study, rows)
    metric = study["metric"]["name"]
    values = {arm["name"]: outcomes(cells, arm["name"], metric) for arm in study["arms"]}
    contrasts = contrasts_of(study, values)
    arms = tuple(summarise(arm, study, cells, values, contrasts.get(arm["name"])) for arm in study["arms"])
    better = 1.0 if study["metric"]["higher_is_better"] else -1.0
    return Tables(study, cells, arms, unit_of(metric, study["metrics"], [arm.sd for arm in arms]), metric, better)


def join_cells(study: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> tuple[Cell, ...]:
    """Every cell of the study in its order, joined to its row where there is one."""
    found = {row["cell"]: row for row in rows}
    return tuple(join_cell(entry, found.get(entry["cell"])) for entry in study["cells"])


def join_cell(entry: Mapping[str, Any], row: Mapping[str, Any] | None) -> Cell:
    """One cell; pending where it has no row."""
    row = row or {"status": "pending"}
    metrics = {name: finite(value) for name, value in (row.get("metrics") or {}).items()}
    return Cell(
        cell=entry["cell"],
        arm=entry["arm"],
        seed=entry["seed"],
        program=entry["program"],
        status=row["status"],
        metrics=metrics,
        costs=row.get("costs") or {},
        curves=row.get("curves") or {},
        diverged_step=row.get("diverged_step"),
        stopped_step=row.get("stopped_step"),
        error=last_line(row.get("error")),
    )


def last_line(error: Mapping[str, Any] | None) -> str | None:
    """The line of an error that says what went wrong."""
    if not error:
        return None
    lines = str(error.get("message") or error.get("traceback") or "").strip().splitlines()
    return plain(f"{error.get('type') or 'Error'}: {lines[-1] if lines else 'no message'}")


def finite(value: Any) -> float | None:
    """A finite float, or None for anything else (null, nan, the string "inf")."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    return float(value) if math.isfinite(value) else None


def outcomes(cells: Iterable[Cell], arm: str, metric: str) -> dict[int, float]:
    """Seed to metric for the cells of an arm that ended; nan where one diverged."""
    ended = (cell for cell in cells if cell.arm == arm and cell.ended)
    return {cell.seed: math.nan if cell.value(metric) is None else float(cell.value(metric) or 0.0) for cell in ended}


def contrasts_of(study: Mapping[str, Any], values: Mapping[str, Mapping[int, float]]) -> dict[str, Contrast]:
    """Every arm against the baseline."""
    return compare(
        values,
        study["baseline"],
        higher_is_better=study["metric"]["higher_is_better"],
        alpha=study["alpha"],
        margin=study["metric"]["margin"] or None,
        paired=study["paired"],
    )


def summarise(
    arm: Mapping[str, Any],
    study: Mapping[str, Any],
    cells: Sequence[Cell],
    values: Mapping[str, Mapping[int, float]],
    contrast: Contrast | None,
) -> Summary:
    """One line of the summary."""
    name = arm["name"]
    mine, base = ([cell for cell in cells if cell.arm == owner] for owner in (name, study["baseline"]))
    known = {seed: value for seed, value in values[name].items() if math.isfinite(value)}
    spread = t_interval(np.array(list(known.values())), 1 - study["alpha"]) if known else None
    return Summary(
        arm=name,
        changes=arm["changes"],
        baseline=name == study["baseline"],
        n=len(known),
        cells=len(mine),
        diverged=sum(cell.status == "diverged" for cell in mine),
        failed=sum(cell.status in FAILED for cell in mine),
        pending=sum(cell.status in ("pending", "running") for cell in mine),
        values=known,
        diverged_seeds=tuple(seed for seed, value in values[name].items() if not math.isfinite(value)),
        mean=finite(spread.mean) if spread else None,
        sd=statistics.stdev(known.values()) if len(known) > 1 else None,
        low=finite(spread.low) if spread else None,
        high=finite(spread.high) if spread else None,
        contrast=contrast,
        deltas=deltas_of(known, values[study["baseline"]], paired=study["paired"]) if contrast else {},
        identical=bool(contrast) and study["paired"] and changed_nothing(mine, base),
        flops=finite(arm.get("flops")),
        step_seconds=finite(arm.get("step_seconds")),
        **costs_of(mine),
    )


def changed_nothing(cells: Iterable[Cell], baseline: Iterable[Cell]) -> bool:
    """Whether every cell is done and has the baseline's metrics on its seed, up to the rounding of float32."""
    there = {cell.seed: cell for cell in baseline if cell.status == "done"}
    pairs = [(cell, there.get(cell.seed)) for cell in cells]
    return bool(pairs) and all(base and cell.status == "done" and same_result(cell, base) for cell, base in pairs)


def same_result(a: Cell, b: Cell) -> bool:
    """Whether two cells have equal metrics."""

    def same(x: float | None, y: float | None) -> bool:
        return x == y if x is None or y is None else abs(x - y) <= rounding_of(np.array([x, y]))

    metrics = a.metrics.keys() | b.metrics.keys()
    return all(same(a.metrics.get(name), b.metrics.get(name)) for name in metrics)


def deltas_of(known: Mapping[int, float], baseline: Mapping[int, float], *, paired: bool) -> dict[int, float]:
    """Seed to difference from the baseline's same seed, or from its mean where seeds are not shared."""
    there = {seed: value for seed, value in baseline.items() if math.isfinite(value)}
    if paired:
        return {seed: value - there[seed] for seed, value in known.items() if seed in there}
    return {seed: value - statistics.fmean(there.values()) for seed, value in known.items()} if there else {}


def costs_of(cells: Sequence[Cell]) -> dict[str, Any]:
    """What an arm cost: the middle of its cells where they differ."""

    def middle(name: str) -> Any:
        found = sorted(x for x in (finite(cell.costs.get(name)) for cell in cells) if x is not None)
        return found[len(found) // 2] if found else None

    whole = {name: None if middle(name) is None else int(middle(name)) for name in ("parameters", "steps", "lanes")}
    return {**whole, "train_seconds": middle("train_seconds"), "program": cells[0].program if cells else ""}
