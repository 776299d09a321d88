"""Convolutions of few channels: XLA's slower kernel beside the faster one, which they take when filled up with zeros.

    taskset -c 0 python experiments/benchmarks/convolutions.py

Each stands in a loop behind a rectifier and before a sum, as in a training step; both ways in turns, on one core if
`taskset` gives one. Writes results/convolutions.md. Expected time: ten seconds.
"""

import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from in_turns import LOOPS, ROUNDS, compared
from jax import lax

from ablate.models.convolution import PLAIN, conv_general_dilated

LINE = "| {} | {} | {:.0f} | {:.0f} | {:.2f} ({:.2f} to {:.2f}) |"


class Shape(NamedTuple):
    """Of square images and a square window."""

    batch: int
    side: int
    channels: int
    features: int
    window: int = 3


SHAPES = (
    Shape(128, 14, 8, 8), Shape(500, 14, 8, 8), Shape(128, 8, 8, 8), Shape(128, 16, 8, 16), Shape(128, 16, 16, 8),
    Shape(128, 7, 16, 16), Shape(128, 14, 16, 16), Shape(128, 28, 16, 16), Shape(128, 14, 4, 8), Shape(128, 28, 3, 16),
    Shape(128, 14, 5, 8), Shape(128, 14, 6, 16, 5), Shape(1, 14, 8, 8),
)  # fmt: skip


def looped(convolve: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """A program that convolves again and again; no two times are the same, or XLA would do it once."""

    def called(x: jax.Array, kernel: jax.Array) -> jax.Array:
        def body(k: jax.Array, total: jax.Array) -> jax.Array:
            seen = jnp.maximum(x * (1 + 1e-6 * k), 0)
            return total + convolve(seen, kernel, (1, 1), "SAME", dimension_numbers=PLAIN)

        return lax.fori_loop(0, LOOPS, body, jnp.zeros((*x.shape[:3], kernel.shape[3])))

    return jax.jit(called)


def line(shape: Shape) -> str:
    """One shape both ways, in turns."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((shape.batch, shape.side, shape.side, shape.channels)), jnp.float32)
    kernel = jnp.asarray(rng.standard_normal((*[shape.window] * 2, shape.channels, shape.features)), jnp.float32)
    programs = [looped(way) for way in (lax.conv_general_dilated, conv_general_dilated)]
    images = f"{shape.batch} x {shape.side} x {shape.side} x {shape.channels}"
    return LINE.format(images, f"{shape.window} x {shape.window} x {shape.features}", *compared(programs, x, kernel))


def main() -> None:
    """Measures and writes."""
    lines = [line(shape) for shape in SHAPES]
    versions = f"Python {platform.python_version()}, jax {jax.__version__}, jaxlib {metadata.version('jaxlib')}"
    text = (
        "# Convolutions of few channels\n\n"
        "Microseconds of a convolution with what stands around it, on one core: as XLA computes it, and filled up with "
        f"zeros; medians of {ROUNDS} rounds in turns, and how many times as fast, with least and most. "
        f"`experiments/benchmarks/convolutions.py`; {platform.machine()}, {platform.system()}; {versions}.\n\n"
        "| images | window and features | XLA's | filled up | times as fast |\n| :--- | :--- | ---: | ---: | ---: |\n"
    )
    Path("results/convolutions.md").write_text(text + "\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
