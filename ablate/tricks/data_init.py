"""Initial values of axis `init` that follow from more than a kernel's shape: from data, from paths, from a file."""

import functools
import zipfile
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ablate.tricks.axis import FilePath, Range
from ablate.tricks.initializers import Initializer, he, lecun, orthogonal

__all__ = ["DataInit", "lsuv", "pretrained", "zero_residual"]

BRANCH_NORM = "branch_norm"  # how models call the last norm of a residual branch


class DataInit(NamedTuple):
    """An initializer and `adjust(key, variables, apply, inputs) -> variables`, called once before the first step.

    `variables` holds the collections of flax, `params` among them; `apply(variables, inputs)` gives outputs by head.
    """

    kernel: Initializer
    adjust: Callable[[Any, PyTree, Callable[..., Any], PyTree], PyTree]


def lsuv() -> DataInit:
    """Orthogonal kernels, each divided by the spread of what it gives on a first batch: variance 1 in every layer.

        W <- W / sd(W x)        layer after layer, x being what the layers before it give by then

    One pass is exact, as what a layer gives is linear in its kernel and a bias does not change its variance. A layer
    that gives the same everywhere keeps its kernel, such as a head that starts at zero.

    Returns:
        A `DataInit`.

    Example:
        >>> lsuv().kernel(jax.random.key(0), (4, 3), jnp.float32).shape
        (4, 3)

    References:
        Mishkin, Matas. All You Need Is a Good Init. 2015. https://arxiv.org/abs/1511.06422
    """

    def adjust(key: Array, variables: PyTree, apply: Callable[..., Array], inputs: PyTree) -> PyTree:
        spreads: dict[str, Array] = {}
        with nn.intercept_methods(functools.partial(_with_unit_variance, spreads)):
            apply(variables, inputs)
        params = jax.tree_util.tree_map_with_path(functools.partial(_divided, spreads), variables["params"])
        return {**variables, "params": params}

    return DataInit(orthogonal(), adjust)


def _with_unit_variance(spreads: dict[str, Array], call: Any, args: Any, kwargs: Any, context: Any) -> Any:
    """What a layer gives, over its spread, which is noted by its path; what other methods give, as it is."""
    module, given = context.module, call(*args, **kwargs)
    if context.method_name != "__call__" or not isinstance(module, nn.Dense | nn.Conv | nn.ConvTranspose):
        return given
    bias = module.get_variable("params", "bias") if module.use_bias else jnp.zeros((), given.dtype)
    linear = given - jnp.broadcast_to(bias, given.shape)
    spread = jnp.std(linear)
    spreads["/".join(module.path)] = spread = jnp.where(spread > 1e-6, spread, 1.0)
    return linear / spread + jnp.broadcast_to(bias, given.shape)


def _divided(spreads: Mapping[str, Array], place: Any, parameter: Array) -> Array:
    layer, _, name = jax.tree_util.keystr(place, simple=True, separator="/").rpartition("/")
    return parameter / spreads[layer] if name in ("kernel", "gain") and layer in spreads else parameter


def zero_residual(distribution: str = "normal") -> DataInit:
    """He's values, and zero for the scale of the last norm of every residual branch: each block begins as identity.

        W ~ N(0, 2/n_in)    or    U(-a, a) with a = sqrt(6/n_in);        scale = 0 where a branch ends

    Args:
        distribution: "normal" (not truncated) or "uniform".

    Returns:
        A `DataInit`.

    Raises:
        ValueError: for another distribution; from `adjust` where no residual branch ends in a norm with a scale.

    Example:
        >>> begin = {"params": {"block": {"branch_norm": {"scale": jnp.ones(2), "bias": jnp.zeros(2)}}}}
        >>> variables = zero_residual().adjust(jax.random.key(0), begin, lambda *_: None, None)
        >>> variables["params"]["block"]["branch_norm"]["scale"].tolist()
        [0.0, 0.0]

    References:
        Goyal, Dollár, Girshick, Noordhuis, Wesolowski, Kyrola, Tulloch, Jia, He. Accurate, Large Minibatch SGD:
        Training ImageNet in 1 Hour. 2017. https://arxiv.org/abs/1706.02677
    """

    def adjust(key: Array, variables: PyTree, apply: Callable[..., Array], inputs: PyTree) -> PyTree:
        places = [place for place, _ in jax.tree_util.tree_leaves_with_path(variables["params"]) if _ends_branch(place)]
        if not places:
            raise ValueError("zero_residual: no residual branch of this model ends in a norm with a scale")
        params = jax.tree_util.tree_map_with_path(
            lambda place, leaf: jnp.zeros_like(leaf) if _ends_branch(place) else leaf, variables["params"]
        )
        return {**variables, "params": params}

    return DataInit(he(distribution), adjust)


def _ends_branch(place: Any) -> bool:
    return jax.tree_util.keystr(place, simple=True, separator="/").endswith(f"{BRANCH_NORM}/scale")


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
