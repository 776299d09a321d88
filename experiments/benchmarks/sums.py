"""Sums and products as they are written, beside the forms that XLA's compiler for CPU is faster at.

    taskset -c 0 python experiments/benchmarks/sums.py

The norm of a gradient and the search for what is not finite in it, and the gradient of a dense layer's kernel; each in
a loop that changes what it is given, both ways in turns, on one core if `taskset` gives one. Writes results/sums.md.
Expected time: half a minute.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from in_turns import LOOPS, ROUNDS, compared, measured_on
from jax import lax

from ablate.tricks.clip import length
from ablate.tricks.sums import over_all, product

BATCH = 128
LINE = "| {} | {:.1f} | {:.1f} | {:.2f} ({:.2f} to {:.2f}) |"
HEAD = "| {} | as written | here | times as fast |\n| :--- | ---: | ---: | ---: |"
# Networks as the shapes of their parameters, and layers as channels and outputs.
NETWORKS = {
    "MLP 64-64-64-10": [(64, 64), (64,), (64,), (64,)] * 2 + [(64, 10), (10,)],
    "MLP 784-128-128-128-10": [(784, 128), *[(128, 128)] * 2, *[(128,)] * 9, (128, 10), (10,)],
    "ResNet 16-32-64": [
        (3, 3, 1, 16), *[(3, 3, 16, 16)] * 2, (3, 3, 16, 32), (3, 3, 32, 32), (3, 3, 32, 64), (3, 3, 64, 64),
        *[(16,)] * 6, *[(32,)] * 6, *[(64,)] * 6, (64, 10), (10,),
    ],
}  # fmt: skip
LAYERS = ((64, 2), (64, 4), (64, 10), (64, 32), (256, 10), (512, 10), (2048, 10))


def looped(function: Callable[[Any], jax.Array]) -> Callable[[Any], jax.Array]:
    """A program that calls it again and again; no two times are the same, or XLA would do it once."""

    def called(given: Any) -> jax.Array:
        def body(k: jax.Array, total: jax.Array) -> jax.Array:
            changed = jax.tree.map(lambda leaf: leaf * (1 + 1e-6 * k), given)
            return total + function(changed)

        return lax.fori_loop(0, LOOPS, body, jnp.zeros(jax.eval_shape(function, given).shape))

    return jax.jit(called)


def line(name: str, ways: Sequence[Callable[[Any], jax.Array]], given: Any) -> str:
    """Both ways, in turns."""
    return LINE.format(name, *compared([looped(way) for way in ways], given))


def arrays(shapes: Sequence[tuple[int, ...]]) -> list[jax.Array]:
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]


def all_finite(leaves: Sequence[jax.Array]) -> jax.Array:
    found = jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves])
    return jnp.all(found).astype(jnp.float32)


def all_finite_here(leaves: Sequence[jax.Array]) -> jax.Array:
    return over_all(jnp.all, jnp.logical_and, map(jnp.isfinite, leaves)).astype(jnp.float32)


def gradient(multiply: Callable[..., jax.Array]) -> Callable[[Sequence[jax.Array]], jax.Array]:
    """Of a kernel, from its layer's inputs and the gradient of its outputs."""
    return lambda given: jax.vjp(lambda kernel: multiply(given[0], kernel), given[1])[1](given[2])[0]


def main() -> None:
    """Measures and writes."""
    norms = [line(name, (optax.tree.norm, length), arrays(shapes)) for name, shapes in NETWORKS.items()]
    finite = [line(name, (all_finite, all_finite_here), arrays(shapes)) for name, shapes in NETWORKS.items()]
    kernels = [
        line(f"{n} to {m}", (gradient(jnp.matmul), gradient(product)), arrays([(BATCH, n), (n, m), (BATCH, m)]))
        for n, m in LAYERS
    ]
    tables = [
        [HEAD.format("norm of all gradients of"), *norms],
        [HEAD.format("whether all numbers are finite of"), *finite],
        [HEAD.format(f"gradient of a kernel, batch {BATCH}"), *kernels],
    ]
    text = (
        "# Sums and products on CPU\n\n"
        "Microseconds on one core, with what changes the numbers from one time to the next: as one would write it, and "
        f"as `ablate/tricks/sums.py` does; medians of {ROUNDS} rounds in turns, and how many times as fast, with least "
        f"and most. `experiments/benchmarks/sums.py`; {measured_on('jax', 'jaxlib')}.\n\n"
    )
    Path("results/sums.md").write_text(text + "\n\n".join("\n".join(each) for each in tables) + "\n", encoding="utf-8")
    print("\n".join(line for each in tables for line in each))


if __name__ == "__main__":
    main()
