"""Designs against pydoe, the published catalogue of minimum-aberration fractions, and orthogonality itself."""

import itertools
from collections import Counter

import numpy as np
import pydoe
import pytest

from ablate.stats.designs import (
    PLACKETT_BURMAN_RUNS,
    _fraction,
    alias_table,
    fractional,
    full,
    plackett_burman,
    resolution,
    word_lengths,
)

# (factors, runs): numbers of words of length 3, 4, 5, from Box, Hunter and Hunter's and Wu and Hamada's tables.
CATALOGUE = {
    3: {(3, 4): (1, 0, 0), (5, 8): (2, 1, 0), (6, 8): (4, 3, 0), (7, 8): (7, 7, 0), (9, 16): (4, 14, 8)}
    | {(10, 16): (8, 18, 16), (11, 16): (12, 26, 28), (15, 16): (35, 105, 168)},
    4: {(4, 8): (0, 1, 0), (6, 16): (0, 3, 0), (7, 16): (0, 7, 0), (8, 16): (0, 14, 0), (9, 32): (0, 6, 8)}
    | {(10, 32): (0, 10, 16), (11, 32): (0, 25, 0), (15, 32): (0, 105, 0)},
    5: {(5, 16): (0, 0, 1), (6, 32): (0, 0, 0), (8, 64): (0, 0, 2), (10, 128): (0, 0, 3), (11, 128): (0, 0, 6)},
}


@pytest.mark.parametrize("asked", [3, 4, 5])
@pytest.mark.parametrize("factors", range(1, 16))
def test_a_fraction_is_what_it_says(factors, asked):
    design = fractional(factors, asked)
    matrix = design.matrix
    assert set(np.unique(matrix)) <= {0, 1}
    assert not matrix[0].any()
    assert len(np.unique(matrix, axis=0)) == len(matrix) == 2**design.base
    for j, generator in enumerate(design.generators):
        np.testing.assert_array_equal(matrix[:, design.base + j], matrix[:, list(generator)].sum(axis=1) % 2)
    if design.resolution is None:
        assert len(matrix) == 2**factors
    else:
        assert design.resolution >= asked
        # Strength: any fewer columns than the resolution show all their combinations equally often.
        for few in itertools.combinations(range(factors), min(asked - 1, factors)):
            counts = np.bincount(matrix[:, few] @ (1 << np.arange(len(few))), minlength=2 ** len(few))
            assert np.ptp(counts) == 0


@pytest.mark.parametrize(("asked", "size", "words"), [(r, s, w) for r, t in CATALOGUE.items() for s, w in t.items()])
def test_runs_and_words_are_those_of_the_catalogue(asked, size, words):
    design = fractional(size[0], asked)
    counts = Counter(design.word_lengths)
    assert (len(design.matrix), *(counts[n] for n in (3, 4, 5))) == (size[1], *words)


@pytest.mark.parametrize(("factors", "asked"), [(5, 3), (7, 3), (6, 4), (8, 4), (5, 5), (6, 5)])
def test_no_more_runs_than_pydoe(factors, asked):
    assert len(fractional(factors, asked).matrix) <= len(pydoe.fracfact_by_res(factors, asked))


def letters(design):
    base = "abcdefgh"[: design.base]
    return " ".join([*base, *("".join(base[i] for i in g) for g in design.generators)])


@pytest.mark.parametrize(("factors", "asked"), [(3, 3), (4, 4), (5, 3), (6, 4), (7, 4), (7, 3), (5, 5)])
def test_matrix_and_aliases_are_pydoes(factors, asked):
    design = fractional(factors, asked)
    theirs = pydoe.fracfact(letters(design))
    # pydoe multiplies -1 and +1: a product of an even number of factors comes with the other sign than exclusive or.
    flip = np.array([1] * design.base + [1 if len(g) % 2 else -1 for g in design.generators])
    rows = {tuple(r) for r in (theirs * flip).astype(int).tolist()}
    assert rows == {tuple(r) for r in (2 * design.matrix - 1).tolist()}
    expected = {}
    for line in pydoe.fracfact_aliasing(theirs)[0]:
        group = [tuple("abcdefgh".index(x) for x in word.strip()) for word in line.split("=")]
        for effect in group:
            expected[effect] = {other for other in group if other != effect and len(other) <= 2}
    found = alias_table(design.matrix)
    assert {e: set(a) for e, a in found.items()} == {e: a for e, a in expected.items() if len(e) <= 2}
    assert all(abs(w) == 1 for a in found.values() for w in a.values())


