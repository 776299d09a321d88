"""Two networks against each other: losses and measures against formulas written anew, the rules, and a small study."""

import doctest
import functools
import importlib
import inspect
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import wasserstein_distance

import ablate
from ablate import choice
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve
from ablate.tasks import TASKS, axes_of, samples
from ablate.tasks.adversarial import Adversarial
from ablate.tasks.keys import keys_at, keys_of
from ablate.tricks import game, signature_of
from ablate.tricks.clock import Clock
from tests.train.small import identical, lanes_of, planned, train, wave_of

REAL, FAKE = np.random.default_rng(0).normal(size=(2, 7)).astype(np.float32)
GAMES = game.AXIS.choices


def config(*, data=None, steps=20, seeds=2, **recipe):
    """Networks of 8 hidden units, batches of 16."""
    cfg = ablate.base_config()
    cfg.task = "adversarial"
    cfg.data = data or choice("gaussians", modes=8, per_mode=20)
    cfg.train.update(steps=steps, eval_every=10, batch_size=16, eval_batch_size=32)
    with cfg.ignore_type():
        cfg.seeds = seeds
    cfg.recipe.update({"generator": choice("mlp", widths=(8,), latent=3), "critic": choice("mlp", widths=(8,))})
    cfg.recipe.update(recipe)
    cfg.vary.bias = (choice("constant", value=0.1),)  # another arm in the same program
    return cfg


class Cell:
    """One cell outside of a study, its steps taken one by one."""

    def __init__(self, cfg):
        plan = planned(cfg)
        (item,) = plan.programs
        inputs = next(iter(item.inputs.values()))
        self.task, self.hp, self.dataset, self.batch_size = item.task, inputs.hp, item.dataset, 16
        whole = type(self.task)({**self.task.choices, **inputs.init_choices}, self.task.data)
        self.state = whole.init(keys_of(0), self.batch(0), inputs.init_hp, self.hp)
        self._step = jax.jit(
            lambda state, batch, step: self.task.step(state, batch, keys_at(0, step), Clock(step), self.hp)
        )

    def batch(self, step):
        rows = np.arange(step, step + self.batch_size)
        return {name: jnp.asarray(array[rows]) for name, array in self.dataset.pool.items()}

    def advance(self, step):
        self.state, scalars = self._step(self.state, self.batch(step), jnp.int32(step))
        return scalars


def moved(before, after):
    return not identical(jax.tree.leaves(before), jax.tree.leaves(after))


def log_sigmoid(x):
    return np.log(1 / (1 + np.exp(-x.astype(np.float64))))


@pytest.mark.parametrize(
    ("name", "critic", "generator"),
    [
        ("non_saturating", -log_sigmoid(REAL).mean() - log_sigmoid(-FAKE).mean(), -log_sigmoid(FAKE).mean()),
        ("wasserstein", FAKE.mean() - REAL.mean(), -FAKE.mean()),
        ("gradient_penalty", FAKE.mean() - REAL.mean(), -FAKE.mean()),
    ],
)
def test_losses_are_those_of_the_formulas(name, critic, generator):
    rules = GAMES[name].make()
    np.testing.assert_allclose(rules.critic_loss(jnp.asarray(REAL), jnp.asarray(FAKE)), critic, rtol=1e-5)
    np.testing.assert_allclose(rules.generator_loss(jnp.asarray(FAKE)), generator, rtol=1e-5)


def test_losses_stay_finite_for_large_scores():
    rules, large = game.non_saturating(), jnp.array([1e4, -1e4])
    assert float(rules.critic_loss(large, large)) == pytest.approx(1e4)
    assert bool(jnp.isfinite(jax.grad(rules.generator_loss)(large)).all())


@pytest.mark.parametrize(("slope", "penalty"), [(1.0, 0.0), (3.0, 40.0), (0.0, 10.0)])
def test_the_penalty_is_that_of_the_slope_and_0_for_a_slope_of_1(slope, penalty):
    direction = jnp.array([0.6, 0.8])
    real, fake = jnp.ones((5, 2)), jnp.zeros((5, 2))
    value = game.gradient_penalty(weight=10.0).penalty(lambda x: slope * (x @ direction), real, fake, jax.random.key(0))
    assert float(value) == pytest.approx(penalty, abs=1e-4)


