"""Fewer runs than the full grid: regular two-level fractions, Plackett-Burman designs, and what each cannot tell apart.

A design is a matrix of 0 (off) and 1 (on), one row per arm. Every design here contains the row of zeros, the baseline:
an added factor is the exclusive or of base factors, so a defining word of odd length comes with a minus sign. Signs are
given where effects are aliased; with 0 and 1 read as -1 and +1 they are those of the products.
"""

from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

# Most factors of a regular fraction of resolution V with 2^m runs, from the longest linear codes of distance 5 (Brouwer
# and Verhoeff 1993). III and IV have formulas: 2^m - 1 and 2^(m-1).
MOST_V = {1: 1, 2: 2, 3: 3, 4: 5, 5: 6, 6: 8, 7: 11, 8: 17}
SEARCH_STEPS = 50_000
PLACKETT_BURMAN_RUNS = (4, 8, 12, 16, 20, 24)


class Fraction(NamedTuple):
    """A regular fraction: `generators[j]` lists the base factors whose exclusive or is factor base + j.

    `resolution` is None for a full grid. `proven` tells that no other choice of generators has less aberration.
    """

    factors: int
    base: int
    generators: tuple[tuple[int, ...], ...]
    word_lengths: tuple[int, ...]
    resolution: int | None
    proven: bool
    matrix: Int[np.ndarray, "runs factors"]


def full(factors: int) -> Int[np.ndarray, "runs factors"]:
    """List all 2^factors rows, the last factor changing fastest.

    Args:
        factors: number of factors, 1 or more.

    Returns:
        Rows of 0 and 1, zeros first.

    Example:
        >>> full(2).tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]

    References:
        Box, Hunter and Hunter, "Statistics for experimenters", 2005, ISBN 978-0-471-71813-0
    """
    return np.arange(1 << factors)[:, None] >> np.arange(factors)[::-1] & 1


def fractional(factors: int, resolution: int = 4) -> Fraction:
    """Choose the regular fraction with the fewest runs that has at least this resolution, of least aberration.

    Resolution III keeps main effects apart from each other, IV also from two-way interactions, V also those from each
    other. Among fractions of one size, least aberration means the lexicographically smallest counts of words of length
    3, 4, ...: the fewest effects aliased.

    Args:
        factors: number of factors, 1 to 17.
        resolution: 3, 4 or 5.

    Returns:
        The fraction; a full grid where no fraction will do.

    Raises:
        ValueError: if factors or resolution are out of range.

    Example:
        >>> design = fractional(7, resolution=4)
        >>> design.matrix.shape, design.generators, design.word_lengths
        ((16, 7), ((0, 1, 2), (0, 1, 3), (0, 2, 3)), (4, 4, 4, 4, 4, 4, 4))

    References:
        Box and Hunter, "The 2^(k-p) fractional factorial designs", Technometrics 1961,
        https://doi.org/10.1080/00401706.1961.10489951; Fries and Hunter, "Minimum aberration 2^(k-p) designs",
        Technometrics 1980, https://doi.org/10.1080/00401706.1980.10486210
    """
    if not 1 <= factors <= MOST_V[8] or resolution not in (3, 4, 5):
        raise ValueError(f"expected 1 to {MOST_V[8]} factors and resolution 3, 4 or 5, got {factors} and {resolution}")
    base = next(m for m in range(1, factors + 1) if factors <= _most(m, resolution))
    return _fraction(factors, base, resolution)


def plackett_burman(factors: int) -> Int[np.ndarray, "runs factors"]:
    """Choose the smallest Plackett-Burman design: factors + 1 runs rounded up to 4, 8, 12, 16, 20 or 24.

    Main effects are apart from each other; each is partly aliased with many interactions. Built from quadratic
    residues modulo runs - 1 (Paley), 16 by doubling (Sylvester).

    Args:
        factors: number of factors, 1 to 23.

    Returns:
        Rows of 0 and 1, the last one zeros.

    Raises:
        ValueError: if there are more factors than the largest design holds.

    Example:
        >>> plackett_burman(3).tolist()
        [[1, 1, 0], [0, 1, 1], [1, 0, 1], [0, 0, 0]]

    References:
        Plackett and Burman, "The design of optimum multifactorial experiments", Biometrika 1946,
        https://doi.org/10.1093/biomet/33.4.305; Paley, "On orthogonal matrices", 1933,
        https://doi.org/10.1002/sapm1933121311
    """
    if not 1 <= factors < PLACKETT_BURMAN_RUNS[-1]:
        raise ValueError(f"expected 1 to {PLACKETT_BURMAN_RUNS[-1] - 1} factors, got {factors}")
    runs = next(n for n in PLACKETT_BURMAN_RUNS if n > factors)
    if runs == 16:
        # Column c of row r is the parity of the bits that r and c share: zero in the row r = 0, which goes last.
        both = np.arange(runs)[:, None] & np.arange(1, runs)
        return np.roll(np.bitwise_count(both).astype(int) & 1, -1, axis=0)[:, :factors]
    prime = runs - 1
    residue = np.isin(np.arange(prime), np.arange(prime) ** 2 % prime).astype(int)
    rows = [np.roll(residue, shift) for shift in range(prime)]
    return np.vstack([*rows, np.zeros(prime, int)])[:, :factors]


