"""What a result costs: when a run first reaches a target, and which arms nothing else beats in quality and cost."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ablate.stats.checks import rounding_of


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


def value_at(steps: Float[np.ndarray, "evaluations"], curve: Float[np.ndarray, "evaluations"], step: float) -> float:
    """Read a curve between its evaluations: linear from one to the next, constant before the first and after the last.

    Args:
        steps: of the evaluations, ascending.
        curve: metric at each of them; those that are not finite are passed over.
        step: where to read.

    Returns:
        The value in the metric's unit; nan where no evaluation is finite.

    Example:
        >>> value_at(np.array([0.0, 100.0, 200.0]), np.array([0.5, 0.7, 0.8]), 150.0)
        0.75
    """
    steps, curve = np.asarray(steps, dtype=np.float64), np.asarray(curve, dtype=np.float64)
    known = np.isfinite(curve)
    return float(np.interp(step, steps[known], curve[known])) if known.any() else float("nan")


def steps_worth(
    steps: Float[np.ndarray, "evaluations"],
    curve: Float[np.ndarray, "evaluations"],
    gain: float,
    *,
    higher_is_better: bool,
) -> float | None:
    """Say in steps what a gain is worth: the last steps of a curve in which it improved by as much.

    The curve is read backwards from its end to the first place that is worse than the end by |gain|, linear between
    evaluations. Where training pays less and less, so many further steps would give less than the gain. Under a
    learning rate that decays to zero, the last steps give more than any others, and a gain is worth fewer of them.

    Args:
        steps: of the evaluations, ascending.
        curve: mean metric at each of them, finite.
        gain: in the metric's unit and direction, so that more is better where higher is better.
        higher_is_better: direction of the metric.

    Returns:
        Steps, negative for a loss; plus or minus infinity for more than the whole curve made. None without two
        evaluations, and where the curve was better than its end by more than half of the gain on the way: it wavers, or
        falls, and further steps give nothing.

    Example:
        >>> steps, curve = np.array([0.0, 100.0, 200.0, 300.0]), np.array([0.1, 0.6, 0.8, 0.9])
        >>> [round(steps_worth(steps, curve, gain, higher_is_better=True)) for gain in (0.05, -0.2)]
        [50, -150]
        >>> steps_worth(steps, curve, 0.9, higher_is_better=True)
        inf
    """
    steps, better = np.asarray(steps, dtype=np.float64), 1.0 if higher_is_better else -1.0
    short = better * (np.asarray(curve, dtype=np.float64)[-1:] - curve) - abs(gain)  # at or above 0: as much worse
    sign = float(np.sign(better * gain)) if abs(gain) > rounding_of(curve) else 0.0
    if short.size < 2 or not sign:
        return None if short.size < 2 else 0.0
    short = np.where(np.abs(short) <= rounding_of(curve), 0.0, short)
    reached = np.flatnonzero(short >= 0)
    last = int(reached[-1]) if reached.size else 0  # never the end itself, which is no worse than the end
    if (short[last:] + abs(gain)).min() < -abs(gain) / 2:
        return None
    if not reached.size:
        return sign * float("inf")
    share = short[last] / (short[last] - short[last + 1])
    return sign * float(steps[-1] - steps[last] - share * (steps[last + 1] - steps[last]))


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
