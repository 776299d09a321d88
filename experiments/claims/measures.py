"""What measures of several cards share: test accuracies of a study, tables made of it, answers from numbers by seed."""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from judge import OPPOSITE, equivalent_on_average

from ablate.stats.paired import paired_t, t_interval
from ablate.stats.verdict import tost

ALPHA, MARGIN = 0.05, 0.01  # level of a test, and the largest difference of accuracy that counts as none
CHANCE = 0.1  # accuracy of a run that diverged


class Cell(NamedTuple):
    """A run that ended: the levels of its condition (`across` key to text), its arm, seed and test accuracy."""

    levels: dict[str, str]
    arm: str
    seed: int
    accuracy: float


def cells_of(folder: Path) -> Iterator[Cell]:
    """Every cell of a study under several conditions, the collapsed and diverged too."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for condition in report["conditions"]:
        with (folder / condition["folder"] / "cells.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                accuracy = float(row["test_accuracy"] or CHANCE)
                yield Cell(condition["levels"], row["arm"], int(row["seed"]), accuracy)


def kept_table(
    folder: Path, name: str, columns: Sequence[str], lines_of: Callable[[Path], Iterable[Sequence[Any]]],
    made_from: str = "cells/*.json",
) -> list[dict[str, str]]:  # fmt: skip
    """A table beside the report, made anew where what a run leaves is there, and read where it stands alone, as in git.

    Args:
        folder: of the study.
        name: of the file.
        columns: its header.
        lines_of: gives its lines from the folder.
        made_from: files of a condition that `lines_of` reads.
    """
    path = folder / name
    if any(folder.glob(f"*/{made_from}")):
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(columns)
            table.writerows(lines_of(folder))
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def answer(values: Float[np.ndarray, " seeds"], effect: Callable[[float], str], *, none: float = 0.0) -> dict[str, Any]:
    """Supported where the interval of the mean of `values`, one per seed, lies above `none`, contradicted below it.

    Args:
        values: one number per seed, larger where the claim holds better.
        effect: how a number is written.
        none: the value that stands for no effect.
    """
    mean, low, high = t_interval(values)
    assert mean is not None
    if low is None or high is None:
        low = high = mean
    kind = "supported" if low > none else "contradicted" if high < none else "undecided"
    return {"answer": kind, "effect": f"{effect(mean)} (95 % interval {effect(low)} to {effect(high)})"}


def means_of(folder: Path, levels: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Test accuracy of every arm by seed, in the order of seeds: the mean over the conditions.

    Args:
        folder: of the study.
        levels: only conditions that have one of them count; empty for all.
    """
    by_seed: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells_of(folder):
        if not levels or set(levels) & set(cell.levels.values()):
            by_seed[cell.arm][cell.seed].append(cell.accuracy)
    return {arm: np.array([np.mean(runs[seed]) for seed in sorted(runs)]) for arm, runs in by_seed.items()}


def compared(folder: Path, arm: str, levels: Sequence[str], expected: Sequence[str]) -> dict[str, Any]:
    """Whether an arm is as `expected` (better, worse, equivalent) where conditions have one of `levels`, on average.

    Runs that were lost count with what they ended at. Better or worse by a paired t test over the seeds at .05, else
    equivalent by two one-sided ones within MARGIN; mixed where a condition has the opposite verdict.
    """
    mean = means_of(folder, levels)
    deltas = mean[arm] - mean["baseline"]
    test, p_within = paired_t(deltas), tost(deltas, MARGIN)
    kind = "inconclusive"
    if test.p is not None and test.p <= ALPHA:
        kind = "better" if deltas.mean() > 0 else "worse"
    elif p_within is not None and p_within <= ALPHA:
        kind = "equivalent"
    result = "supported" if kind in expected else "undecided" if kind == "inconclusive" else "contradicted"
    if result == "supported" and OPPOSITE.get(kind) in verdicts_at(folder, arm, levels):
        result = "mixed"
    limits = "" if test.low is None or test.high is None else f" ({points(test.low)} to {points(test.high)})"
    return {"answer": result, "effect": f"{points(deltas.mean())}{limits} points"}


def points(value: float) -> str:
    """Accuracy in points, with its sign.

    >>> points(-0.012)
    '−1.2'
    """
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")  # + 0.0: no "−0.0"


def forgiven(folder: Path, inits: Sequence[str], best: str) -> dict[str, Any]:
    """How much less accuracy initial values lose to the best ones where there is batch norm, meaned over `inits`.

    Args:
        folder: of the study, whose arms are called as the initial values are, with " + batch norm" behind or not.
        inits: the ones that lose.
        best: the ones that are the baseline.
    """
    mean = means_of(folder)
    plain = mean["baseline"] - np.mean([mean[init] for init in inits], axis=0)
    normed = mean[f"{best} + batch norm"] - np.mean([mean[f"{init} + batch norm"] for init in inits], axis=0)
    lost = f"{100 * plain.mean():.1f} points lost without, {100 * normed.mean():.1f} with batch norm; difference "
    result = answer(plain - normed, lambda value: f"{100 * value:.1f}")
    return result | {"effect": lost + result["effect"]}


def verdicts_at(folder: Path, arm: str, levels: Sequence[str]) -> list[str]:
    """Verdict of an arm in every condition that has one of the levels."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    chosen = [one for one in report["conditions"] if not levels or set(levels) & set(one["levels"].values())]
    return [side["contrast"]["verdict"] for one in chosen for side in one["arms"] if side["arm"] == arm]


def averages(folder: Path) -> dict[str, tuple[str, str]]:
    """Verdict and effect of every arm on average over the conditions, as the change of errors in per cent."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    within = {arm for arm, p in equivalent_on_average(report).items() if p is not None and p <= ALPHA}
    found = {side["arm"]: (side["verdict"], change_of(side["change"])) for side in report["arms"]}
    return {
        arm: ("equivalent" if verdict == "inconclusive" and arm in within else verdict, effect)
        for arm, (verdict, effect) in found.items()
    }


def change_of(change: dict[str, Any]) -> str:
    """`−20 % errors (−25 to −10)`, from logarithms."""
    keys = ("mean",) if change["low"] is None else ("mean", "low", "high")
    mean, *limits = (f"{100 * math.expm1(change[key]):+.0f}".replace("-", "−") for key in keys)
    return f"{mean} % errors" + (f" ({limits[0]} to {limits[1]})" if limits else "")
