"""What is added around every task: the best variables, averages with several members, frozen layers, other axes."""

import jax
import numpy as np
import pytest

import ablate
from ablate import choice
from ablate.results.packed import unpacked
from tests.train.small import identical, lanes_of, planned, small_config, train, wave_of


def test_early_stopping_reads_the_test_split_with_its_best_variables():
    cfg = small_config(steps=60, eval_every=5, seeds=1, vary={"stop": (choice("early_stopping", patience=2.0),)})
    cfg.recipe.optimizer = choice("momentum", learning_rate=2.0, beta=0.9)  # so that validation goes up and down
    plan = planned(cfg)
    item = plan.programs[1]
    trained = train(lanes_of(plan, item=item), wave_of(plan, [0], 2, item=item))
    (result,) = trained.results
    losses = [loss for loss in result.curves["val_loss"] if loss is not None]
    best = int(np.argmin(losses))
    assert result.best_step == result.curves["step"][best]
    assert result.stopped_step == result.curves["step"][best + 2]
    at_best = next(state for state in trained.states if state.step == result.best_step and state.evaluated == best + 1)
    kept = jax.tree.leaves(trained.end.state.best)
    assert identical([leaf[0] for leaf in kept], [leaf[0] for leaf in jax.tree.leaves(at_best.state.averaged)])


@pytest.mark.parametrize(
    "average", [choice("snapshots", cycle=5.0, count=3), choice("checkpoints", count=3, every=2.0)]
)
def test_members_are_measured_and_their_mean_probabilities_too(average):
    plan = planned(small_config(steps=20, eval_every=10, seeds=1, vary={"average": (average,)}))
    item = plan.programs[-1]
    trained = train(lanes_of(plan, item=item), wave_of(plan, [0], 2, item=item))
    (result,) = trained.results
    assert len(result.members) == 3
    members, taken = trained.end.state.averaged
    assert int(taken[0]) >= 3
    data, logits = plan.dataset, []
    images = data.test["image"].reshape(len(data.test["image"]), -1) / np.float32(255)
    for member in members:
        p = jax.tree.map(lambda leaf: np.asarray(leaf[0], np.float64), member)["params"]
        hidden = np.maximum(images @ p["layer_0"]["kernel"] + p["layer_0"]["bias"], 0)
        logits.append(hidden @ p["head"]["kernel"] + p["head"]["bias"])
    probs = [np.exp(z - z.max(1, keepdims=True)) for z in logits]
    probs = [p / p.sum(1, keepdims=True) for p in probs]
    rows, labels = np.arange(len(images)), data.test["label"]
    for member, p in zip(result.members, probs, strict=True):
        assert member["loss"] == pytest.approx(-np.log(p[rows, labels]).mean(), rel=1e-4)
    mean = np.mean(probs, 0)
    assert result.metrics["test_loss"] == pytest.approx(-np.log(mean[rows, labels]).mean(), rel=1e-4)
    assert result.metrics["test_accuracy"] == pytest.approx((mean.argmax(1) == labels).mean(), abs=1e-6)
    sure = np.diff(np.sort(mean, 1)[:, -2:], axis=1)[:, 0] > 1e-6  # where rounding cannot turn the decision
    assert (unpacked(result.predicted, len(images), bits=4) == mean.argmax(1))[sure].all()
    assert sure.mean() > 0.99


def test_frozen_layers_stay_with_their_moments_and_their_statistics_until_they_thaw():
    freeze = choice("freeze", pattern="^(layer_0|BatchNorm_0)", until=10.0)
    cfg = small_config(steps=20, eval_every=10, seeds=1, vary={"layerwise": (freeze,)})
    cfg.recipe.norm = choice("batch")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1, beta=0.9)
    plan = planned(cfg)
    (item,) = plan.programs  # the baseline is a lane that thaws at step 0
    trained = train(lanes_of(plan, item=item), wave_of(plan, [0, 1], 2, item=item))
    begin, middle, end = trained.begin.state.task, trained.states[2].state.task, trained.end.state.task

    def leaves(state, lane):
        flat = jax.tree_util.tree_leaves_with_path((state.params, state.model_state, state.opt_state))
        frozen = [leaf for path, leaf in flat if "layer_0" in str(path) or "BatchNorm_0" in str(path)]
        return [np.asarray(leaf)[lane] for leaf in frozen]

    assert len(leaves(begin, 1)) == 10  # kernel, bias, scale, offset with a moment each, and two statistics
    assert identical(leaves(begin, 1), leaves(middle, 1))
    assert not any(np.array_equal(a, b) for a, b in zip(leaves(middle, 1), leaves(end, 1), strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(leaves(begin, 0), leaves(middle, 0), strict=True))


def test_a_frozen_layer_does_not_count_in_a_global_norm():
    clip = choice("global_norm", max=1e-3)
    cfg = small_config(steps=1, eval_every=1, seeds=1, vary={"layerwise": (choice("freeze", pattern="^layer_0"),)})
    cfg.recipe.clip = clip
    cfg.recipe.optimizer = choice("sgd", learning_rate=1.0)
    plan = planned(cfg)
    (item,) = plan.programs
    trained = train(lanes_of(plan, item=item), wave_of(plan, [1], 2, item=item))
    moved = jax.tree.map(
        lambda a, b: np.asarray(a - b)[0], trained.end.state.task.params, trained.begin.state.task.params
    )
    norms = {name: np.sqrt(sum((leaf**2).sum() for leaf in layer.values())) for name, layer in moved.items()}
    assert norms["layer_0"] == 0
    assert norms["head"] == pytest.approx(1e-3, rel=1e-2)


def test_training_and_data_are_axes_too_and_what_is_shared_stays_paired(tmp_path):
    cfg = small_config(steps=12, eval_every=6, seeds=2, vary={"train": ({"batch_size": 16}, {"steps": 24})})
    cfg.vary.data = ({"label_noise": 0.5}, {"per_class": 20})
    plan = planned(cfg)
    names = ["baseline", "train(batch_size=16)", "train(steps=24)", "data(label_noise=0.5)", "data(per_class=20)"]
    assert [arm.name for arm in plan.arms] == names
    inputs = {
        (cell.arm.name, cell.seed): item.inputs[cell.name]
        for item in plan.programs
        for cell in plan.cells
        if cell.name in item.inputs
    }
    clean, noisy, few = (inputs[name, 1].split for name in ("baseline", *names[3:]))
    assert np.array_equal(clean.train, noisy.train)
    assert np.array_equal(clean.validation, few.validation)
    assert set(few.train) < set(clean.train)
    assert (clean.planted["label"] != noisy.planted["label"]).mean() == pytest.approx(0.5, abs=0.06)
    rows = {(row["arm"], row["seed"]): row for row in ablate.run(cfg, tmp_path)}
    assert {row["status"] for row in rows.values()} == {"done"}
    steps = {name: rows[name, 0]["costs"]["steps"] for name in names}
    assert steps == dict.fromkeys(names, 12) | {"train(steps=24)": 24}
    assert rows["train(batch_size=16)", 0]["costs"]["examples"] == 12 * 16
    # Noise and size leave initial values alone, so both begin where the baseline does.
    assert len({rows[name, 0]["metrics"]["initial_loss"] for name in names}) == 1
