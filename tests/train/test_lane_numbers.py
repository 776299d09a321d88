"""What a step knows of its lane's data: noise that belongs to an example, epochs, classes; and what arms share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate import choice
from ablate.tasks import parts
from ablate.tasks.keys import keys_at
from ablate.tricks import Choice, Clock
from tests.train.small import lanes_of, planned, small_config, train, wave_of

IMAGES = jnp.ones((6, 4, 4, 1))
INDEX = jnp.array([5, 9, 2, 7, 0, 1])


def noisy(seed, step, index=INDEX, images=IMAGES, stddev=0.1):
    choices = {"data": ((Choice(dict), {"input_noise": True}),)}
    hp = {"data": ({"input_noise": jnp.float32(stddev)},)}
    return np.asarray(parts.noisy(choices, hp, keys_at(seed, step), index, images))


def test_an_example_has_its_noise_for_good():
    first = noisy(0, 0)
    np.testing.assert_array_equal(first, noisy(0, 400))
    np.testing.assert_array_equal(first[2], noisy(0, 3, INDEX[2:3], IMAGES[:1])[0])
    assert not np.array_equal(first, noisy(1, 0))
    assert len({image.tobytes() for image in first}) == 6
    many = noisy(0, 0, jnp.arange(500), jnp.ones((500, 4, 4, 1)), 0.3) - 1
    np.testing.assert_allclose([many.mean(), many.std()], [0, 0.3], atol=0.01)


def test_programs_without_noise_do_not_draw_it_and_numbers_are_inputs():
    cfg = small_config(vary={"data": ({"input_noise": 0.1}, {"input_noise": 0.4}, {"label_noise": 0.2})}, seeds=1)
    plan = planned(cfg)
    assert [len(item.program.lanes) for item in plan.programs] == [2, 2]
    assert parts.noisy(plan.programs[0].task.choices, {}, keys_at(0, 0), INDEX, IMAGES) is IMAGES


def test_counts_are_those_of_the_labels_that_a_lane_trains_on():
    cfg = small_config(vary={"data": ({"imbalance": 20.0}, {"label_noise": 0.5})}, seeds=1)
    for item in planned(cfg).programs:
        for cell in item.inputs.values():
            labels = cell.split.planted["label"]
            (numbers,) = cell.hp["data"]
            np.testing.assert_array_equal(numbers["counts"], [np.sum(labels == k) for k in range(10)])
            assert numbers["examples"] == len(labels) == len(cell.split.train)


@pytest.mark.parametrize(("step", "epoch"), [(0, 0), (2, 0), (3, 1), (7, 2)])
def test_epochs_count_whole_batches(step, epoch):
    hp = {"data": ({"examples": jnp.float32(20)},)}  # three batches of six, two examples are left out
    visit = parts.visit(hp, keys_at(0, step), Clock(jnp.int32(step)), INDEX)
    assert float(visit.epoch) == epoch
    np.testing.assert_array_equal(visit.index, INDEX)
    assert (visit.key == parts.visit(hp, keys_at(0, 99), Clock(0), INDEX).key).all()


def test_arms_that_share_an_augmentation_share_its_draws_whatever_stands_beside_it():
    flip, crop = choice("flip"), choice("random_crop", padding=1)
    plans = [planned(small_config(vary={"augment": ((crop, flip),)}, seeds=1))]
    items = {len(item.task.choices["augment"]): item for plan in plans for item in plan.programs}
    images = jax.random.uniform(jax.random.key(5), (6, 8, 8, 1))
    key, targets = jax.random.key(3), jnp.eye(6)

    def applied(chosen):
        chain = parts.assemble({"augment": chosen}, {"augment": ({},) * len(chosen)}).augment
        return chain(key, images, targets, lambda: None)[0]

    chosen = items[2].task.choices["augment"]
    both, cropped = applied(chosen), applied(chosen[:1])
    flipped = applied(chosen[1:])
    mirrored = np.array([not np.array_equal(a, b) for a, b in zip(flipped, images)])
    expected = np.where(mirrored[:, None, None, None], np.asarray(cropped)[:, :, ::-1], cropped)
    np.testing.assert_array_equal(both, expected)
    assert 0 < mirrored.sum() < 6


def test_views_are_averaged_as_probabilities_and_training_never_sees_them():
    plan = planned(small_config(vary={"views": (choice("tta", shifts=1),)}, seeds=1, steps=10))
    results = [train(lanes_of(plan, item=item, devices=1), wave_of(plan, [0], 1, item)) for item in plan.programs]
    plain, seen = (result.end.state for result in results)
    jax.tree.map(np.testing.assert_array_equal, plain.task, seen.task)
    assert results[0].results[0].metrics["test_loss"] != results[1].results[0].metrics["test_loss"]
