"""Axis `init`: the first values of the kernels.

A choice makes a JAX initializer `(key, shape, dtype) -> kernel`. One that must see data makes a `DataInit` instead:
an initializer and an adjustment of the finished parameters by a pass over the first batch. `split_init` hides the
difference from whoever sets a model up. Fans are those of JAX: a kernel is [..., inputs, outputs], and the leading
axes of a convolution's kernel count on both sides.
"""

import functools
import zipfile
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ablate.tricks.axis import SUPERVISED, Axis, Choice, FilePath, NonNegative, Range

__all__ = [
    "DataInit",
    "fan_mean_normal",
    "he",
    "lecun",
    "normal",
    "orthogonal",
    "pretrained",
    "split_init",
    "uniform",
    "xavier",
    "zeros",
]

Initializer = Callable[..., Array]
DISTRIBUTIONS = ("normal", "uniform")


class DataInit(NamedTuple):
    """An initializer and `adjust(key, variables, apply, inputs) -> variables`, called once before the first step.

    `variables` holds the collections of flax, `params` among them; `apply(variables, inputs)` gives outputs by head.
    """

    kernel: Initializer
    adjust: Callable[[Any, PyTree, Callable[..., Any], PyTree], PyTree]


def split_init(init: Initializer | DataInit) -> DataInit:
    """Gives any initializer the form of a `DataInit`; a plain one is adjusted by doing nothing.

    Args:
        init: what a choice on the axis made.

    Returns:
        The pair (kernel initializer, adjust).

    Example:
        >>> kernel, adjust = split_init(he())
        >>> adjust(jax.random.key(0), {"w": 1.0}, None, None)
        {'w': 1.0}
    """
    if isinstance(init, DataInit):
        return init
    return DataInit(kernel=init, adjust=lambda key, variables, apply, inputs: variables)


def zeros() -> Initializer:
    """All zeros: kept to show that units that start equal stay equal.

        W = 0

    Returns:
        An initializer (key, shape, dtype) -> array.

    Example:
        >>> zeros()(jax.random.key(0), (2, 2), jnp.float32).tolist()
        [[0.0, 0.0], [0.0, 0.0]]

    References:
        Goodfellow, Bengio, Courville. Deep Learning, section 8.4. 2016. https://www.deeplearningbook.org
    """
    return jax.nn.initializers.zeros


def normal(stddev: NonNegative = 0.01) -> Initializer:
    """A fixed spread, whatever the layer's size: too small or too large one after another through many layers.

        W ~ N(0, stddev^2)

    Args:
        stddev: standard deviation, at least 0; .01 fades out and 1 saturates in a deep tanh network.

    Returns:
        An initializer (key, shape, dtype) -> array.

    Example:
        >>> normal(stddev=0.01)(jax.random.key(0), (4, 3), jnp.float32).shape
        (4, 3)

    References:
        Glorot, Bengio. Understanding the Difficulty of Training Deep Feedforward Neural Networks. 2010.
        https://proceedings.mlr.press/v9/glorot10a.html
    """
    return jax.nn.initializers.normal(stddev)


def uniform(scale: NonNegative = 0.05) -> Initializer:
    """A fixed range around 0, whatever the layer's size.

        W ~ U(-scale, scale)

    Args:
        scale: half the width of the range, at least 0.

    Returns:
        An initializer (key, shape, dtype) -> array.

    Example:
        >>> bool(abs(uniform(scale=0.5)(jax.random.key(0), (4, 3), jnp.float32)).max() <= 0.5)
        True

    References:
        Glorot, Bengio. Understanding the Difficulty of Training Deep Feedforward Neural Networks. 2010.
        https://proceedings.mlr.press/v9/glorot10a.html
    """

    def init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32, **_: Any) -> Array:
        return jax.random.uniform(key, shape, dtype, -1.0, 1.0) * jnp.asarray(scale, dtype)

    return init


