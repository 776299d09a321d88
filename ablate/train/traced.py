"""What a traced function does, read from its equations: before anything is compiled, and the same on every machine."""

import math
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import jaxprs_in_params

PLAIN = lax.conv_dimension_numbers((1,) * 4, (1,) * 4, ("NHWC", "HWIO", "NHWC"))
DRAWING = "random_bits"  # the operation by which JAX draws
# Operations with one floating-point result for every number, and those that go once through what they are given.
ELEMENTWISE = frozenset({
    "abs", "acos", "acosh", "add", "add_any", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "clamp", "cos",
    "cosh", "digamma", "div", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "floor", "integer_pow", "lgamma", "log",
    "log1p", "logistic", "max", "min", "mul", "neg", "pow", "rem", "round", "rsqrt", "sign", "sin", "sinh", "sqrt",
    "square", "sub", "tan", "tanh",
})  # fmt: skip
THROUGH = frozenset({
    "argmax", "argmin", "cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum", "reduce_max", "reduce_min",
    "reduce_prod", "reduce_sum",
})  # fmt: skip


def convolutions_of(step: Any) -> str:
    """Which convolutions a traced step has: "none", "plain" or "other".

    Plain ones are as XLA's kernels for CPU take them: images [batch, height, width, channels], without groups, and
    without zeros between their pixels.
    """
    found = [each.params for each in equations(step.jaxpr) if each.primitive.name == "conv_general_dilated"]
    plain = all(
        (parameters["dimension_numbers"], parameters["feature_group_count"], parameters["batch_group_count"])
        == (PLAIN, 1, 1)
        and set(parameters["lhs_dilation"]) <= {1}
        for parameters in found
    )
    return "none" if not found else "plain" if plain else "other"


def draws_in(step: Any) -> bool:
    """Whether a traced step draws random numbers."""
    return any(each.primitive.name == DRAWING for each in equations(step.jaxpr))


def largest_of(traced: Any) -> int:
    """Bytes of the largest array that a traced function makes on its way."""
    made = (v.aval for equation in equations(traced.jaxpr) for v in equation.outvars)
    return max((int(a.size) * a.dtype.itemsize for a in made if hasattr(a, "size") and hasattr(a, "dtype")), default=0)


def operations_in(jaxpr: Any) -> int:
    """Floating-point operations of a traced function, those of its loops as often as these run.

    Two for every product in a matrix product or a convolution, zeros of its padding included; one for every number
    that is added, multiplied, compared, or put into a function such as `exp`. What moves, chooses or draws numbers is
    none. A loop whose length is not known counts once, and of a condition the more expensive branch.
    """
    return sum(_operations(equation) for equation in jaxpr.eqns)


def equations(jaxpr: Any) -> Iterator[Any]:
    """Every equation, at any depth."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from equations(inner)


def _operations(equation: Any) -> int:
    name, parameters = equation.primitive.name, equation.params
    inner = [operations_in(each) for each in jaxprs_in_params(parameters)]
    if inner and not name.startswith("scatter"):
        return max(inner) if name == "cond" else sum(inner) * parameters.get("length", 1)
    if name in THROUGH:
        return _numbers(equation.invars[0].aval)
    made = _numbers(equation.outvars[0].aval) if equation.outvars else 0
    if name in ("dot_general", "conv_general_dilated"):
        return 2 * made * _terms(equation)
    if name.startswith("reduce_window"):
        return made * math.prod(parameters["window_dimensions"])
    if name.startswith("scatter"):
        return _numbers(equation.invars[2].aval)
    return made if name in ELEMENTWISE else 0


def _numbers(array: Any) -> int:
    """How many of an array's numbers are floating-point ones: all or none."""
    return array.size if hasattr(array, "dtype") and jnp.issubdtype(array.dtype, jnp.floating) else 0


def _terms(equation: Any) -> int:
    """Products that each number of the result is a sum of."""
    left, right = (v.aval.shape for v in equation.invars[:2])
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return math.prod(left[axis] for axis in contracted)
    return math.prod(right) // right[equation.params["dimension_numbers"].rhs_spec[0]]
