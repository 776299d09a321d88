"""Do the rules keep their promises: simulated studies in which the truth is known, vectorised over studies.

A simulated metric is a seed's part, shared by all arms, plus a cell's own: the baseline's noise is in every delta, so
arms correlate as they do in a study. Everything is in units of the standard deviation of one cell.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ablate.stats.batched_tests import flip_p, holm_rejects, t_p
from ablate.stats.draws import Noise, draw_cells, draw_deltas, normal
from ablate.stats.exact import EXACT_UP_TO
from ablate.stats.failure import Rate, rate
from ablate.stats.verdict import VERDICTS, compare

NUMBERS_AT_ONCE = 2_000_000


def simulate_family_wise(
    n: int,
    arms: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    alpha: float = 0.05,
    test: str = "paired t",
    shared: float = 0.5,
    helping: int = 0,
    effect: float = 0.0,
    noise: Noise = normal,
) -> Rate:
    """Count studies in which any arm without an effect is called better or worse, by Holm over all arms.

    Args:
        n: seeds per arm, 2 or more.
        arms: arms besides the baseline.
        repeats: studies.
        rng: source of all draws.
        alpha: family-wise level.
        test: "paired t", or "sign flip" for the exact test (to n = 16).
        shared: part of a cell's variance that belongs to its seed, 0 to below 1.
        helping: how many of the arms have a real effect.
        effect: that effect, in standard deviations of a cell.
        noise: draws of mean 0 and variance 1.

    Returns:
        Rate of studies with a false verdict; the promise is at most alpha.

    Raises:
        ValueError: if the test is unknown or the exact one asked for more than 16 seeds.

    Example:
        >>> family_wise = simulate_family_wise(n=6, arms=3, repeats=2000, rng=np.random.default_rng(0))
        >>> family_wise.low < 0.05
        True

    References:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979,
        https://www.jstor.org/stable/4615733
    """
    tests = {"paired t": t_p, "sign flip": flip_p}
    if test not in tests or (test == "sign flip" and n > EXACT_UP_TO):
        raise ValueError(
            f"expected 'paired t', or 'sign flip' with at most {EXACT_UP_TO} seeds, got {test!r}, {n} seeds"
        )
    effects = np.where(np.arange(arms) < helping, effect, 0.0)
    hits = 0
    for size in chunks(repeats, (arms + 1) * n * (1 if test == "paired t" else 2 ** (n - 1))):
        deltas = draw_deltas(size, arms, n, rng, shared=shared, noise=noise) + effects[:, None]
        hits += int((holm_rejects(tests[test](deltas), alpha) & (effects == 0)).any(axis=1).sum())
    return rate(hits, repeats)


def simulate_coverage(
    n: int, repeats: int, rng: np.random.Generator, *, confidence: float = 0.95, arms: int = 1, noise: Noise = normal
) -> Rate:
    """Count studies whose Bonferroni-t intervals hold the true deltas of all arms at once (one arm: the t interval).

    Args:
        n: seeds per arm, 2 or more.
        repeats: studies.
        rng: source of all draws.
        confidence: promised, between 0 and 1.
        arms: intervals that must hold together.
        noise: draws of mean 0 and variance 1.

    Returns:
        Rate of studies covered.

    Example:
        >>> coverage = simulate_coverage(5, 2000, np.random.default_rng(0))
        >>> coverage.low < 0.95 < coverage.high
        True

    References:
        Morris, White and Crowther, "Using simulation studies to evaluate statistical methods", Statistics in Medicine
        2019, https://doi.org/10.1002/sim.8086
    """
    # An interval holds zero exactly where its test does not reject.
    level = (1 - confidence) / arms
    hits = 0
    for size in chunks(repeats, (arms + 1) * n):
        hits += int((t_p(draw_deltas(size, arms, n, rng, noise=noise)) >= level).all(axis=1).sum())
    return rate(hits, repeats)


def simulate_power(
    effect: float, sd: float, n: int, repeats: int, rng: np.random.Generator, *, alpha: float = 0.05
) -> Rate:
    """Count studies that find a true effect: paired t, p <= alpha, normal deltas.

    Args:
        effect: true mean delta.
        sd: standard deviation of the deltas, in the same unit.
        n: seeds, 2 or more.
        repeats: studies.
        rng: source of all draws.
        alpha: level of the test.

    Returns:
        Rate of studies that find it.

    Example:
        >>> simulate_power(3.0, 1.0, 6, 1000, np.random.default_rng(0)).rate > 0.99
        True

    References:
        Morris, White and Crowther, "Using simulation studies to evaluate statistical methods", Statistics in Medicine
        2019, https://doi.org/10.1002/sim.8086
    """
    hits = sum(int((t_p(effect + sd * rng.standard_normal((size, n))) <= alpha).sum()) for size in chunks(repeats, n))
    return rate(hits, repeats)


def simulate_verdicts(
    n: int,
    arms: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    effect: float = 0.0,
    margin: float | None = None,
    diverges: float = 0.0,
    shared: float = 0.5,
    paired: bool = True,
    alpha: float = 0.05,
    test: str = "t",
) -> dict[str, Rate]:
    """Run `verdict.compare` itself on simulated studies, and count those that give each verdict to any arm.

    Args:
        n: seeds per arm.
        arms: arms besides the baseline.
        repeats: studies; about a millisecond each and arm.
        rng: source of all draws.
        effect: true delta of every arm, in standard deviations of a cell.
        margin: of equivalence, in the same unit.
        diverges: probability that a cell diverges, the same in every arm and the baseline.
        shared: part of a cell's variance that belongs to its seed.
        paired: as in `compare`.
        alpha: family-wise level.
        test: as in `compare`.

    Returns:
        Verdict to rate; under "better or worse" the rate of either, and under "by failure" that of studies with a
        verdict that rests on failures alone.

    Example:
        >>> rates = simulate_verdicts(6, 1, 50, np.random.default_rng(0), effect=5.0)
        >>> rates["better"].rate
        1.0

    References:
        Morris, White and Crowther, "Using simulation studies to evaluate statistical methods", Statistics in Medicine
        2019, https://doi.org/10.1002/sim.8086
    """
    hits: dict[str, int] = dict.fromkeys((*VERDICTS, "better or worse", "by failure"), 0)
    for _ in range(repeats):
        cells = draw_cells(1, arms, n, rng, shared=shared, noise=normal)[0]
        cells[1:] += effect
        cells[rng.random(cells.shape) < diverges] = np.nan
        study = {str(i): dict(enumerate(row.tolist())) for i, row in enumerate(cells)}
        rules: dict[str, Any] = {"alpha": alpha, "margin": margin, "paired": paired, "test": test}
        found = compare(study, "0", higher_is_better=True, **rules).values()
        verdicts = {contrast.verdict for contrast in found} | {"by failure" for each in found if each.by_failure}
        verdicts |= {"better or worse" for verdict in ("better", "worse") if verdict in verdicts}
        for verdict in verdicts:
            hits[verdict] += 1
    return {name: rate(count, repeats) for name, count in hits.items()}


def chunks(repeats: int, numbers: int) -> Iterator[int]:
    """Split the repeats into parts of which the numbers fit into memory.

    Args:
        repeats: studies.
        numbers: that one study needs at once, 1 or more.

    Returns:
        Sizes of the parts, each 1 or more; they add up to repeats.

    Example:
        >>> list(chunks(5, 1_000_000))
        [2, 2, 1]
    """
    most = max(1, NUMBERS_AT_ONCE // numbers)
    yield from [most] * (repeats // most)
    if repeats % most:
        yield repeats % most