def fan_mean_normal() -> Initializer:
    """The spread that the mean of inputs and outputs asks for; the same distribution as `xavier("normal")`.

        W ~ N(0, 1/n),    n = (n_in + n_out) / 2

    Returns:
        An initializer (key, shape, dtype) -> array.

    Example:
        >>> fan_mean_normal()(jax.random.key(0), (4, 3), jnp.float32).shape
        (4, 3)

    References:
        Glorot, Bengio. Understanding the Difficulty of Training Deep Feedforward Neural Networks. 2010.
        https://proceedings.mlr.press/v9/glorot10a.html
    """
    return scaled_by_fan(1.0, "fan_avg", "normal")


def lecun(distribution: str = "normal") -> Initializer:
    """Keeps the variance of a signal that goes forward through linear units.

        W ~ N(0, 1/n_in)    or    U(-a, a) with a = sqrt(3/n_in)

    Args:
        distribution: "normal" (not truncated) or "uniform".

    Returns:
        An initializer (key, shape, dtype) -> array.

    Raises:
        ValueError: for another distribution.

    Example:
        >>> lecun()(jax.random.key(0), (4, 3), jnp.float32).shape
        (4, 3)

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. 1998. https://doi.org/10.1007/3-540-49430-8_2
    """
    return scaled_by_fan(1.0, "fan_in", distribution)


def xavier(distribution: str = "normal") -> Initializer:
    """Balances the variances of the signal forward and of the gradient backward.

        W ~ N(0, 2/(n_in + n_out))    or    U(-a, a) with a = sqrt(6/(n_in + n_out))

    Args:
        distribution: "normal" (not truncated) or "uniform".

    Returns:
        An initializer (key, shape, dtype) -> array.

    Raises:
        ValueError: for another distribution.

    Example:
        >>> xavier("uniform")(jax.random.key(0), (4, 3), jnp.float32).shape
        (4, 3)

    References:
        Glorot, Bengio. Understanding the Difficulty of Training Deep Feedforward Neural Networks. 2010.
        https://proceedings.mlr.press/v9/glorot10a.html
    """
    return scaled_by_fan(1.0, "fan_avg", distribution)


def he(distribution: str = "normal") -> Initializer:
    """Keeps the variance of a signal of which ReLU throws half away.

        W ~ N(0, 2/n_in)    or    U(-a, a) with a = sqrt(6/n_in)

    Args:
        distribution: "normal" (not truncated) or "uniform".

    Returns:
        An initializer (key, shape, dtype) -> array.

    Raises:
        ValueError: for another distribution.

    Example:
        >>> he()(jax.random.key(0), (3, 3, 8, 16), jnp.float32).shape
        (3, 3, 8, 16)

    References:
        He, Zhang, Ren, Sun. Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
        Classification. 2015. https://arxiv.org/abs/1502.01852
    """
    return scaled_by_fan(2.0, "fan_in", distribution)


def orthogonal(scale: NonNegative = 1.0) -> Initializer:
    """A random rotation, so that a linear layer keeps every length; a convolution's leading axes count as inputs.

        W = scale * Q,    Q'Q = I  or  QQ' = I

    Args:
        scale: factor of every length, at least 0.

    Returns:
        An initializer (key, shape, dtype) -> array, for shapes of at least two dimensions.

    Example:
        >>> w = orthogonal()(jax.random.key(0), (4, 4), jnp.float32)
        >>> bool(jnp.allclose(w.T @ w, jnp.eye(4), atol=1e-5))
        True

    References:
        Saxe, McClelland, Ganguli. Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural
        Networks. 2013. https://arxiv.org/abs/1312.6120
    """
    return jax.nn.initializers.orthogonal(scale)


