import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.tricks import (
    Clock,
    early_stopping,
    ema,
    freeze,
    last_checkpoints,
    multipliers,
    never,
    plateau,
    snapshots,
    swa,
)


def test_multipliers_search_the_path():
    def factor(path, pattern):
        return float(multipliers(path, Clock(0), pattern=pattern, factor=jnp.float32(0.5)))

    assert factor("stage_0_block_1/conv_0/kernel", r"stage_[01]") == 0.5
    assert factor("stage_2_block_1/conv_0/kernel", r"stage_[01]") == 1.0
    assert factor("head/kernel", r"^(?!head/)") == 1.0
    assert factor("my_head/kernel", r"^head/") == 1.0


def test_multipliers_refuse_what_is_not_a_regular_expression():
    with pytest.raises(ValueError, match=r"pattern='\('"):
        multipliers("head/kernel", Clock(0), pattern="(", factor=0.5)


def test_ema_against_numpy():
    values, average = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32), jnp.zeros(3)
    expected = np.zeros(3)
    for t, value in enumerate(values):
        average = ema(decay=jnp.float32(0.8)).update(average, jnp.asarray(value), Clock(jnp.int32(t)))
        share = min(0.8, (1 + t) / (10 + t))
        expected = share * expected + (1 - share) * value
    np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-6)


def test_ema_takes_whole_numbers_and_keys_as_they_are_and_keeps_types():
    old = {"w": jnp.zeros(2), "half": jnp.zeros(2, jnp.bfloat16), "count": jnp.int32(3), "key": jax.random.key(0)}
    new = {"w": jnp.ones(2), "half": jnp.ones(2, jnp.bfloat16), "count": jnp.int32(9), "key": jax.random.key(1)}
    mean = ema(decay=0.75).update(old, new, Clock(10**6))
    assert mean["count"] is new["count"]
    assert mean["key"] is new["key"]
    assert mean["half"].dtype == jnp.bfloat16
    np.testing.assert_allclose(mean["w"], 0.25)


def test_never_stops():
    decision = never(Clock(0, 1, jnp.full(5, jnp.nan)))
    assert decision.go_on.item() is True
    assert decision.best is None


def trained(average, values, total=None):
    """Members and shares after steps that reached the given values."""
    state = average.init(jnp.float32(values[0]))
    for step, value in enumerate(values[1:]):
        state = jax.jit(average.update)(state, jnp.float32(value), Clock(jnp.int32(step), total or len(values) - 1))
    members, shares = average.members(state)
    return [float(m) for m in members], [float(s) for s in shares]


@pytest.mark.parametrize(("start", "every"), [(0.5, 1.0), (0.25, 2.0), (0.0, 3.0), (0.9, 1.0)])
def test_swa_is_the_plain_mean_of_what_was_due(start, every):
    values = np.random.default_rng(0).normal(size=21)
    due = [values[t + 1] for t in range(20) if t >= np.ceil(start * 20) and (t - np.ceil(start * 20)) % every == 0]
    (mean,), shares = trained(swa(start=start, every=every), values)
    assert mean == pytest.approx(np.mean(due), abs=1e-6)
    assert shares == [1.0]


def test_swa_reads_the_last_step_before_it_begins():
    assert trained(swa(start=1.0), [0.0, 1.0, 2.0])[0] == [2.0]


@pytest.mark.parametrize(
    ("average", "members"),
    [
        (last_checkpoints(count=3, every=4.0), [4.0, 8.0, 12.0]),
        (snapshots(cycle=5.0, count=2), [5.0, 10.0]),
        (snapshots(cycle=3.0, count=2), [9.0, 12.0]),
    ],
)
def test_rings_keep_the_last_that_were_due(average, members):
    kept, shares = trained(average, range(13))
    assert sorted(kept) == members
    assert sum(shares) == pytest.approx(1.0)


def test_a_ring_that_is_not_full_shares_among_those_it_has():
    kept, shares = trained(snapshots(cycle=4.0, count=3), range(6))
    assert [(m, s) for m, s in zip(kept, shares, strict=True) if s] == [(4.0, 1.0)]
    kept, shares = trained(snapshots(cycle=50.0, count=3), range(6))
    assert kept[0] == 5.0  # none was due yet: the last step
    assert shares == [1.0, 0.0, 0.0]


def stops_after(values, patience, min_delta=0.0):
    """The evaluation after which a plain loop over the history stops, and the best one until then."""
    best, at = np.inf, -1
    for k, value in enumerate(values):
        if value < best - min_delta:
            best, at = value, k
        if k - at >= patience:
            return k, at
    return None, at


@pytest.mark.parametrize("patience", [1, 2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_early_stopping_against_a_loop(patience, seed):
    values = np.random.default_rng(seed).normal(size=12).astype(np.float32)
    stopped, best = None, -1
    for k in range(12):
        history = jnp.where(jnp.arange(12) <= k, jnp.asarray(values), jnp.nan)
        decision = early_stopping(Clock(k, 12, history), patience=float(patience))
        best = k if bool(decision.best) else best
        if not bool(decision.go_on):
            stopped = k
            break
    assert (stopped, best) == stops_after(values, patience)


def test_early_stopping_wants_improvements_of_some_size():
    history = jnp.array([1.0, 0.95, 0.90, jnp.nan])
    assert not bool(early_stopping(Clock(3, 4, history), patience=2.0, min_delta=0.2).go_on)
    assert bool(early_stopping(Clock(3, 4, history), patience=2.0, min_delta=0.01).go_on)
    assert not bool(early_stopping(Clock(0, 4, jnp.full(4, jnp.nan)), patience=2.0).best)  # nothing was seen yet


@pytest.mark.parametrize("seed", range(5))
def test_plateau_against_a_loop(seed):
    values = np.random.default_rng(seed).normal(size=15).astype(np.float32)
    best, waited, factor = np.inf, 0, 1.0
    for k, value in enumerate(values):
        waited = 0 if value < best else waited + 1
        best = min(best, value)
        if waited >= 2:
            waited, factor = 0, factor * 0.5
        history = jnp.where(jnp.arange(15) <= k, jnp.asarray(values), jnp.nan)
        assert float(plateau(Clock(k, 15, history), factor=0.5, patience=2.0)) == pytest.approx(factor)
    assert factor < 1.0
    assert float(plateau(Clock(3, 15), factor=0.5)) == 1.0  # without a history


def test_freeze_holds_what_matches_until_a_step():
    assert [float(freeze("stage_0/conv", Clock(t), pattern="^stage_0", until=3.0)) for t in (0, 2, 3)] == [
        0.0,
        0.0,
        1.0,
    ]
    assert float(freeze("head/kernel", Clock(0), pattern="^stage_0")) == 1.0
    with pytest.raises(ValueError, match="not a regular expression"):
        freeze("head/kernel", Clock(0), pattern="(")