def test_the_sign_of_an_alias_is_the_bias_of_the_effect():
    design = fractional(3, resolution=3).matrix
    signs = 2 * design - 1
    y = 0.7 * signs[:, 0] + 0.2 * signs[:, 1] * signs[:, 2]
    estimate = (y[design[:, 0] == 1].mean() - y[design[:, 0] == 0].mean()) / 2
    assert estimate == pytest.approx(0.7 + 0.2 * alias_table(design)[0,][1, 2])


@pytest.mark.parametrize("factors", range(1, 24))
def test_plackett_burman_is_orthogonal_and_smallest(factors):
    matrix = plackett_burman(factors)
    signs = 2 * matrix - 1
    assert len(matrix) == min(n for n in PLACKETT_BURMAN_RUNS if n > factors)
    np.testing.assert_array_equal(signs.T @ signs, len(matrix) * np.eye(factors, dtype=int))
    assert not signs.sum(axis=0).any()
    assert not matrix[-1].any()


@pytest.mark.parametrize(
    "row", ["++-+++---+-", "++--++++-+-+----++-", "+++++-+-++--++--+-+----"], ids=lambda row: f"{len(row) + 1} runs"
)
def test_plackett_burman_shifts_the_published_rows(row):
    published = np.array([int(sign == "+") for sign in row])
    expected = {tuple(np.roll(published, shift)) for shift in range(len(row))} | {(0,) * len(row)}
    assert {tuple(r) for r in plackett_burman(len(row)).tolist()} == expected


@pytest.mark.parametrize("factors", [3, 7, 11, 15, 19])
def test_plackett_burman_has_pydoes_size_and_structure(factors):
    ours, theirs = 2 * plackett_burman(factors) - 1, pydoe.pbdesign(factors)
    assert ours.shape == theirs.shape

    def triples(signs):
        return Counter(
            abs(int(signs[:, list(c)].prod(axis=1).sum())) for c in itertools.combinations(range(factors), 3)
        )

    assert triples(ours) == triples(theirs)


def test_plackett_burman_aliases_are_partial():
    table = alias_table(plackett_burman(11))
    mains = [w for effect, aliases in table.items() if len(effect) == 1 for w in aliases.values()]
    assert set(np.round(np.abs(mains), 6)) == {round(1 / 3, 6)}
    assert all(0 not in pair and len(pair) == 2 for pair in table[0,])
    assert len(table[0,]) == 45


def test_resolution_of_matrices_and_words():
    for design in (fractional(5, 3), fractional(6, 4), fractional(5, 5), fractional(7, 5)):
        assert resolution(design.matrix) == design.resolution == word_lengths(design.base, design.generators)[0]
    assert resolution(full(4)) is None
    assert fractional(4, 5).resolution is None
    assert resolution(np.array([[0, 0], [1, 1]])) == 2
    assert resolution(np.array([[0], [0], [1]])) == 1
    assert resolution(plackett_burman(11)) == 3
    assert word_lengths(4, ()) == ()


def test_the_search_repeats_itself_and_refuses_what_it_cannot_do():
    first = fractional(9, 4)
    _fraction.cache_clear()
    assert first.generators == fractional(9, 4).generators
    assert first.proven
    for bad in ((0, 3), (18, 3), (5, 2), (5, 6)):
        with pytest.raises(ValueError, match="expected"):
            fractional(*bad)
    with pytest.raises(ValueError, match="factors"):
        plackett_burman(24)
