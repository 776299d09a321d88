import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.tricks import center_loss, class_balanced, no_feature_loss, tta
from ablate.tricks.feature_loss import begun

COUNTS = np.array([500.0, 120.0, 30.0, 2.0])


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999])
def test_class_balanced_is_the_inverse_of_the_effective_number(beta):
    effective = np.array([sum(beta**i for i in range(int(n))) for n in COUNTS])  # as a geometric series
    weights = np.asarray(class_balanced(jnp.asarray(COUNTS, jnp.float32), beta=beta))
    np.testing.assert_allclose(weights, 4 / effective / np.sum(1 / effective), rtol=2e-3)  # 1 - beta^n in float32


def test_class_balanced_at_its_ends_and_without_examples():
    np.testing.assert_array_equal(class_balanced(jnp.asarray(COUNTS, jnp.float32), beta=0.0), 1.0)
    few = class_balanced(jnp.array([0.0, 1.0, 10.0]), beta=0.9)
    assert few[0] == few[1] > few[2]
    inverse = class_balanced(jnp.array([10.0, 40.0]), beta=0.9999)
    np.testing.assert_allclose(inverse[0] / inverse[1], 4, rtol=2e-2)


def test_center_loss_follows_the_paper_over_several_batches():
    rng, weight, rate = np.random.default_rng(0), 0.3, 0.5
    centers = np.zeros((3, 4))
    loss = center_loss(weight=weight, rate=rate)
    state = loss.begin(4, 3)
    for _ in range(5):
        x, y = rng.normal(size=(6, 4)), np.array([0, 1, 1, 1, 0, 0])
        expected = weight / 2 * np.mean(np.sum((x - centers[y]) ** 2, 1))
        value, state = loss.measure(state, jnp.asarray(x, jnp.float32), jnp.asarray(y))
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        for j in range(3):
            own = x[y == j]
            centers[j] -= rate * np.sum(centers[j] - own, 0) / (1 + len(own))
        np.testing.assert_allclose(state["centers"], centers, atol=1e-6)
    assert not centers[2].any()  # a class that was not seen stays where it is


def test_no_gradient_goes_through_the_centers_but_one_through_the_features():
    loss, y = center_loss(weight=1.0), jnp.array([0, 1])
    x = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    through_features = jax.grad(lambda x: loss.measure(loss.begin(2, 2), x, y)[0])(x)
    np.testing.assert_allclose(through_features, x / 2)
    through_memory = jax.grad(lambda x: jnp.sum(loss.measure(loss.begin(2, 2), x, y)[1]["centers"]))(x)
    assert not through_memory.any()


def test_absence_remembers_nothing():
    class Data:
        classes = 3

    assert begun(no_feature_loss(), 4, Data) == {}
    assert begun(center_loss(), 4, Data)["feature_loss"]["centers"].shape == (3, 4)


def test_views_are_the_image_its_mirror_and_both_moved():
    image = np.arange(12).reshape(1, 3, 4, 1)
    views = tta(jnp.asarray(image), shifts=1)
    assert len(views) == 6
    np.testing.assert_array_equal(views[0], image)
    np.testing.assert_array_equal(views[1], image[:, :, ::-1])
    down = np.pad(image, ((0, 0), (1, 0), (1, 0), (0, 0)), mode="edge")[:, :3, :4]
    up = np.pad(image, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")[:, 1:, 1:]
    np.testing.assert_array_equal(views[2], up)
    np.testing.assert_array_equal(views[4], down)
    np.testing.assert_array_equal(views[5], down[:, :, ::-1])


def test_views_of_what_is_no_image_are_refused_in_words():
    with pytest.raises(ValueError, match="tta needs images"):
        tta(jnp.ones((2, 3)))
    with pytest.raises(ValueError, match="shifts=8 leaves nothing of images of 8x9"):
        tta(jnp.ones((2, 8, 9, 1)), shifts=8)
