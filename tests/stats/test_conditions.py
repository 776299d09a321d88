"""Effects that differ between conditions, against scipy by hand and by simulation."""

import numpy as np
import pytest
import scipy.stats

from ablate.stats.conditions import Effects, departures
from ablate.stats.multiple import holm
from ablate.stats.simulate_others import simulate_departures

GRID = {"data": ("a", "a", "a", "b", "b", "b"), "model": ("x", "y", "z", "x", "y", "z")}


def effects(seeds=6, conditions=6, seed=0, **changes):
    return Effects(np.random.default_rng(seed).standard_normal((seeds, conditions)), **{"rounding": 0.0, **changes})


def test_a_departure_is_a_paired_t_test_of_means_over_the_other_factor():
    tricks = {"one": effects(), "two": effects(seed=1)}
    found = departures(tricks, GRID)
    # Two levels make one test, three make three.
    assert [(d.what, d.level, d.others) for d in found["one"]] == [
        ("data", "a", "b"), ("model", "x", ""), ("model", "y", ""), ("model", "z", ""),
    ]  # fmt: skip
    by_hand = []
    for name in tricks:
        own = tricks[name].by_seed
        sides = [
            (own[:, :3], own[:, 3:]),
            *((own[:, [k, k + 3]], np.delete(own, [k, k + 3], axis=1)) for k in range(3)),
        ]
        by_hand += [scipy.stats.ttest_rel(there.mean(axis=1), rest.mean(axis=1)) for there, rest in sides]
        for departure, (there, rest) in zip(found[name], sides, strict=True):
            assert (departure.there, departure.elsewhere) == pytest.approx((there.mean(), rest.mean()))
            assert departure.mean == pytest.approx(there.mean() - rest.mean())
    flat = found["one"] + found["two"]
    assert [d.p for d in flat] == pytest.approx([test.pvalue for test in by_hand])
    assert [d.p_holm for d in flat] == pytest.approx(holm([test.pvalue for test in by_hand]))
    low, high = by_hand[0].confidence_interval()
    assert (flat[0].low, flat[0].high) == pytest.approx((low, high))


def test_a_difference_is_found_where_it_is_and_its_floor_is_that_of_the_seeds():
    own = effects(10).by_seed * 0.1
    own[:, 3:] += 5.0
    data, *models = departures(
        {"one": Effects(own, 0.0), **{f"null {k}": effects(10, seed=k) for k in range(1, 12)}}, GRID
    )["one"]
    assert data.p_max_t == 2 / 2**10
    assert data.p_holm < 1e-6
    assert all(d.p_holm == 1.0 for d in models)


def test_seeds_with_a_failed_run_are_left_out_and_too_few_give_no_test():
    own = effects().by_seed
    own[2, 4] = np.nan
    kept = departures({"one": Effects(np.delete(own, 2, axis=0), 0.0)}, GRID)["one"]
    left_out = departures({"one": Effects(own, 0.0)}, GRID)["one"]
    assert left_out == [pytest.approx(d) if isinstance(d, float) else d for d in kept]
    assert left_out[0].n == 5
    own[1:] = np.nan
    assert {(d.n, d.p, d.p_holm, d.p_max_t) for d in departures({"one": Effects(own, 0.0)}, GRID)["one"]} == {
        (1, None, None, None)
    }
    nothing = departures({"one": Effects(own[:0], 0.0)}, GRID)["one"][0]
    assert (nothing.n, nothing.mean, nothing.there) == (0, None, None)


def test_what_is_equal_up_to_rounding_does_not_differ():
    own = np.full((6, 2), 0.02) + 1e-9 * np.arange(12).reshape(6, 2)
    (same,) = departures({"one": Effects(own, 1e-6)}, {"data": ("a", "b")})["one"]
    assert (same.p, same.p_holm, same.p_max_t) == (1.0, 1.0, 1.0)


def test_one_level_is_no_comparison_and_shapes_must_fit():
    assert departures({"one": effects(conditions=2)}, {"data": ("a", "a")}) == {"one": []}
    with pytest.raises(ValueError, match=r"expected effects \(seeds, 6\)"):
        departures({"one": effects(conditions=2)}, GRID)


@pytest.mark.parametrize("levels", [{"data": ("a", "b")}, GRID], ids=["2", "2 x 3"])
def test_effects_that_are_alike_everywhere_are_seldom_said_to_differ(levels):
    rng = np.random.default_rng(3)
    for n, tricks, shared in ((6, 3, 0.5), (4, 1, 0.0)):
        rates = simulate_departures(n, tricks, 400, rng, levels=levels, shared=shared, confidence=0.999)
        assert all(rate.low <= 0.05 for rate in rates)