def resolution(matrix: Int[np.ndarray, "runs factors"]) -> int | None:
    """Give the resolution of any two-level design: the fewest columns whose +-1 product does not sum to zero.

    Args:
        matrix: rows of 0 and 1.

    Returns:
        1 or more; None where all products sum to zero, as in a full grid.

    Example:
        >>> resolution(plackett_burman(11)), resolution(full(3))
        (3, None)

    References:
        Deng and Tang, "Generalized resolution and minimum aberration criteria for Plackett-Burman and other
        nonregular factorial designs", Statistica Sinica 1999,
        https://www3.stat.sinica.edu.tw/statistica/j9n4/j9n411/j9n411.htm
    """
    signs = 2 * np.asarray(matrix) - 1
    for length in range(1, signs.shape[1] + 1):
        if any(signs[:, list(word)].prod(axis=1).sum() for word in combinations(range(signs.shape[1]), length)):
            return length
    return None


def alias_table(
    matrix: Int[np.ndarray, "runs factors"],
) -> dict[tuple[int, ...], dict[tuple[int, ...], float]]:
    """List for every effect up to two-way which others it cannot be told from: sum of their +-1 products / runs.

    Args:
        matrix: rows of 0 and 1.

    Returns:
        Effect (one or two factor indices) to its aliases with their weights: +-1 fully aliased (regular fractions),
        between them partly (Plackett-Burman). A positive weight adds to the estimated effect, a negative one subtracts.

    Example:
        >>> alias_table(fractional(3, resolution=3).matrix)[(0,)]
        {(1, 2): -1.0}

    References:
        Box, Hunter and Hunter, "Statistics for experimenters", 2005, ISBN 978-0-471-71813-0
    """
    signs = 2 * np.asarray(matrix) - 1
    names = [effect for size in (1, 2) for effect in combinations(range(signs.shape[1]), size)]
    products = np.stack([signs[:, list(effect)].prod(axis=1) for effect in names], axis=1)
    weights = products.T @ products / len(signs)
    np.fill_diagonal(weights, 0.0)
    return {a: {names[j]: float(row[j]) for j in np.flatnonzero(row)} for a, row in zip(names, weights, strict=True)}


def word_lengths(base: int, generators: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """List the lengths of all defining words: of every product of generators with the factors that they define.

    Args:
        base: number of base factors.
        generators: base factors of each added factor.

    Returns:
        2^added - 1 lengths, ascending; the first is the resolution.

    Example:
        >>> word_lengths(3, ((0, 1), (0, 2)))
        (3, 3, 4)

    References:
        Fries and Hunter, "Minimum aberration 2^(k-p) designs", Technometrics 1980,
        https://doi.org/10.1080/00401706.1980.10486210
    """
    words = [0]
    for j, generator in enumerate(generators):
        word = sum(1 << i for i in generator) | 1 << base + j
        words += [word ^ other for other in words]
    return tuple(sorted(word.bit_count() for word in words[1:]))


def _most(base: int, resolution: int) -> int:
    """Return the most factors that 2^base runs hold."""
    return {3: (1 << base) - 1, 4: max(base, 1 << base - 1), 5: MOST_V[min(base, 8)]}[resolution]


@cache
def _fraction(factors: int, base: int, resolution: int) -> Fraction:
    # As many runs as the resolution asked for needs may allow a higher one.
    reachable = max(r for r in (3, 4, 5) if r == resolution or factors <= _most(base, r))
    chosen, proven = _search(factors, base, reachable)
    generators = tuple(tuple(i for i in range(base) if word >> i & 1) for word in chosen)
    lengths = word_lengths(base, generators)
    rows = full(base)
    added = [rows[:, list(generator)].sum(axis=1) & 1 for generator in generators]
    matrix = np.column_stack([rows, *added]) if added else rows
    matrix.flags.writeable = False  # The result is cached.
    return Fraction(factors, base, generators, lengths, lengths[0] if lengths else None, proven, matrix)


def _search(factors: int, base: int, resolution: int) -> tuple[tuple[int, ...], bool]:
    """Find the generators of least aberration, as bit masks, by branch and bound; False if the steps ran out first."""
    # Long words first: the first design found is then good, and the bound cuts early.
    masks = sorted((m for m in range(1, 1 << base) if m.bit_count() > 1), key=lambda m: (-m.bit_count(), m))
    best: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    steps = 0
    stack: list[tuple[tuple[int, ...], int, np.ndarray]] = [((), 0, np.zeros(1, np.int64))]
    while stack:
        chosen, start, words = stack.pop()
        steps += 1
        if best and steps > SEARCH_STEPS:
            return best[-1][1], False
        counts = tuple(np.bincount(np.bitwise_count(words[1:]), minlength=factors + 1).tolist())
        # Words only multiply further down, so a partial count that is already as bad cannot win.
        if any(counts[:resolution]) or (best and counts >= best[-1][0]):
            continue
        if len(chosen) == factors - base:
            best.append((counts, chosen))
            continue
        left = factors - base - len(chosen)
        for i in range(len(masks) - left, start - 1, -1):
            word = masks[i] | 1 << base + len(chosen)
            stack.append(((*chosen, masks[i]), i + 1, np.concatenate([words, words ^ word])))
    return best[-1][1], True
