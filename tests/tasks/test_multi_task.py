"""Several heads: a step against gradients written down anew, metrics against numpy, and what is refused in words."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ablate
from ablate import base_config, choice
from ablate.data import DataSet
from ablate.runner.predict import predict
from ablate.study import ConfigError
from ablate.study.resolving import resolve
from ablate.tasks.keys import keys_at
from ablate.train.lanes import begin_one
from ablate.tricks import Clock, fixed_weights, uncertainty_weights
from tests.train.small import planned

WEIGHTINGS = [choice("fixed", weights=(1.0, 0.25)), choice("uncertainty"), choice("uncertainty", begin=0.5)]


def sizes_and_colours(test=0.25):
    """Two labels and a row of two values that follow from four numbers."""
    x = np.random.default_rng(0).normal(size=(200, 4))
    return DataSet.from_arrays(
        test, vector=x, label=0 + (x[:, 0] > 0) + (x[:, 1] > 0), group=(x[:, 2] > 0), size=100 + 7 * x[:, 2:],
        odd=x[:, 0], shade=np.arange(200) - 100,
    )  # fmt: skip


def config(weighting="fixed", **task):
    cfg = base_config()
    cfg.task, cfg.data = choice("multi_task", **task), choice("digits", parity=True)
    if task:
        cfg.data = choice(f"{__name__}:sizes_and_colours")
    cfg.model = choice("mlp", widths=(8,))
    cfg.recipe.weighting = weighting
    cfg.train.update(steps=8, batch_size=32, eval_every=4, keep_weights=True)
    cfg.vary.clip, cfg.seeds = (choice("global_norm", max=1.0),), 1
    return cfg


def first_step(cfg):
    """Task, state, batch and numbers of the baseline before its first step, and the state behind it."""
    item = planned(cfg).programs[0]
    cell = next(iter(item.inputs.values()))
    batch = {name: jnp.asarray(array[:32]) for name, array in item.dataset.pool.items()} | {"index": jnp.arange(32)}
    hp = jax.tree.map(jnp.float32, cell.hp)
    begin = jax.jit(begin_one(item.task, cell.init_choices, 2))
    state = begin(np.uint32(0), jax.tree.map(jnp.float32, cell.init_hp), hp, batch).task
    keys, clock = keys_at(0, jnp.int32(0)), Clock(jnp.int32(0), 8.0)
    after, scalars = jax.jit(lambda state, batch, hp: item.task.step(state, batch, keys, clock, hp))(state, batch, hp)
    return state, batch, after, scalars


@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=["fixed", "learned", "begun elsewhere"])
def test_a_step_follows_the_gradient_of_the_weighted_sum(weighting):
    cfg = config(weighting)
    cfg.recipe.optimizer = choice("sgd", learning_rate=0.1)
    state, batch, after, scalars = first_step(cfg)

    def total(params):
        x = batch["image"].reshape(32, -1).astype(jnp.float32) / 255.0
        h = jnp.maximum(x @ params["layer_0"]["kernel"] + params["layer_0"]["bias"][None], 0)
        losses = []
        for name in ("label", "even"):
            logits = h @ params[f"head_{name}"]["kernel"] + params[f"head_{name}"]["bias"][None]
            picked = logits[jnp.arange(32), batch[name]]
            losses.append((jnp.log(jnp.exp(logits).sum(-1)) - picked).mean())
        if weighting.name == "fixed":
            return losses[0] + 0.25 * losses[1]
        s = params["weighting"]["log_variance"]
        return sum(jnp.exp(-s[k]) * losses[k] + 0.5 * s[k] for k in (0, 1))

    value, gradient = jax.value_and_grad(total)(state.params)
    assert float(scalars["train_loss"]) == pytest.approx(float(value), rel=1e-5)
    expected = jax.tree.map(lambda w, g: w - 0.1 * g, state.params, gradient)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), dict(after.params), expected)


def test_the_learned_weight_of_a_constant_loss_ends_at_twice_the_loss():
    losses, s = jnp.array([0.1, 3.0]), jnp.zeros(2)
    step = jax.jit(lambda s: s - 0.1 * jax.grad(lambda s: uncertainty_weights().total(losses, s))(s))
    for _ in range(500):
        s = step(s)
    np.testing.assert_allclose(jnp.exp(s), 2 * losses, rtol=1e-4)


def test_labels_and_values_side_by_side(tmp_path):
    cfg = config(labels=("label", "group"), values=("size",))
    rows = ablate.run(cfg, tmp_path)
    assert [metric["name"] for metric in rows.study["metrics"]] == [
        "label_accuracy", "label_loss", "group_accuracy", "group_loss", "size_mse", "loss",
    ]  # fmt: skip
    assert rows.study["metric"]["name"] == "test_label_accuracy"
    metrics, (columns, *_) = rows[0]["metrics"], predict(rows, "baseline", 0)
    total = np.zeros(50)
    for name in ("label", "group"):
        assert metrics[f"test_{name}_accuracy"] == pytest.approx(np.mean(columns[name] == columns[f"{name}_predicted"]))
        probs = np.stack([columns[column] for column in columns if column.startswith(f"{name}_p_")], 1)
        loss = -np.log(probs[np.arange(50), columns[name]])
        assert metrics[f"test_{name}_loss"] == pytest.approx(loss.mean(), rel=1e-4)
        total += loss
    error = np.stack([columns[f"size_predicted_{k}"] - columns[f"size_{k}"] for k in (0, 1)], 1)
    assert metrics["test_size_mse"] == pytest.approx(np.square(error).mean(), rel=1e-4)
    sd = planned(cfg).dataset.pool["size"].std(0)
    assert metrics["test_loss"] == pytest.approx((total + np.square(error / sd).mean(1) / 2).mean(), rel=1e-4)


def test_members_are_combined_head_by_head():
    item = planned(config(labels=("label",), values=("size",))).programs[0]
    one, two = (
        {"label": jnp.log(jnp.array([p])), "size": jnp.array([[v]])} for p, v in (([0.2, 0.8], 1.0), ([0.6, 0.4], 3.0))
    )
    both = item.task.combine([one, two], [0.5, 0.5])
    np.testing.assert_allclose(jnp.exp(both["label"]), [[0.4, 0.6]], rtol=1e-6)
    assert both["size"].tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"labels": ()}, "task: ValueError: labels and values name ()"),
        ({"labels": ("label", "label")}, "task: ValueError: labels and values name"),
        ({"labels": ("nothing",)}, "data: multi_task needs an array 'nothing'"),
        ({"labels": ("odd",)}, "arm 'baseline': ValueError: labels: 'odd' must be an array of integers"),
        ({"labels": ("shade",)}, "arm 'baseline': ValueError: labels: 'shade' must be an array of integers"),
        ({"values": ("odd",), "labels": ("label",)}, "arm 'baseline': ValueError: values: 'odd' must be"),
    ],
)
def test_what_cannot_be_a_head_is_refused_in_one_line(task, words):
    with pytest.raises(ConfigError) as refused:
        planned(config(**task))
    assert any(problem.startswith(words) for problem in refused.value.problems), refused.value.problems


def test_weights_need_one_number_per_head_and_a_task_with_heads():
    with pytest.raises(ConfigError, match=r"weights=\(1.0,\) are 1, the task has 2 heads"):
        planned(config(choice("fixed", weights=(1.0,))))
    cfg = config(choice("fixed", weights=(1, 0.5)))
    cfg.task = "classification"
    with pytest.raises(ConfigError, match=r"recipe\.weighting: unknown axis of this task"):
        resolve(cfg)
    assert float(fixed_weights().total(jnp.array([1.0, 2.0]), jnp.zeros(2))) == 3.0
