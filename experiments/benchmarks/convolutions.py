"""Convolutions of few channels, and the gradients of kernels: as XLA computes them, and as they are written here.

    taskset -c 0 python experiments/benchmarks/convolutions.py

Each stands in a loop behind a rectifier and before a sum, as in a training step; both ways in turns, on one core if
`taskset` gives one. The gradient of a kernel stands beside the one convolution over all examples at once that it is;
JAX's own, inside a loop, is slower still by an order of magnitude. Writes results/convolutions.md. Expected time: half
a minute.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from in_turns import LOOPS, ROUNDS, compared, measured_on
from jax import lax

from ablate.models.convolution import PLAIN, conv_general_dilated

HEAD = "| images | window and features | {} | here | times as fast |\n| :--- | :--- | ---: | ---: | ---: |"
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
GRADIENTS = (
    (Shape(128, 28, 16, 16), 1), (Shape(128, 14, 32, 32), 1), (Shape(128, 7, 64, 64), 1), (Shape(128, 32, 32, 32), 1),
    (Shape(128, 28, 8, 8), 1), (Shape(128, 14, 8, 8), 1), (Shape(128, 7, 16, 16), 1), (Shape(128, 4, 32, 32), 1),
    (Shape(128, 28, 16, 32), 2), (Shape(128, 14, 32, 64), 2), (Shape(128, 14, 8, 16), 2),
    (Shape(128, 28, 16, 32, 1), 2),
)  # fmt: skip


def looped(convolve: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """A program that convolves again and again; no two times are the same, or XLA would do it once."""

    def called(x: jax.Array, kernel: jax.Array) -> jax.Array:
        def body(k: jax.Array, total: jax.Array) -> jax.Array:
            seen = jnp.maximum(x * (1 + 1e-6 * k), 0)
            return total + convolve(seen, kernel, (1, 1), "SAME", dimension_numbers=PLAIN)

        return lax.fori_loop(0, LOOPS, body, jnp.zeros((*x.shape[:3], kernel.shape[3])))

    return jax.jit(called)


def all_at_once(x: jax.Array, slope: jax.Array, window: int, stride: int) -> jax.Array:
    """The gradient of a kernel as one convolution over all examples."""
    (top, _), _ = lax.padtype_to_pads(x.shape[1:3], [window] * 2, [stride] * 2, "SAME")
    around = (top, window + (slope.shape[1] - 1) * stride - x.shape[1] - top)
    images, gradient = x.transpose(3, 1, 2, 0), slope.transpose(1, 2, 0, 3)
    found = lax.conv_general_dilated(
        images, gradient, (1, 1), [around] * 2, rhs_dilation=[stride] * 2, dimension_numbers=PLAIN
    )
    return found.transpose(1, 2, 0, 3)


def here(x: jax.Array, slope: jax.Array, window: int, stride: int) -> jax.Array:
    """The same as `ablate/models/convolution.py` has it."""
    kernel = jnp.zeros((window, window, x.shape[3], slope.shape[3]))
    convolve = functools.partial(conv_general_dilated, dimension_numbers=PLAIN)
    return jax.vjp(lambda kernel: convolve(x, kernel, [stride] * 2, "SAME"), kernel)[1](slope)[0]


def gradients(way: Callable[..., jax.Array], window: int, stride: int) -> Callable[..., jax.Array]:
    """A program that finds the gradient again and again."""

    def called(x: jax.Array, slope: jax.Array) -> jax.Array:
        def body(k: jax.Array, total: jax.Array) -> jax.Array:
            return total + way(jnp.maximum(x * (1 + 1e-6 * k), 0), slope * (1 - 1e-6 * k), window, stride)

        return lax.fori_loop(0, LOOPS, body, jnp.zeros((window, window, x.shape[3], slope.shape[3])))

    return jax.jit(called)


def arrays(*shapes: tuple[int, ...]) -> list[jax.Array]:
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]


def images(shape: Shape) -> str:
    return f"{shape.batch} x {shape.side} x {shape.side} x {shape.channels}"


def line(shape: Shape) -> str:
    """One shape both ways, in turns."""
    x, kernel = arrays(
        (shape.batch, shape.side, shape.side, shape.channels),
        (shape.window, shape.window, shape.channels, shape.features),
    )
    programs = [looped(way) for way in (lax.conv_general_dilated, conv_general_dilated)]
    window = f"{shape.window} x {shape.window} x {shape.features}"
    return LINE.format(images(shape), window, *compared(programs, x, kernel))


def line_of_gradient(shape: Shape, stride: int) -> str:
    """One shape both ways, in turns."""
    side = -(-shape.side // stride)
    x, slope = arrays((shape.batch, shape.side, shape.side, shape.channels), (shape.batch, side, side, shape.features))
    programs = [gradients(way, shape.window, stride) for way in (all_at_once, here)]
    window = f"{shape.window} x {shape.window} x {shape.features}" + (f", step {stride}" if stride > 1 else "")
    return LINE.format(images(shape), window, *compared(programs, x, slope))


def main() -> None:
    """Measures and writes."""
    lines = [line(shape) for shape in SHAPES]
    of_kernels = [line_of_gradient(shape, stride) for shape, stride in GRADIENTS]
    text = (
        "# Convolutions of few channels, and gradients of kernels\n\n"
        "Microseconds of a convolution with what stands around it, on one core: as XLA computes it, and with pixels of "
        "a row at once and zeros to fill up; and of a kernel's gradient: as one convolution over all examples, and "
        f"over a few at a time. Medians of {ROUNDS} rounds in turns, and how many times as fast, with least and most. "
        f"`experiments/benchmarks/convolutions.py`; {measured_on('jax', 'jaxlib')}.\n\n"
    )
    tables = [[HEAD.format("XLA's"), *lines], [HEAD.format("all at once"), *of_kernels]]
    written = text + "\n\n".join("\n".join(each) for each in tables) + "\n"
    Path("results/convolutions.md").write_text(written, encoding="utf-8")
    print("\n".join(line for each in tables for line in each))


if __name__ == "__main__":
    main()