def test_the_penalty_looks_between_real_and_fake():
    real, fake = jnp.zeros((1000, 2)), jnp.stack([jnp.ones(1000), -2 * jnp.ones(1000)], 1)
    points = np.asarray(game.between(real, fake, jax.random.key(0)))
    np.testing.assert_allclose(points[:, 1], -2 * points[:, 0], rtol=1e-6)  # on the line, one share for both numbers
    assert points[:, 0].min() < 0.02
    assert points[:, 0].max() > 0.98
    # D(x) = |x|^2 / 2 has the slope |x|: the penalty is the mean of (|x| - 1)^2, at the same points.
    expected = np.square(np.linalg.norm(points, axis=1) - 1).mean()
    given = game.gradient_penalty(weight=1.0).penalty(lambda x: jnp.sum(x**2, -1) / 2, real, fake, jax.random.key(0))
    np.testing.assert_allclose(given, expected, rtol=1e-5)


def test_the_gradient_of_the_penalty_is_finite_where_the_slope_is_0():
    def penalty(w):
        return game.slope_penalty(lambda x: x @ w, jnp.ones((3, 2)))

    assert bool(jnp.isfinite(jax.grad(penalty)(jnp.zeros(2))).all())


@pytest.mark.parametrize("name", GAMES)
def test_docstrings_are_complete(name):
    doc = inspect.getdoc(GAMES[name].make)
    for section in ("Args:", "Returns:", "Example:", "References:"):
        assert f"\n{section}\n" in doc
    assert all(re.search(rf"^ {{4}}{argument}: ", doc, re.MULTILINE) for argument in signature_of(GAMES[name].make))
    assert "https://" in doc


@pytest.mark.parametrize("module", ["tricks.game", "data.gaussians", "models.generator"])
def test_doctests(module):
    assert not doctest.testmod(importlib.import_module(f"ablate.{module}")).failed


def test_weights_lie_within_the_clip_after_every_update_and_reach_it():
    cell = Cell(config(game=choice("wasserstein", clip=0.02)))
    largest = lambda tree: max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(tree))  # noqa: E731
    assert largest(cell.state.critic.params) > 0.02
    for step in range(3):
        cell.advance(step)
        assert largest(cell.state.critic.params) == np.float32(0.02)
    assert largest(cell.state.generator.params) > 0.02


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("every", [1, 3])
def test_the_generator_moves_at_every_kth_step_alone_and_the_critic_at_every_one(name, every):
    adam = choice("adam", learning_rate=1e-3)  # its moments must stay as well
    cell = Cell(config(game=choice(name, critic_steps=every), optimizer=adam, critic_optimizer=adam))
    for step in range(6):
        before = cell.state
        cell.advance(step)
        moves = (step + 1) % every == 0
        assert moved(before.generator.params, cell.state.generator.params) == moves
        assert moved(before.generator.opt_state, cell.state.generator.opt_state) == moves
        assert moved(before.critic.params, cell.state.critic.params)


