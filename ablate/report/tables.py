"""study.json and rows -> frozen records. Pure: joins cells to their rows, summarises arms and compares them.

Rows store null where a number is not finite, and what `ablate.stats` gives as nan becomes None in `finite`.
"""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ablate.report.factorial import analyse
from ablate.report.looks import Standing, gone, standing
from ablate.report.records import FAILURES, UNFINISHED, Cell, Summary, Tables, by_arm, level_of, rotates
from ablate.report.wording import plain, unit_of
from ablate.results.packed import unpacked
from ablate.results.schema import (
    ArmRecord,
    CellError,
    CellRecord,
    Environment,
    FailureRecord,
    LookRecord,
    Progress,
    RowRecord,
    Study,
)
from ablate.stats.checks import rounding_of
from ablate.stats.examples import TwoErrors, resampled_errors, two_errors
from ablate.stats.failure import not_above_chance, outliers
from ablate.stats.paired import t_interval
from ablate.stats.verdict import Contrast, compare

ERRORS = ("failed", "oom", "timeout", "interrupted")
TESTED = (
    "p", "p_holm", "p_max_t", "p_corrected", "p_bh", "p_exact", "p_wilcoxon", "p_sign", "p_tost", "p_tost_holm",
    "p_failure", "p_failure_corrected", "within",
)  # fmt: skip


def tabulate(
    study: Study,
    rows: Iterable[RowRecord],
    environment: Environment | None = None,
    progress: Progress | None = None,
    looks: Sequence[LookRecord] = (),
) -> Tables:
    """The tables of a study, whatever part of it is there.

    Args:
        study: the content of study.json.
        rows: rows in any order; those of cells that the study does not have are left out.
        environment: the content of environment.json.
        progress: the content of progress.json, None where there is none.
        looks: the content of looks.json.
    """
    cells = collapsed_marked(study, join_cells(study, rows))
    metric = study["metric"]["name"]
    of_arm = {arm["name"]: () for arm in study["arms"]} | by_arm(cells)
    values = {name: outcomes(own, metric) for name, own in of_arm.items()}
    decided = standing(study, looks)
    contrasts = contrasts_of(study, values, looks, decided)
    if any(cell.status in UNFINISHED for cell in cells):
        contrasts, decided = {name: untested(contrast) for name, contrast in contrasts.items()}, {}
    arms = tuple(
        summarise(arm, study, of_arm, values, contrasts.get(arm["name"]), decided.get(arm["name"]))
        for arm in study["arms"]
    )
    better = 1.0 if study["metric"]["higher_is_better"] else -1.0
    unit = unit_of(metric, study["metrics"]).showing([arm.sd for arm in arms], differences_of(arms))
    tables = Tables(study, cells, arms, unit, metric, better, environment or {}, progress, looks=tuple(looks))
    return dataclasses.replace(tables, factorial=analyse(tables))


def join_cells(study: Study, rows: Iterable[RowRecord]) -> tuple[Cell, ...]:
    """Every cell of the study in its order, joined to its row where there is one."""
    rows_by_cell = {row["cell"]: row for row in rows}
    return tuple(join_cell(entry, rows_by_cell.get(entry["cell"])) for entry in study["cells"])


def join_cell(entry: CellRecord, row: RowRecord | None) -> Cell:
    """One cell; pending where it has no row."""
    return Cell(
        cell=entry["cell"],
        arm=entry["arm"],
        seed=entry["seed"],
        program=entry["program"],
        status=row["status"] if row else "pending",
        metrics={name: finite(value) for name, value in row["metrics"].items()} if row else {},
        costs=row["costs"] if row else {},
        curves=row["curves"] if row else {},
        diverged_step=row.get("diverged_step") if row else None,
        stopped_step=row.get("stopped_step") if row else None,
        best_step=row.get("best_step") if row else None,
        members=row.get("members", []) if row else [],
        right=row.get("right") if row else None,
        predicted=row.get("predicted") if row else None,
        error=last_line(row["error"]) if row else None,
    )


def last_line(error: CellError | None) -> str | None:
    """The line of an error that says what went wrong."""
    if not error:
        return None
    lines = (error["message"] or error["traceback"]).strip().splitlines()
    return plain(f"{error['type'] or 'Error'}: {lines[-1] if lines else 'no message'}")


