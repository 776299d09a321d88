"""The learning rate of every arm over its whole training, for the report.

Rows hold the rate at evaluations only, between which a schedule may restart. A schedule is a pure function of the step,
so it is computed for every step, and written down at as many of them as a figure can show.
"""

import jax
import numpy as np
from jaxtyping import Float, Int

from ablate.results.schema import RateRecord, Study
from ablate.runner.interrupts import Between, go_on
from ablate.runner.plan import Plan
from ablate.train.lanes import learning_rates
from ablate.train.loop import number

EVALUATED = 2**16  # steps at which schedules are computed; longer trainings at that many of theirs
EVENLY = 200  # of these, how many are kept at even distances
JUMP = 0.02  # of the largest rate: both sides of a larger change between neighbours are kept
MOST = 2_000


def rates_of(plan: Plan, between: Between = go_on) -> dict[str, dict[str, RateRecord]]:
    """Arm -> name of the rate -> lists `step` and `rate` of equal length, null where not finite, of its first seed.

    A rate that follows the validation history is left out: what it was stands in the rows.

    Args:
        plan: the study.
        between: called before each program; what it raises ends the computation there.
    """
    recorded: dict[str, dict[str, RateRecord]] = {}
    for item in plan.programs:
        between()
        total = item.training.steps
        steps = np.unique(np.linspace(0, total - 1, min(total, EVALUATED)).round().astype(np.int32))
        hps = [jax.tree.map(np.float32, item.inputs[lane.cell.name].hp) for lane in item.firsts.values()]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *hps)
        rates = learning_rates(item.task, stacked, total, steps, _histories(item.evaluations))
        for k, arm in enumerate(item.firsts):
            pairs = {name: both[:, k] for name, both in sorted(rates.items())}
            known = {name: both[0] for name, both in pairs.items() if np.array_equal(*both, equal_nan=True)}
            recorded[arm] = {name: _record(steps, rate) for name, rate in known.items()}
    return recorded


def _histories(evaluations: int) -> Float[np.ndarray, "2 evaluations"]:
    """A validation loss that always falls and one that never does: what reads the history tells them apart."""
    return np.stack([-np.arange(evaluations, dtype=np.float32), np.zeros(evaluations, np.float32)])


def with_rates(study: Study, plan: Plan, between: Between = go_on) -> Study:
    """Notes `rates` in every arm of study.json; `between` as in `rates_of`."""
    rates = rates_of(plan, between)
    return {**study, "arms": [{**arm, "rates": rates[arm["name"]]} for arm in study["arms"]]}


def _record(steps: Int[np.ndarray, " steps"], rates: Float[np.ndarray, " steps"]) -> RateRecord:
    kept = shown(rates)
    return {"step": steps[kept].tolist(), "rate": [number(rate) for rate in rates[kept]]}


def shown(rates: Float[np.ndarray, " steps"]) -> Int[np.ndarray, " kept"]:
    """Positions at which straight lines draw the curve: evenly spread ones, and both sides of every jump.

    >>> shown(np.array([0.1] * 5 + [0.05] * 500, np.float32))[:4].tolist()
    [0, 3, 4, 5]
    """
    even = np.linspace(0, rates.size - 1, min(rates.size, EVENLY)).round().astype(int)
    known = rates[np.isfinite(rates)]  # a rate that leaves the range of float32 diverges its cell, not the study
    largest = np.abs(known).max() if known.size else 0.0
    with np.errstate(invalid="ignore"):  # inf - inf
        before = np.flatnonzero(np.abs(np.diff(rates)) > JUMP * largest)
    kept = np.unique(np.concatenate([even, before, before + 1]))
    # A rate that jumps at every step fills the figure however it is drawn.
    return kept if kept.size <= MOST else kept[np.linspace(0, kept.size - 1, MOST).round().astype(int)]
