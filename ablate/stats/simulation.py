"""The promises of the statistics beside what simulated studies with a known truth gave."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ablate.stats.power import minimum_detectable_effect
from ablate.stats.simulate import (
    Rate,
    simulate_coverage,
    simulate_family_wise,
    simulate_power,
    simulate_verdicts,
)

SEEDS = (3, 4, 6, 10, 20)
ARMS = (1, 2, 5, 10, 20)
HEADER = ("seeds", "arms", "rate", "95 % interval", "promise")


def simulation_report(repeats: int, seed: int = 0) -> str:
    """The report of all simulations, in Markdown.

    Args:
        repeats: studies per line of the fast simulations; those that run the verdict code itself take a hundredth.
        seed: of the generator.

    Returns:
        A title and one table per promise.

    Example:
        >>> simulation_report(repeats=5).splitlines()[0]
        '# What the statistics promise, and what they keep'
    """
    sections = (
        ("False verdicts when no arm has an effect", "Share of studies with any arm better or worse.", _family_wise),
        ("False verdicts of the verdict code itself", "The same, by the function that reports call.", _verdicts),
        ("Coverage of the 95 % interval", "Share of intervals that hold the true delta.", _coverage),
        ("Power at the minimum detectable effect", "Share of studies that find an effect of that size.", _power),
    )
    rng = np.random.default_rng(seed)
    lines = ["# What the statistics promise, and what they keep", "", f"{repeats:,} studies per line, seed {seed}."]
    for title, what, rows in sections:
        lines += ["", f"## {title}", "", what, "", _line(HEADER), _line(["---:"] * len(HEADER))]
        lines += [_line(row) for row in rows(repeats, rng)]
    return "\n".join(lines) + "\n"


Rows = Callable[[int, np.random.Generator], Iterator[Sequence[str]]]


def _family_wise(repeats: int, rng: np.random.Generator) -> Iterator[Sequence[str]]:
    for n in SEEDS:
        for arms in ARMS:
            yield _row(n, arms, simulate_family_wise(n, arms, repeats, rng), "at most .05")


def _verdicts(repeats: int, rng: np.random.Generator) -> Iterator[Sequence[str]]:
    for n, arms in ((6, 1), (6, 5), (12, 5)):
        rates = simulate_verdicts(n, arms, max(repeats // 100, 100), rng)
        claims = rates["better"].hits + rates["worse"].hits
        yield (str(n), str(arms), f"{claims / rates['better'].repeats:.4f}", "–", "at most .05")


def _coverage(repeats: int, rng: np.random.Generator) -> Iterator[Sequence[str]]:
    for n in SEEDS:
        yield _row(n, 1, simulate_coverage(n, repeats, rng), ".95")


def _power(repeats: int, rng: np.random.Generator) -> Iterator[Sequence[str]]:
    for n in SEEDS:
        effect = minimum_detectable_effect(1.0, n)
        if effect is not None:
            yield _row(n, 1, simulate_power(effect, 1.0, n, repeats, rng), ".80")


def _row(n: int, arms: int, rate: Rate, promise: str) -> Sequence[str]:
    return str(n), str(arms), f"{rate.rate:.4f}", f"{rate.low:.4f} to {rate.high:.4f}", promise


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
