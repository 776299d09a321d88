"""How alpha is spent over planned looks at growing data, so that looking again does not make verdicts of noise."""

from collections.abc import Sequence


def level_at(alpha: float, looks: Sequence[int], seeds: int) -> float:
    """Give the level of the look at so many seeds: half of alpha at the first, half of what is left at the next, ...

    The last look gets all that is left, so that the levels add up to alpha: with no effect anywhere, the probability
    that any look calls any arm better or worse is at most alpha, whatever the looks have in common.

    Args:
        alpha: family-wise level over all looks, between 0 and 1.
        looks: the planned numbers of seeds, ascending; empty for a single look, at any number.
        seeds: how many there are at this look; between two planned numbers, the level is that of the next one.

    Returns:
        A level between 0 and alpha.

    Example:
        >>> [level_at(0.04, (6, 12, 24), n) for n in (6, 12, 24)], level_at(0.04, (), 6)
        ([0.02, 0.01, 0.01], 0.04)

    References:
        Lan, DeMets. Discrete sequential boundaries for clinical trials. 1983. https://doi.org/10.1093/biomet/70.3.659
    """
    place = sum(seeds > planned for planned in looks[:-1])
    return alpha / 2 ** min(place + 1, max(0, len(looks) - 1))
