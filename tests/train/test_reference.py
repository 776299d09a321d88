"""One cell against the same training written down anew: no part of `ablate.train` computes the expected numbers.

The tests take from the project the initial parameters and, through `ablate.data.digits`, the images. Split, batches,
network, loss, schedule and optimizer are written here from the formulas of the documentation.
"""

import functools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from ablate import choice
from ablate.data import digits
from tests.train.small import lanes_of, planned, small_config, train, wave_of

SEED, BATCH, RATE, BETA, ALPHA, WEIGHT = 3, 32, 0.2, 0.9, 0.1, 1e-2
INDEX = {"init": 0, "order": 1, "augment": 2, "dropout": 3, "split": 4}  # the contract: position of the purpose
# float32 rounds to 6e-8 of a number; XLA orders the sums of a fused, vmapped step differently from
# those of a step by itself, and training carries the differences on. Measured: 5e-7 after 50 steps of the MLP, 1.3e-7
# after 6 of the resnet. A wrong formula shows in the third digit or before.
TOLERANCE = 2e-6


class Mlp(nn.Module):
    """Dense, batch norm, ReLU; dense."""

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Dense(16, name="layer_0")(x.reshape(len(x), -1))
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5, name="BatchNorm_0")(x)
        return nn.Dense(10, name="head")(jax.nn.relu(x))


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    width: int
    stride: int

    @nn.compact
    def __call__(self, x):
        y = jax.nn.relu(nn.Conv(self.width, (3, 3), self.stride, name="conv_0")(x))
        y = nn.Conv(self.width, (3, 3), name="conv_1")(y)
        if x.shape != y.shape:
            x = nn.Conv(self.width, (1, 1), self.stride, name="shortcut")(x)
        return jax.nn.relu(x + y)


class ResNet(nn.Module):
    """A stem, three blocks of 4, 8, 16 channels, the mean over all positions; dense."""

    @nn.compact
    def __call__(self, x, *, train):
        x = jax.nn.relu(nn.Conv(4, (3, 3), name="stem")(x))
        for stage in range(3):
            x = Block(4 * 2**stage, 2 if stage else 1, name=f"stage_{stage}_block_0")(x)
        return nn.Dense(10, name="head")(x.mean((1, 2)))


def stream(purpose: str) -> Any:
    """The contract: fold_in(key(seed), index of the purpose), threefry."""
    return jax.random.fold_in(jax.random.key(SEED, impl="threefry2x32"), INDEX[purpose])