def pretrained(
    path: FilePath,
    head: Literal["new", "kept"] = "new",
    member: Annotated[int, Range(0)] = 0,
    distribution: str = "normal",
) -> DataInit:
    """Starts from the variables of a trained network, heads apart: what was learnt on one task serves another.

        W = W of the file,    heads ~ lecun(distribution) where they are new

    The file may also hold more than the network has; running statistics are taken from it too.

    Args:
        path: a file that `cfg.train.keep_weights` wrote, `DIR/weights/<cell>.npz`, or any .npz with arrays called
            `0/params/<layer>/kernel` and so on. What is in it is part of a cell's identity, where it lies is not.
        head: "new" draws the heads afresh, whatever their shape; "kept" takes them from the file too.
        member: which set of variables, at least 0, where the file holds several.
        distribution: of the values of new heads, "normal" (not truncated) or "uniform".

    Returns:
        A `DataInit`, whose `adjust` puts the arrays of the file in the place of those drawn.

    Raises:
        ValueError: the file cannot be read, or lacks an array of the shape that a layer has.

    Example:
        >>> import tempfile
        >>> file = f"{tempfile.mkdtemp()}/weights.npz"
        >>> np.savez(file, **{"0/params/layer/kernel": np.ones((2, 2))})
        >>> begin = {"params": {"layer": {"kernel": jnp.zeros((2, 2))}, "head": {"kernel": jnp.zeros((2, 3))}}}
        >>> variables = pretrained(file).adjust(jax.random.key(0), begin, lambda *_: {"head": 0.0}, None)
        >>> jax.tree.map(lambda w: float(w.sum()), variables["params"])
        {'head': {'kernel': 0.0}, 'layer': {'kernel': 4.0}}

    References:
        Yosinski, Clune, Bengio, Lipson. How Transferable Are Features in Deep Neural Networks? 2014.
        https://arxiv.org/abs/1411.1792
    """

    def adjust(key: Array, variables: PyTree, apply: Callable[..., Array], inputs: PyTree) -> PyTree:
        outputs = jax.eval_shape(apply, variables, inputs)
        heads = tuple(outputs) if head == "new" and isinstance(outputs, Mapping) else ()
        take = functools.partial(_stored, path, _arrays(path, f"{member}/"), heads)
        return jax.tree_util.tree_map_with_path(take, variables)

    return DataInit(lecun(distribution), adjust)


def _arrays(path: str, prefix: str) -> dict[str, np.ndarray]:
    """The arrays of a file whose names have a prefix, without it."""
    try:
        with open(path, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is no .npz file")
            with np.load(file, allow_pickle=False) as archive:
                return {name.removeprefix(prefix): archive[name] for name in archive if name.startswith(prefix)}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"cannot read the weights in {path}: {error}") from error


def _stored(path: str, stored: Mapping[str, np.ndarray], heads: tuple[str, ...], place: Any, drawn: Array) -> Array:
    """The array of the file for a place of the variables; what was drawn where the place is in a new head."""
    name = jax.tree_util.keystr(place, simple=True, separator="/")
    if name.split("/")[1] in heads:
        return drawn
    if name not in stored:
        raise ValueError(f"{path} has no {name}; it has {', '.join(sorted(stored)) or 'nothing of this member'}")
    if stored[name].shape != drawn.shape:
        raise ValueError(f"{path}: {name} has shape {stored[name].shape}, the network {drawn.shape}")
    if stored[name].dtype.kind not in "fiub" or not np.isfinite(stored[name]).all():
        raise ValueError(f"{path}: {name} holds what is no finite number")
    return jnp.asarray(stored[name], drawn.dtype)


def scaled_by_fan(gain: float, mode: Literal["fan_in", "fan_avg"], distribution: str) -> Initializer:
    """JAX's variance scaling, with the untruncated normal that the articles' formulas mean."""
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"distribution={distribution!r} is not one of {', '.join(map(repr, DISTRIBUTIONS))}")
    return jax.nn.initializers.variance_scaling(gain, mode, distribution)


AXIS = Axis(
    name="init",
    tasks=(*SUPERVISED, "adversarial"),
    default="lecun",
    seam="() -> initializer (key, shape, dtype), or DataInit(kernel, adjust)",
    in_step=False,
    choices={
        "zeros": Choice(zeros),
        "normal": Choice(normal),
        "uniform": Choice(uniform),
        "fan_mean_normal": Choice(fan_mean_normal),
        "lecun": Choice(lecun),
        "xavier": Choice(xavier),
        "he": Choice(he),
        "orthogonal": Choice(orthogonal),
        "pretrained": Choice(pretrained, example={"path": "weights.npz"}),
    },
)
