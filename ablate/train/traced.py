"""What a traced function does, read from its equations: before anything is compiled, and the same on every machine."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import jaxprs_in_params

PLAIN = lax.conv_dimension_numbers((1,) * 4, (1,) * 4, ("NHWC", "HWIO", "NHWC"))
DRAWING = "random_bits"  # the operation by which JAX draws
UNCOUNTED = "made_once"  # what `models/convolution.py` tells the compiler, and no part of a model
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
LAID_OUT = frozenset({"concatenate", "pad"})  # what puts arrays, and zeros, beside each other
Laid = Mapping[Any, Sequence[Any]]  # arrays that were made so, and what of


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

    Two for every product in a matrix product or a convolution, zeros around its images included, those that its kernel
    was filled up with not; one for every number that is added, multiplied, compared, or put into a function such as
    `exp`. What moves, chooses or draws numbers is none. A loop whose length is not known counts once, and of a
    condition the more expensive branch.
    """
    laid = {each.outvars[0]: each.invars for each in jaxpr.eqns if each.primitive.name in LAID_OUT}
    return sum(_operations(equation, laid) for equation in jaxpr.eqns)


def equations(jaxpr: Any) -> Iterator[Any]:
    """Every equation, at any depth."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from equations(inner)


def _operations(equation: Any, laid: Laid) -> int:
    name, parameters = equation.primitive.name, equation.params
    if name == "custom_jvp_call" and parameters["call_jaxpr"].jaxpr.debug_info.func_name == UNCOUNTED:
        return 0
    inner = [operations_in(each) for each in jaxprs_in_params(parameters)]
    if inner and not name.startswith("scatter"):
        return max(inner) if name == "cond" else sum(inner) * parameters.get("length", 1)
    if name in THROUGH:
        return _numbers(equation.invars[0].aval)
    made = _numbers(equation.outvars[0].aval) if equation.outvars else 0
    if name == "dot_general":
        return 2 * made * _summed(equation)
    if name == "conv_general_dilated":
        return 2 * _products(equation, laid)
    if name.startswith("reduce_window"):
        return made * math.prod(parameters["window_dimensions"])
    if name.startswith("scatter"):
        return _numbers(equation.invars[2].aval)
    return made if name in ELEMENTWISE else 0


def _numbers(array: Any) -> int:
    """How many of an array's numbers are floating-point ones: all or none."""
    return array.size if hasattr(array, "dtype") and jnp.issubdtype(array.dtype, jnp.floating) else 0


def _summed(product: Any) -> int:
    """Products that each number of a matrix product is a sum of."""
    (contracted, _), _ = product.params["dimension_numbers"]
    return math.prod(product.invars[0].aval.shape[axis] for axis in contracted)


def _products(convolution: Any, laid: Laid) -> int:
    """Each weight of the kernel, as it was before zeros were put around it, once for every place of the result."""
    kernel, result = convolution.invars[1], convolution.outvars[0].aval.shape
    places = math.prod(result) // result[convolution.params["dimension_numbers"].out_spec[1]]
    return _weights(kernel, laid) * places


def _weights(kernel: Any, laid: Laid) -> int:
    """Numbers of an array but the zeros that fill it up; the arguments of what makes it are in `laid`."""
    parts = laid.get(kernel, ())
    return sum(_weights(part, laid) for part in parts if part.aval.ndim) if parts else kernel.aval.size