def differences_of(arms: Iterable[Summary]) -> list[float]:
    """What the digits must show of differences: half the widths of their intervals, and every claim that is made."""
    contrasts = [arm.contrast for arm in arms if arm.contrast]
    widths = [(c.high - c.low) / 2 for c in contrasts if c.high is not None and c.low is not None]
    claims = [abs(c.mean) for c in contrasts if c.mean is not None and c.verdict in ("better", "worse")]
    middle = [statistics.median(widths)] if widths else []
    return middle + [claim for claim in claims if claim > 0]


def collapsed_marked(study: Study, cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """The cells, with those that ended with a number and have failed all the same by the rule of the study."""
    rule = study.get("failure")
    if not rule:
        return cells
    guessing = {cell.cell for cell in cells if guesses(cell, rule, study["data"].get("test") or 0)}
    metric = study["metric"]
    runs: dict[str, dict[int, float]] = {arm["name"]: {} for arm in study["arms"]}
    for cell in cells:
        value = cell.value(metric["name"])
        if value is not None and cell.cell not in guessing:
            runs[cell.arm][cell.seed] = value
    far = outliers(runs, higher_is_better=metric["higher_is_better"], spreads=rule["spreads"])
    lost = guessing | {cell.cell for cell in cells if cell.seed in far[cell.arm]}
    return tuple(dataclasses.replace(cell, status="collapsed") if cell.cell in lost else cell for cell in cells)


def guesses(cell: Cell, rule: FailureRecord, examples: int) -> bool:
    """Whether a cell that is done gives no more of the rule's metric than guessing does."""
    value = cell.value(rule["metric"] or "")
    if value is None or rule["chance"] is None:
        return False
    return not_above_chance(value, rule["chance"], examples, rule["standard_errors"])


def finite(value: Any) -> float | None:
    """A finite float, or None for anything else (null, nan, the string "inf")."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    return float(value) if math.isfinite(value) else None


def outcomes(cells: Iterable[Cell], metric: str) -> dict[int, float]:
    """Seed to metric for the cells of one arm that ended; nan where one failed."""
    ended = (cell for cell in cells if cell.ended)
    return {cell.seed: math.nan if cell.value(metric) is None else float(cell.value(metric) or 0.0) for cell in ended}


def contrasts_of(
    study: Study,
    values: Mapping[str, Mapping[int, float]],
    looks: Sequence[LookRecord] = (),
    decided: Iterable[str] = (),
) -> dict[str, Contrast]:
    """Every arm against the baseline, at the level of this look; the family is every arm ever looked at.

    Arms that an earlier planned look decided have left the family: as long as nothing was decided wrongly, all arms
    without an effect are still in it. They are compared among themselves, for their estimates.
    """
    others = [name for name in values if name != study["baseline"]]
    settled = [name for name in others if name in set(decided)]
    rules: dict[str, Any] = {
        "higher_is_better": study["metric"]["higher_is_better"],
        "alpha": level_of(study),
        "margin": study["metric"]["margin"] or None,
        "paired": study["paired"],
        "test": study.get("test", "t"),
    }

    def against_baseline(names: Iterable[str], left: int) -> dict[str, Contrast]:
        arms = {name: values[name] for name in (study["baseline"], *names)}
        return compare(arms, study["baseline"], **rules, gone=left)

    undecided = against_baseline([name for name in others if name not in settled], len(gone(study, looks)))
    return undecided | against_baseline(settled, 0)


def untested(contrast: Contrast) -> Contrast:
    """The estimates of a contrast alone: before all planned cells have ended, there is no test to look at."""
    return dataclasses.replace(contrast, verdict="", by_failure=False, disputed=False, **dict.fromkeys(TESTED))


def summarise(
    arm: ArmRecord,
    study: Study,
    cells: Mapping[str, Sequence[Cell]],
    values: Mapping[str, Mapping[int, float]],
    contrast: Contrast | None,
    decided: Standing | None = None,
) -> Summary:
    """One line of the summary; `cells` and `values` by arm."""
    name = arm["name"]
    own, baseline = cells[name], cells[study["baseline"]]
    finite_values = {seed: value for seed, value in values[name].items() if math.isfinite(value)}
    spread = t_interval(np.array(list(finite_values.values())), 1 - level_of(study)) if finite_values else None
    return Summary(
        arm=name,
        changes=arm["changes"],
        baseline=name == study["baseline"],
        n=len(finite_values),
        cells=len(own),
        failed=sum(cell.status in FAILURES for cell in own),
        diverged=sum(cell.status == "diverged" for cell in own),
        collapsed=sum(cell.status == "collapsed" for cell in own),
        errors=sum(cell.status in ERRORS for cell in own),
        pending=sum(cell.status in UNFINISHED for cell in own),
        values=finite_values,
        failed_seeds=tuple(seed for seed, value in values[name].items() if not math.isfinite(value)),
        mean=finite(spread.mean) if spread else None,
        sd=statistics.stdev(finite_values.values()) if len(finite_values) > 1 else None,
        low=finite(spread.low) if spread else None,
        high=finite(spread.high) if spread else None,
        contrast=contrast,
        deltas=deltas_of(finite_values, values[study["baseline"]], paired=study["paired"]) if contrast else {},
        decided=decided.verdict if decided else "",
        decided_at=decided.seeds if decided else None,
        examples=examples_of(own, baseline, study) if contrast and study["paired"] else None,
        identical=bool(contrast) and study["paired"] and changed_nothing(own, baseline),
        flops=finite(arm.get("flops")),
        step_seconds=finite(arm.get("step_seconds")),
        step_ratio=arm.get("step_ratio"),
        **costs_of(own),
    )


def examples_of(own: Iterable[Cell], baseline: Iterable[Cell], study: Study) -> TwoErrors | None:
    """How much of an arm's delta rests on the test examples, over the seeds on which both sides succeeded.

    None where the deciding metric is not the share of test examples that are right.
    """
    sides = [
        {cell.seed: bits for cell in cells if (bits := rights_of(cell, study)) is not None} for cells in (own, baseline)
    ]
    seeds = sorted(sides[0].keys() & sides[1].keys())
    if not seeds:
        return None
    arm, base = (np.stack([side[seed] for seed in seeds]) for side in sides)
    return resampled_errors(arm, base, study["data"].get("pool") or 0) if rotates(study) else two_errors(arm, base)


def rights_of(cell: Cell, study: Study) -> np.ndarray | None:
    """Whether each test example was right; None where that is not known, or not what the metric is the share of."""
    value, examples = cell.value(study["metric"]["name"]), study["data"].get("test") or 0
    bits = unpacked(cell.right, examples)
    if value is None or bits is None:
        return None
    right = bits.astype(bool)
    return right if abs(right.mean() - value) <= 2 * rounding_of(np.array([value])) else None


def changed_nothing(cells: Iterable[Cell], baseline: Iterable[Cell]) -> bool:
    """Whether every cell is done and has the baseline's metrics on its seed, up to the rounding of float32."""
    by_seed = {cell.seed: cell for cell in baseline if cell.status == "done"}
    pairs = [(cell, by_seed.get(cell.seed)) for cell in cells]
    return bool(pairs) and all(base and cell.status == "done" and same_result(cell, base) for cell, base in pairs)


def same_result(a: Cell, b: Cell) -> bool:
    """Whether two cells have equal metrics."""

    def same(x: float | None, y: float | None) -> bool:
        return x == y if x is None or y is None else abs(x - y) <= rounding_of(np.array([x, y]))

    metrics = a.metrics.keys() | b.metrics.keys()
    return all(same(a.metrics.get(name), b.metrics.get(name)) for name in metrics)


def deltas_of(values: Mapping[int, float], baseline: Mapping[int, float], *, paired: bool) -> dict[int, float]:
    """Seed to difference from the baseline's same seed, or from its mean where seeds are not shared."""
    reference = {seed: value for seed, value in baseline.items() if math.isfinite(value)}
    if paired:
        return {seed: value - reference[seed] for seed, value in values.items() if seed in reference}
    return {seed: value - statistics.fmean(reference.values()) for seed, value in values.items()} if reference else {}


def costs_of(cells: Sequence[Cell]) -> dict[str, Any]:
    """What an arm cost: the middle of its cells where they differ."""

    def middle(name: str) -> Any:
        costs = sorted(x for x in (finite(cell.costs.get(name)) for cell in cells) if x is not None)
        return costs[len(costs) // 2] if costs else None

    whole = {name: None if middle(name) is None else int(middle(name)) for name in ("parameters", "steps", "lanes")}
    return {**whole, "train_seconds": middle("train_seconds"), "program": cells[0].program if cells else ""}
