"""What a result costs: when a run first reaches a target, and which arms nothing else beats in quality and cost."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float


class TimeToTarget(NamedTuple):
    """When the runs of one arm first reached the target: None for a run that did not, which is censored, not slow."""

    times: tuple[float | None, ...]
    reached: int
    runs: int
    median: float | None


def first_reached(
    steps: Float[np.ndarray, "evaluations"],
    curve: Float[np.ndarray, "evaluations"],
    target: float,
    *,
    higher_is_better: bool,
) -> float | None:
    """Give the first step at which a validation curve is at the target or better: min {step : value >= target}.

    Args:
        steps: step (or seconds) of each evaluation, ascending.
        curve: metric at each evaluation; nan, as after divergence, is short of any target.
        target: in the metric's unit.
        higher_is_better: direction of the metric.

    Returns:
        A step out of `steps`, or None if the target was not reached.

    Raises:
        ValueError: if the lengths differ or the target is not finite.

    Example:
        >>> first_reached(np.array([10.0, 20.0, 30.0]), np.array([0.5, 0.8, 0.7]), 0.7, higher_is_better=True)
        20.0

    References:
        Dahl et al., "Benchmarking neural network training algorithms", 2023, https://arxiv.org/abs/2306.07179
    """
    steps, curve = np.asarray(steps), np.asarray(curve, dtype=np.float64)
    if steps.shape != curve.shape or not np.isfinite(target):
        raise ValueError(f"expected one step per value and a finite target, got {steps.shape}, {curve.shape}, {target}")
    there = curve >= target if higher_is_better else curve <= target
    return float(steps[np.argmax(there)]) if there.any() else None


def time_to_target(times: Sequence[float | None]) -> TimeToTarget:
    """Summarise when runs reached a target; the median counts misses as later than all: median of (times, inf, ...).

    So it exists only if more than half of the runs reached the target. A mean of those that did would reward an arm for
    failing on its slow seeds.

    Args:
        times: of `first_reached`, one per run.

    Returns:
        Times, counts, and the median or None.

    Example:
        >>> time_to_target([20.0, None, 40.0]).median, time_to_target([20.0, None]).median
        (40.0, None)

    References:
        Kaplan and Meier, "Nonparametric estimation from incomplete observations", JASA 1958,
        https://doi.org/10.1080/01621459.1958.10501452
    """
    known = [t for t in times if t is not None]
    median = None
    if 2 * len(known) > len(times):
        ordered = sorted(known) + [np.inf] * (len(times) - len(known))
        median = float(np.median(ordered))
    return TimeToTarget(tuple(times), len(known), len(times), median)


def pareto_front(
    quality: Float[np.ndarray, "arms"], cost: Float[np.ndarray, "arms"], *, higher_is_better: bool = True
) -> Bool[np.ndarray, "arms"]:
    """Mark the arms that no other beats: none is at least as good and as cheap, and better in one of the two.

    Args:
        quality: mean metric per arm; nan (nothing to show) is never on the front.
        cost: seconds, steps or parameters per arm, less is better; nan likewise.
        higher_is_better: direction of the quality.

    Returns:
        True where an arm is on the front; equal arms are on it together.

    Raises:
        ValueError: if the lengths differ.

    Example:
        >>> pareto_front(np.array([0.9, 0.8, 0.95]), np.array([1.0, 2.0, 3.0])).tolist()
        [True, False, True]

    References:
        Deb, "Multi-objective optimization using evolutionary algorithms", 2001, ISBN 978-0-471-87339-6
    """
    quality, cost = np.asarray(quality, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    if quality.shape != cost.shape:
        raise ValueError(f"expected one cost per quality, got {quality.shape} and {cost.shape}")
    good = quality if higher_is_better else -quality
    as_good, as_cheap = good[:, None] >= good[None], cost[:, None] <= cost[None]
    better = (good[:, None] > good[None]) | (cost[:, None] < cost[None])
    beaten = (as_good & as_cheap & better).any(axis=0)
    return ~beaten & ~np.isnan(good) & ~np.isnan(cost)
