"""The works as JAX users write them: a loop over cells, a step a call. Flax, optax and JAX alone.

    python experiments/benchmarks/jax_loop.py WORK DATA.npz [--each]

A careful one makes the learning rate an argument, so that nothing compiles again from cell to cell. With `--each` it is
a constant of the step, which every cell compiles for itself, and nothing is kept between runs.
"""

import itertools
import json
import os
import sys
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax


class Mlp(nn.Module):
    """Dense layers with batch norm."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x, train: bool):
        x = x.reshape(len(x), -1)
        for width in self.widths:
            x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9)(nn.Dense(width)(x)))
        return nn.Dense(10)(x)


class ResNet(nn.Module):
    """One block per stage."""

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x, train: bool):
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        conv = partial(nn.Conv, use_bias=False)
        x = nn.relu(norm()(conv(self.widths[0], (3, 3))(x)))
        for k, width in enumerate(self.widths):
            strides = (1, 1) if k == 0 else (2, 2)
            y = nn.relu(norm()(conv(width, (3, 3), strides)(x)))
            y = norm()(conv(width, (3, 3))(y))
            x = x if x.shape == y.shape else norm()(conv(width, (1, 1), strides)(x))
            x = nn.relu(x + y)
        return nn.Dense(10)(x.mean((1, 2)))


def main() -> None:
    """All cells, one after the other."""
    work = json.loads(sys.argv[1])
    data = {
        name: array.transpose(0, 2, 3, 1) if array.ndim == 4 else array for name, array in np.load(sys.argv[2]).items()
    }
    data, each = jax.device_put(data), sys.argv[3:] == ["--each"]
    if not each:
        jax.config.update("jax_compilation_cache_dir", work["cache"])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    model = (Mlp if work["model"] == "mlp" else ResNet)(tuple(work["widths"]))

    def optimizer(rate):
        schedule = optax.cosine_decay_schedule(rate, work["steps"])
        parts = (optax.clip_by_global_norm(work["clip"]), optax.add_decayed_weights(work["decay"]))
        return optax.chain(*parts, optax.sgd(schedule, momentum=work["momentum"]))

    def step_of(state, images, labels, index, rate):
        params, stats, moments = state

        def loss_of(params):
            variables = {"params": params, "batch_stats": stats}
            logits, changed = model.apply(variables, images[index], True, mutable=["batch_stats"])
            targets = optax.smooth_labels(jax.nn.one_hot(labels[index], 10), work["smoothing"])
            return optax.softmax_cross_entropy(logits, targets).mean(), changed["batch_stats"]

        (_, stats), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
        updates, moments = optimizer(rate).update(grads, moments, params)
        return optax.apply_updates(params, updates), stats, moments

    @jax.jit
    def right(params, stats, images, labels):
        logits = model.apply({"params": params, "batch_stats": stats}, images, False)
        return (logits.argmax(1) == labels).sum()

    def accuracy(state, images, labels):
        parts = [right(*state[:2], images[k : k + 500], labels[k : k + 500]) for k in range(0, len(labels), 500)]
        return float(sum(parts)) / len(labels)

    @jax.jit
    def begin(seed, rate):
        variables = model.init(jax.random.key(seed), data["train_x"][:1], True)
        return variables["params"], variables["batch_stats"], optimizer(rate).init(variables["params"])

    found, step = [], jax.jit(step_of, donate_argnums=(0,))
    for rate, seed in itertools.product(work["rates"], range(work["seeds"])):
        state = begin(seed, rate)
        if each:
            step = jax.jit(partial(step_of, rate=rate), donate_argnums=(0,))
        order = np.random.default_rng(seed).permutation(len(data["train_x"]))
        for k in range(work["steps"]):
            if k % work["every"] == 0:
                accuracy(state, data["val_x"], data["val_y"])
            first = k * work["batch"] % (len(order) - work["batch"])
            index = jnp.asarray(order[first : first + work["batch"]])
            state = step(state, data["train_x"], data["train_y"], index, *(() if each else (rate,)))
        accuracy(state, data["val_x"], data["val_y"])
        found.append(accuracy(state, data["test_x"], data["test_y"]))
    print(f"{np.mean(found):.4f}")


if __name__ == "__main__":
    main()
