"""What measures of several cards share: the test accuracies of a study, and an answer from numbers of its seeds."""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ablate.stats.paired import t_interval

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


def means_of(folder: Path) -> dict[str, np.ndarray]:
    """Test accuracy of every arm by seed, in the order of seeds: the mean over all conditions."""
    by_seed: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells_of(folder):
        by_seed[cell.arm][cell.seed].append(cell.accuracy)
    return {arm: np.array([np.mean(runs[seed]) for seed in sorted(runs)]) for arm, runs in by_seed.items()}


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


def verdicts_at(folder: Path, arm: str, levels: Sequence[str]) -> list[tuple[str, str]]:
    """Verdict and effect of an arm in every condition that has one of the levels, the accuracy in points."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    chosen = [one for one in report["conditions"] if set(levels) & set(one["levels"].values())]
    contrasts = [side["contrast"] for one in chosen for side in one["arms"] if side["arm"] == arm]
    return [(contrast["verdict"], points_of(contrast)) for contrast in contrasts]


def averages(folder: Path) -> dict[str, tuple[str, str]]:
    """Verdict and effect of every arm on average over the conditions, as the change of errors in per cent."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {side["arm"]: (side["verdict"], change_of(side["change"])) for side in report["arms"]}


def change_of(change: dict[str, Any]) -> str:
    """`−20 % errors (−25 to −10)`, from logarithms."""
    keys = ("mean",) if change["low"] is None else ("mean", "low", "high")
    mean, *limits = (f"{100 * math.expm1(change[key]):+.0f}".replace("-", "−") for key in keys)
    return f"{mean} % errors" + (f" ({limits[0]} to {limits[1]})" if limits else "")


def points_of(contrast: dict[str, Any]) -> str:
    """`+0.4 (−0.1 to +0.9) points`; how many runs failed where too few are left for an interval."""
    if contrast["low"] is None:
        lost, before = (contrast[side]["hits"] for side in ("failures", "failures_baseline"))
        return f"{lost} runs lost, {before} of the baseline"
    mean, low, high = (f"{100 * contrast[key]:+.1f}".replace("-", "−") for key in ("mean", "low", "high"))
    return f"{mean} ({low} to {high}) points"


def agreement(verdicts: Sequence[tuple[str, str]], expected: Sequence[str]) -> dict[str, Any]:
    """Supported where every verdict is one of those expected, contradicted where one is another than inconclusive."""
    kinds = {kind for kind, _ in verdicts}
    others = kinds - set(expected) - {"inconclusive"}
    kind = "supported" if kinds <= set(expected) else "contradicted" if others else "undecided"
    if others and kinds & set(expected):
        kind = "mixed"
    return {"answer": kind, "effect": "; ".join(effect for _, effect in verdicts)}
