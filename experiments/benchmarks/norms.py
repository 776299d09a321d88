"""Batch norm with JAX's own gradient, as flax has it, beside the one that is written out.

    taskset -c 0 python experiments/benchmarks/norms.py

Output and gradients behind a rectifier, in a loop that changes what it is given, both ways in turns, on one core if
`taskset` gives one. Writes results/norms.md. Expected time: half a minute.
"""

from collections.abc import Callable
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from in_turns import LOOPS, ROUNDS, compared, measured_on
from jax import lax

from ablate.tricks.norm import BatchNorm

LINE = "| {} | {:.0f} | {:.0f} | {:.2f} ({:.2f} to {:.2f}) |"
SHAPES = (
    (128, 28, 28, 16), (128, 14, 14, 32), (128, 7, 7, 64), (128, 32, 32, 16), (128, 14, 14, 8), (128, 7, 7, 16),
    (128, 4, 4, 32), (128, 784), (128, 128), (128, 64),
)  # fmt: skip


class FlaxNorm(nn.Module):
    """Flax's, with variances in two passes."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return nn.BatchNorm(not train, momentum=0.9, use_fast_variance=False)(x)


def looped(make: Callable[[], nn.Module]) -> Callable[..., jax.Array]:
    """A program that goes forward and back again and again; no two times are the same, or XLA would do it once."""

    def called(x: jax.Array, slope: jax.Array) -> jax.Array:
        module = make()
        variables = module.init(jax.random.key(0), x, train=True)

        def through(params: object, x: jax.Array) -> jax.Array:
            given = {**variables, "params": params}
            return nn.relu(module.apply(given, x, train=True, mutable="batch_stats")[0])  # type: ignore[index]

        def body(k: jax.Array, total: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            y, back = jax.vjp(through, variables["params"], x * (1 + 1e-6 * k))
            return jax.tree.map(jnp.add, total, (y, *jax.tree.leaves(back(slope))))

        channels = jnp.zeros(x.shape[-1])
        return lax.fori_loop(0, LOOPS, body, (jnp.zeros_like(x), channels, channels, jnp.zeros_like(x)))[-1]

    return jax.jit(called)


def line(shape: tuple[int, ...]) -> str:
    """One shape both ways, in turns."""
    rng = np.random.default_rng(0)
    x, slope = (jnp.asarray(rng.standard_normal(shape), jnp.float32) for _ in range(2))
    ways = [looped(make) for make in (FlaxNorm, BatchNorm)]
    return LINE.format(" x ".join(map(str, shape)), *compared(ways, x, slope))


def main() -> None:
    """Measures and writes."""
    lines = [line(shape) for shape in SHAPES]
    text = (
        "# Batch norm on CPU\n\n"
        "Microseconds on one core of batch norm, a rectifier and their gradients, with what changes the numbers from "
        f"one time to the next: flax's, and `ablate/tricks/norm.py`; medians of {ROUNDS} rounds in turns, and how many "
        f"times as fast, with least and most. `experiments/benchmarks/norms.py`; "
        f"{measured_on('jax', 'flax')}.\n\n"
        "| features | flax's | here | times as fast |\n| :--- | ---: | ---: | ---: |\n"
    )
    Path("results/norms.md").write_text(text + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
