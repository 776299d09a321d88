"""What measures of several cards share: the test accuracies of a study, and an answer from numbers of its seeds."""

import csv
import json
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