def splits(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of training and validation images: of each class the first 15 % of a permutation are held out.

    What rounding down leaves of the 15 % of all goes to the classes with the largest remainders.
    """
    order = np.asarray(jax.random.permutation(stream("split"), len(labels))).tolist()
    count = round(0.15 * len(labels))
    shares = {label: Fraction(count * labels.tolist().count(label), len(labels)) for label in range(10)}
    left = count - sum(map(int, shares.values()))
    lucky = sorted(shares, key=lambda label: int(shares[label]) - shares[label])[:left]
    quota = {label: int(share) + (label in lucky) for label, share in shares.items()}
    learn, held = [], []
    for position in order:
        label = int(labels[position])
        (held if quota[label] else learn).append(position)
        quota[label] = max(quota[label] - 1, 0)
    assert len(held) == count
    return np.array(learn), np.array(held)


def batches(size: int, steps: int) -> Iterator[np.ndarray]:
    """Positions in the training split: a permutation per epoch, cut into full batches."""
    epochs = [
        np.asarray(jax.random.permutation(jax.random.fold_in(stream("order"), epoch), size))
        for epoch in range(1 + steps * BATCH // size)
    ]
    per_epoch = size // BATCH
    for step in range(steps):
        k = step % per_epoch
        yield epochs[step // per_epoch][k * BATCH : (k + 1) * BATCH]


def cross_entropy(logits, labels, alpha: float):
    """Mean of -sum q log p with q = (1 - alpha) onehot + alpha / K."""
    targets = (1 - alpha) * jax.nn.one_hot(labels, 10) + alpha / 10
    return -(targets * jax.nn.log_softmax(logits)).sum(-1).mean()


def expected(model: nn.Module, params: Any, extra: Any, steps: int) -> dict[str, list[float]]:
    """Training losses, validation losses and test loss of momentum with coupled decay under a cosine, step by step."""
    data = digits()
    learn, held = splits(data.pool["label"])
    images, labels = data.pool["image"], data.pool["label"]

    def loss_of(params, extra, images, labels):
        logits, changed = model.apply({"params": params, **extra}, images, train=True, mutable=list(extra))
        return cross_entropy(logits, labels, ALPHA), changed

    def plain_loss(params, extra, images, labels):
        return cross_entropy(model.apply({"params": params, **extra}, pixels(images), train=False), labels, 0.0)

    gradient: Callable[..., Any] = jax.jit(jax.value_and_grad(loss_of, has_aux=True))
    measure = jax.jit(plain_loss)
    velocity = jax.tree.map(jnp.zeros_like, params)
    rate = optax.cosine_decay_schedule(RATE, steps)
    found = {
        "train_loss": [],
        "val_loss": [float(measure(params, extra, images[held], labels[held]))],
    }
    for step, positions in enumerate(batches(len(learn), steps)):
        chosen = learn[positions]
        (loss, extra), grads = gradient(params, extra, pixels(images[chosen]), labels[chosen])
        decayed = jax.tree.map(lambda g, w: g + WEIGHT * w if w.ndim > 1 else g, grads, params)
        pushed = jax.tree.map(functools.partial(jnp.multiply, float(rate(step))), decayed)
        velocity = jax.tree.map(lambda v, push: BETA * v - push, velocity, pushed)
        params = jax.tree.map(jnp.add, params, velocity)
        found["train_loss"].append(float(loss))
        found["val_loss"].append(float(measure(params, extra, images[held], labels[held])))
    found["test_loss"] = [float(measure(params, extra, data.test["image"], data.test["label"]))]
    return found


def pixels(images: np.ndarray) -> Any:
    """Bytes as numbers from 0 to 1."""
    return jnp.asarray(images, jnp.float32) / 255.0


@pytest.mark.parametrize(
    ("model", "norm", "chosen", "strategy", "steps"),
    [
        (Mlp(), "batch", choice("mlp", widths=(16,)), "scan", 50),
        (Mlp(), "batch", choice("mlp", widths=(16,)), "solo", 50),
        (ResNet(), "none", choice("resnet", depth=8, width=4), "solo", 6),
    ],
    ids=["mlp-scan", "mlp-solo", "resnet-solo"],
)
def test_a_cell_trains_as_a_plain_loop_does(model, norm, chosen, strategy, steps):
    smoothing = {"target": (choice("smooth_labels", alpha=ALPHA),)}
    cfg = small_config(steps=steps, eval_every=1, seeds=(SEED,), vary=smoothing)
    cfg.model = chosen
    cfg.recipe.norm = choice(norm)
    cfg.recipe.optimizer = choice("momentum", learning_rate=RATE, beta=BETA)
    cfg.recipe.schedule = choice("cosine")
    cfg.recipe.decay = choice("coupled", weight=WEIGHT)
    plan = planned(cfg, strategy)
    (smoothed,) = [k for k, lane in enumerate(plan.programs[0].program.lanes) if lane.cell.arm.name != "baseline"]

    trained = train(lanes_of(plan, strategy), wave_of(plan, [smoothed], 2))

    first = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), trained.begin.state)
    wanted = expected(model, first.task.params, first.task.model_state, steps)
    curves, metrics = trained.results[0].curves, trained.results[0].metrics
    np.testing.assert_allclose(curves["train_loss"][1:], wanted["train_loss"], rtol=TOLERANCE)
    np.testing.assert_allclose(curves["val_loss"], wanted["val_loss"], rtol=TOLERANCE)
    np.testing.assert_allclose(metrics["test_loss"], wanted["test_loss"][0], rtol=TOLERANCE)
    assert curves["train_loss"][0] is None  # no step yet
    assert curves["val_loss"][-1] < curves["val_loss"][0]