def test_one_step_against_the_formulas_written_anew():
    """Linear networks, plain SGD: G(z) = z A + a, D(x) = x w + b; gradients by hand."""
    linear = {"generator": choice("mlp", widths=(), latent=3), "critic": choice("mlp", widths=())}
    rules = {"game": choice("wasserstein", clip=0.5, critic_steps=1)}
    sgd = {"optimizer": choice("sgd", learning_rate=0.1), "critic_optimizer": choice("sgd", learning_rate=0.2)}
    cell = Cell(config(**linear, **rules, **sgd))
    before, batch = jax.device_get(cell.state), cell.batch(0)
    first, second = jax.random.split(keys_at(0, jnp.int32(0))("latent"))
    z, other = (np.asarray(jax.random.normal(key, (16, 3))) for key in (first, second))
    scalars = cell.advance(0)

    pool = cell.dataset.pool["vector"]
    real = (np.asarray(batch["vector"]) - pool.mean(0)) / pool.std(0)
    layer, score = before.generator.params["sample"], before.critic.params["score"]
    fake = z @ layer["kernel"] + layer["bias"]
    slope = fake.mean(0) - real.mean(0)  # of the critic's loss in w; that in b is 0
    w = np.clip(score["kernel"][:, 0] - 0.2 * slope, -0.5, 0.5)
    np.testing.assert_allclose(scalars["critic_loss"], slope @ score["kernel"][:, 0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(cell.state.critic.params["score"]["kernel"][:, 0], w, rtol=1e-5, atol=1e-6)
    kernel = layer["kernel"] + 0.1 * np.outer(other.mean(0), w)
    np.testing.assert_allclose(cell.state.generator.params["sample"]["kernel"], kernel, rtol=1e-5, atol=1e-6)
    expected = -((other @ layer["kernel"] + layer["bias"]) @ w).mean() - score["bias"][0]
    np.testing.assert_allclose(scalars["generator_loss"], expected, rtol=1e-4, atol=1e-6)


@functools.cache
def task_of(name="gaussians", **arguments):
    data = choice(name, **({"modes": 8, "per_mode": 20} if name == "gaussians" else {}))
    cfg = config(data=data)
    cfg.task = choice("adversarial", **arguments) if arguments else "adversarial"
    return planned(cfg).programs[0]


def measured(task, drawn, batches):
    """Metrics of samples against batches of examples and weights; sums are added, as an evaluation does."""
    sums = [
        task.measure(jnp.asarray(mine), {k: jnp.asarray(v) for k, v in batch.items()}, jnp.asarray(weights))
        for mine, (batch, weights) in zip(drawn, batches, strict=True)
    ]
    total = functools.reduce(lambda a, b: jax.tree.map(jnp.add, a, b), sums)
    return {name: float(value) for name, value in task.summarise(total).items()}


def test_measures_of_a_mixture_against_numpy_with_padding_over_two_batches():
    item = task_of()
    rng, facts = np.random.default_rng(1), item.dataset.facts
    centers, sd = facts["centers"], facts["sd"]
    sizes, drawn, batches, counts, distances = (30, 12), [], [], np.zeros(8), []
    directions = np.asarray(samples.directions_of(64, 2), np.float64)
    for size in sizes:
        near = centers[rng.integers(0, 5, 32)] + rng.normal(size=(32, 2)) * sd * rng.choice([0.5, 3.0], (32, 1))
        examples = item.dataset.test["vector"][rng.integers(0, 40, 32)]
        weights = (np.arange(32) < size).astype(np.float32)
        drawn.append(near.astype(np.float32))
        batches.append(({"vector": examples, "label": np.zeros(32, np.int32)}, weights))
        for x in drawn[-1][:size]:
            away = [math.dist(x, center) for center in centers]
            counts[np.argmin(away)] += min(away) <= 3 * sd
        distances.append(np.mean([wasserstein_distance(drawn[-1][:size] @ u, examples[:size] @ u) for u in directions]))
    found = measured(item.task, drawn, batches)
    assert 0.2 < counts.sum() / 42 < 0.98  # the case is a case
    assert found["high_quality"] == pytest.approx(counts.sum() / 42)
    assert found["modes_covered"] == pytest.approx(np.mean(counts >= max(1, 0.1 * 42 / 8)))
    assert found["sliced_distance"] == pytest.approx(np.average(distances, weights=sizes), rel=1e-5)


def test_what_a_fair_share_is_decides_which_modes_count():
    item = task_of()
    centers, weights = item.dataset.facts["centers"], np.ones(32, np.float32)
    batch = {"vector": item.dataset.test["vector"][:32], "label": np.zeros(32, np.int32)}
    drawn = centers[[0] * 29 + [1] * 2 + [2]]  # an equal share is 4
    shares = {0.0: 3, 0.25: 3, 0.5: 2, 0.75: 1}
    for share, modes in shares.items():
        task = Adversarial(item.task.choices, item.task.data, share)
        assert measured(task, [drawn], [(batch, weights)])["modes_covered"] == modes / 8


def test_real_examples_are_good_samples_of_a_mixture():
    item = task_of()
    pool, test = item.dataset.pool, item.dataset.test
    drawn = np.concatenate([pool["vector"][pool["label"] == mode][:5] for mode in range(8)])
    found = measured(item.task, [drawn], [(test, np.ones(40, np.float32))])
    assert found["high_quality"] > 0.9
    assert found["modes_covered"] == 1.0


def test_modes_of_images_against_numpy():
    item = task_of("digits")
    pool, test, rng = item.dataset.pool, item.dataset.test, np.random.default_rng(0)
    weights = (np.arange(64) < 50).astype(np.float32)
    drawn = pool["image"][:64] / np.float32(255)
    drawn[::3] = rng.uniform(size=drawn[::3].shape)  # noise is no digit
    batch = {"image": test["image"][:64], "label": test["label"][:64]}
    found = measured(item.task, [drawn], [(batch, weights)])

    rows, examples = drawn[:50].reshape(50, -1), test["image"][:50].reshape(50, -1) / 255
    own = np.sort(np.linalg.norm(examples[:, None] - examples[None], axis=-1), 1)[:, 5]  # the first is itself
    away = np.linalg.norm(rows[:, None] - examples[None], axis=-1)
    inside = (away <= own).any(1)
    counts = np.bincount(test["label"][:50][away.argmin(1)][inside], minlength=10)
    assert 0.3 < inside.mean() < 0.7
    assert found["high_quality"] == pytest.approx(inside.mean())
    assert found["modes_covered"] == pytest.approx(np.mean(counts >= 1))
    directions = np.asarray(samples.directions_of(64, 64), np.float64)
    expected = np.mean([wasserstein_distance(rows @ u, examples @ u) for u in directions])
    assert found["sliced_distance"] == pytest.approx(expected, rel=1e-4)


def test_bytes_and_floats_come_back_in_units_of_the_data():
    for name, low, high in (("digits", 0.0, 1.0), ("gaussians", -np.inf, np.inf)):
        task = task_of(name).task
        batch = {k: jnp.asarray(v[:4]) for k, v in task_of(name).dataset.pool.items()}
        values = np.asarray(batch[task.data.input], np.float32) / (255 if name == "digits" else 1)
        np.testing.assert_allclose(task._unscaled(task._scaled(batch)), values, atol=1e-6)
        assert values.min() >= low
        assert values.max() <= high


def test_predictions_are_as_many_samples_and_follow_from_the_key():
    cell = Cell(config(data=choice("digits")))
    variables, batch = cell.task.variables(cell.state), cell.batch(0)
    first, again, other = (cell.task.predict(variables, batch, keys_at(seed, 0), cell.hp) for seed in (0, 0, 1))
    assert first.shape == (16, 8, 8, 1)
    assert identical([first], [again])
    assert moved([first], [other])
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1
    columns = cell.task.columns(first, batch)
    assert list(columns) == [f"x_{k}" for k in range(64)]
    np.testing.assert_array_equal(np.stack(list(columns.values()), 1), first.reshape(16, -1))


def test_a_convolutional_generator_is_told_the_shape_of_an_example():
    cfg = config(data=choice("digits"))
    cfg.recipe.generator, cfg.recipe.critic = choice("dcgan", width=4, latent=3), choice("vgg", widths=(4,), hidden=())
    cell = Cell(cfg)
    assert cell.state.generator.params["sample"]["kernel"].shape == (4, 4, 4, 1)
    before = cell.state.generator.params
    cell.advance(0)
    assert moved(before, cell.state.generator.params)
    drawn = cell.task.predict(cell.task.variables(cell.state), cell.batch(0), keys_at(0, 0), cell.hp)
    assert drawn.shape == (16, 8, 8, 1)
    cfg.data, cfg.recipe.critic = choice("gaussians", modes=8, per_mode=20), "mlp"
    with pytest.raises(ValueError, match=r"dcgan: makes images .* has the shape \(2,\)"):
        Cell(cfg)


def test_axes_and_a_fresh_config():
    assert list(axes_of(TASKS["adversarial"]))[-4:] == ["game", "generator", "critic", "critic_optimizer"]
    cfg = ablate.base_config()
    cfg.task, cfg.data = "adversarial", choice("gaussians", modes=8)
    cfg.vary.game = ("wasserstein", "gradient_penalty")
    assert resolve(cfg).recipe["game"].label() == "non_saturating"
    assert [item.task.watch for item in planned(cfg).programs] == ["sliced_distance"] * 3


def test_samples_of_several_generators_are_not_averaged():
    with pytest.raises(ConfigError, match="samples of several generators cannot be averaged"):
        planned(config(average=choice("snapshots", cycle=5.0)))


@pytest.mark.parametrize("average", ["ema", "swa"])
def test_averages_of_one_member_are_evaluated(average):
    plan = planned(config(average=choice(average), seeds=1))
    (result,) = train(lanes_of(plan, devices=1), wave_of(plan, [0], 1)).results
    assert all(math.isfinite(value) for value in result.metrics.values())


def test_what_gives_no_game_is_told():
    with pytest.raises(ConfigError, match="expected a Game"):
        planned(config(game=choice("ablate.tricks:no_average")))


def test_a_study_of_two_arms_and_two_seeds(tmp_path):
    cfg = config(optimizer=choice("adam", learning_rate=1e-3), critic_optimizer=choice("adam", learning_rate=1e-3))
    cfg.vary.update(bias=(), game=(choice("gradient_penalty", critic_steps=2),))
    rows = list(ablate.run(cfg, tmp_path / "study"))
    assert [row["status"] for row in rows] == ["done"] * 4
    for row in rows:
        assert {"test_modes_covered", "test_high_quality", "test_sliced_distance"} <= row["metrics"].keys()
        assert all(math.isfinite(value) for value in row["metrics"].values())
        assert {"critic_loss", "generator_loss", "learning_rate", "critic_learning_rate"} <= row["curves"].keys()


def test_a_cell_that_diverges_does_not_touch_its_neighbour():
    cfg = config(game=choice("gradient_penalty"), seeds=1)
    cfg.vary.update(bias=(), critic_optimizer=(choice("sgd", learning_rate=1e30), choice("sgd", learning_rate=0.01)))
    plan = planned(cfg)
    lanes = lanes_of(plan)
    trained = train(lanes, wave_of(plan, [0, 1, 2], 4))
    without = train(lanes, wave_of(plan, [0, 2], 4))
    assert [result.status for result in trained.results] == ["done", "diverged", "done"]
    assert identical(trained.state(0), without.state(0))
    assert identical(trained.state(2), without.state(1))
