"""Sums and products in the forms that XLA's compiler for CPU is fast at; on other devices as they are written.

A sum over all numbers of a large matrix becomes two, over rows and then over what is left: the compiler adds rows up
side by side, and a single sum window by window, a few times as slowly (kernels of convolutions gain nothing). The
gradient of a kernel, dL/dW = x^T dy, is a product that is summed over the rows of both factors, which the compiler
hands to the slower of its two libraries (`IsDotSupportedByYnn`). Where dy has few columns, (dy^T x)^T with dy^T made
before is up to five times as fast (results/sums.md). Barriers keep the compiler from putting the parts together again.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

MANY = 2**14  # numbers of a matrix from which on two sums are faster than one
FEWEST, MOST, DEEP = 2, 32, 32  # columns of the kernels that are worth it, and their fewest rows


def over_all(reduce: Callable[..., Array], join: Callable[[Array, Array], Array], arrays: Iterable[Array]) -> Array:
    """What `reduce`, such as `jnp.sum`, gives for all numbers of several arrays together.

    Arrays of one shape are joined number by number first: a network has many of a few shapes, and each operation costs
    a call.

    Args:
        reduce: called as `reduce(x, axis=...)`; in parts, in any order, it must come to the same.
        join: what it does to two numbers, such as `jnp.add`.
        arrays: at least one, of any shapes.

    Example:
        >>> float(over_all(jnp.sum, jnp.add, [jnp.ones((200, 100)), jnp.ones(3)]))
        20003.0
    """
    alike: dict[Any, list[Array]] = {}
    for array in arrays:
        alike.setdefault((array.shape, array.dtype), []).append(array)
    return functools.reduce(join, [_reduced(reduce, functools.reduce(join, each)) for each in alike.values()])


def _reduced(reduce: Callable[..., Array], x: Array) -> Array:
    """Over rows first, where that is faster."""
    if x.ndim != 2 or x.size < MANY or jax.default_backend() != "cpu":
        return reduce(x)
    return reduce(lax.optimization_barrier(reduce(x, axis=0)))


def dot_general(lhs: Array, rhs: Array, dimension_numbers: Any, precision: Any = None, **others: Any) -> Array:
    """`jax.lax.dot_general`, for a layer with few outputs on CPU with a faster gradient of its kernel.

    Args:
        lhs: inputs [..., channels].
        rhs: the kernel [channels, outputs].
        dimension_numbers: as JAX takes them; a dense layer sums over channels.
        precision: of the products.
        others: what else JAX takes.
    """
    plain = dimension_numbers == (((lhs.ndim - 1,), (0,)), ((), ())) and rhs.ndim == 2 and lhs.ndim > 1
    suits = plain and FEWEST <= rhs.shape[1] <= MOST and rhs.shape[0] >= DEEP
    alike = lhs.dtype == rhs.dtype == jnp.float32 and precision is None and not any(others.values())
    if suits and alike and jax.default_backend() == "cpu":
        return product(lhs, rhs)
    return lax.dot_general(lhs, rhs, dimension_numbers, precision=precision, **others)


@jax.custom_jvp
def product(x: Float[Array, "*sites channels"], kernel: Float[Array, "channels outputs"]) -> Array:
    """x W, whose gradient by W is (dy^T x)^T.

    Example:
        >>> product(jnp.ones((1, 2)), jnp.ones((2, 3))).tolist()
        [[2.0, 2.0, 2.0]]
    """
    return x @ kernel


def _changed(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Any]:
    """The change that comes from the kernel's is written so that JAX, which turns it round, arrives at the gradient."""
    (x, kernel), (dx, dkernel) = primals, tangents
    result, rows = x @ kernel, x.reshape(-1, x.shape[-1])
    changes = [dx @ kernel] if not isinstance(dx, SymbolicZero) else []
    if not isinstance(dkernel, SymbolicZero):
        turned = lax.optimization_barrier(lax.optimization_barrier(dkernel.T) @ rows.T).T
        changes.append(turned.reshape(result.shape))
    return result, functools.reduce(jnp.add, changes)


product.defjvp(_changed, symbolic_zeros=True)
