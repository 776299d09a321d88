"""Optimizers that look at a whole parameter at once: its norm, its rows and columns, its singular values."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from ablate.tricks.adaptive import promoting
from ablate.tricks.axis import BelowOne, Count, NonNegative, OneOrMore, Positive, Share
from ablate.tricks.decay import Rate, add_weights
from ablate.tricks.masks import parameter_mask


def lars(
    learning_rate: Rate,
    beta: Share = 0.9,
    trust: Positive = 1e-3,
    weight_decay: NonNegative = 0.0,
    *,
    mask: str = "all",
) -> optax.GradientTransformation:
    """Momentum whose steps are a share of each parameter's own norm, for large batches.

        d = g + weight_decay * w
        v <- beta * v - lr * trust * ||w|| / ||d|| * d,    w <- w + v

    Each parameter (a leaf of the tree) has its own norms; where one of them is 0, trust * ||w|| / ||d|| is 1. The
    paper divides by ||g|| + weight_decay * ||w|| instead of ||d||. PyTorch has none.

    Args:
        learning_rate: lr, above 0, or an optax schedule; 1 moves a kernel by the share `trust` of its norm.
        beta: share of the old step that is kept, 0 to 1.
        trust: length of the step per norm of the parameter and unit of lr, above 0.
        weight_decay: share of the weights that is added to the gradient, at least 0.
        mask: "all", as in the paper and in optax, takes every parameter; "kernels" leaves biases and norms to plain
            momentum without decay, where lr is the rate itself: a rate that suits kernels is mostly too large there.

    Returns:
        An optax transform that needs the parameters.

    Raises:
        ValueError: for another mask, when the transform is initialised.

    Example:
        >>> optimizer, w = lars(1.0, trust=0.25), jnp.full((2, 2), 2.0)
        >>> optimizer.update(jnp.ones((2, 2)), optimizer.init(w), w)[0].tolist()
        [[-0.5, -0.5], [-0.5, -0.5]]

    References:
        You, Gitman, Ginsburg. Large Batch Training of Convolutional Networks. 2017. https://arxiv.org/abs/1708.03888
    """
    chosen = functools.partial(parameter_mask, mask=mask)
    return promoting(
        optax.lars(learning_rate, weight_decay, chosen, trust_coefficient=trust, trust_ratio_mask=chosen, momentum=beta)
    )


def lamb(
    learning_rate: Rate,
    beta1: BelowOne = 0.9,
    beta2: BelowOne = 0.999,
    epsilon: Positive = 1e-6,
    weight_decay: NonNegative = 0.0,
    *,
    mask: str = "kernels",
) -> optax.GradientTransformation:
    """Adam whose steps are a share of each parameter's own norm, for large batches.

        d = adam(g) + weight_decay * w
        w <- w - lr * ||w|| / ||d|| * d

    Each parameter (a leaf of the tree) has its own norms; where one of them is 0, ||w|| / ||d|| is 1. The ratio has
    no upper bound here; the paper leaves one open. PyTorch has none.

    Args:
        learning_rate: lr, above 0, or an optax schedule; the share of its norm by which a kernel moves.
        beta1: share of the old mean that is kept, at least 0 and below 1.
        beta2: share of the old mean square that is kept, at least 0 and below 1.
        epsilon: keeps the divisor from 0, above 0, in units of the gradient.
        weight_decay: share of the weights that is added to Adam's direction, at least 0.
        mask: "kernels" leaves biases and norms to Adam without decay, as the authors' code does; "all", as in optax,
            takes every parameter.

    Returns:
        An optax transform that needs the parameters.

    Raises:
        ValueError: for another mask, when the transform is initialised.

    Example:
        >>> optimizer, w = lamb(0.25), jnp.full((2, 2), 2.0)
        >>> optimizer.update(jnp.ones((2, 2)), optimizer.init(w), w)[0].round(3).tolist()
        [[-0.5, -0.5], [-0.5, -0.5]]

    References:
        You, Li, Reddi, Hseu, Kumar, Bhojanapalli, Song, Demmel, Keutzer, Hsieh. Large Batch Optimization for Deep
        Learning: Training BERT in 76 Minutes. 2019. https://arxiv.org/abs/1904.00962
    """
    return promoting(
        optax.chain(
            optax.scale_by_adam(b1=beta1, b2=beta2, eps=epsilon),
            add_weights(weight_decay, mask),
            optax.masked(optax.scale_by_trust_ratio(), functools.partial(parameter_mask, mask=mask)),
            optax.scale_by_learning_rate(learning_rate),
        )
    )


def adafactor(
    learning_rate: Rate,
    power: Positive = 0.8,
    clip: OneOrMore = 1.0,
    epsilon: Positive = 1e-30,
    *,
    relative: bool = True,
    factored_from: Count = 128,
) -> optax.GradientTransformation:
    """Adam's divisor at the memory of a row and a column, without momentum, in steps relative to the parameter.

        b = 1 - t^(-power),    v <- b * v + (1 - b) * (g^2 + epsilon)
        u = g / sqrt(v),    u <- u / max(1, rms(u) / clip)
        w <- w - lr * max(0.001, rms(w)) * u

    Where the two longest sides of a kernel measure at least `factored_from`, only the means of v along each of them
    are kept, and v is their outer product over the mean of all. rms is the root mean square of one parameter. The
    paper's own rate, min(0.01, 1 / sqrt(t)), is left to axis `schedule`. PyTorch's Adafactor is equal
    at factored_from=1 for matrices, as long as lr <= 1 / sqrt(t), to which it cuts the rate; of kernels with more
    sides it factors the last two.

    Args:
        learning_rate: lr, above 0, or an optax schedule; with `relative` a share of the parameter's size.
        power: how fast the mean square gets longer, above 0.
        clip: largest rms of a direction, at least 1.
        epsilon: keeps the root from 0, above 0, in units of the squared gradient.
        relative: False leaves max(0.001, rms(w)) out.
        factored_from: least length of the two longest sides of a kernel that is factored, in numbers.

    Returns:
        An optax transform that needs the parameters.

    Example:
        >>> optimizer, w = adafactor(0.25), jnp.array([2.0])
        >>> optimizer.update(jnp.array([4.0]), optimizer.init(w), w)[0].round(3).tolist()
        [-0.5]

    References:
        Shazeer, Stern. Adafactor: Adaptive Learning Rates with Sublinear Memory Cost. 2018.
        https://arxiv.org/abs/1804.04235
    """
    return promoting(
        optax.adafactor(
            learning_rate,
            min_dim_size_to_factor=factored_from,
            decay_rate=power,
            multiply_by_parameter_scale=relative,
            clipping_threshold=clip,
            eps=epsilon,
        )
    )


def muon(
    learning_rate: Rate,
    beta: BelowOne = 0.95,
    adam_rate: NonNegative = 1.0,
    *,
    iterations: Count = 5,
    flatten: bool = True,
) -> optax.GradientTransformation:
    """Nesterov momentum made nearly orthogonal: every singular value of a kernel's step is about 1.

        m <- beta * m + (1 - beta) * g
        m' = beta * m / (1 - beta^(t+1)) + (1 - beta) * g / (1 - beta^t)
        X = m' / (||m'|| + 1e-8),  then `iterations` times  X <- 3.4445 X - 4.7750 (X X^T) X + 2.0315 (X X^T)^2 X
        w <- w - lr * sqrt(max(1, out / in)) * X

    Kernels are (in, out) matrices; those of convolutions are flattened to (height * width * in, out), as the author
    does. Biases and norms are trained by `adam` at the rate lr * adam_rate. The author leaves the first and the last
    layer to Adam as well; here they are kernels like others. PyTorch's Muon takes matrices only (out, in), has no
    bias correction in m' and rounds X to bfloat16: after 20 steps of a small problem the two lie about .5 % of the way
    apart at lr 0.05, and 7 % at 0.3.

    Args:
        learning_rate: lr, above 0, or an optax schedule; the author uses 0.02.
        beta: share of the old mean that is kept, at least 0 and below 1.
        adam_rate: rate of the parameters that are no kernels, in units of lr, at least 0; the author's is 0.015.
        iterations: steps of Newton and Schulz's method.
        flatten: False leaves kernels with more than two dimensions to `adam`.

    Returns:
        An optax transform.

    Example:
        >>> optimizer, g = muon(1.0), jnp.diag(jnp.array([4.0, 0.1]))
        >>> abs(optimizer.update(g, optimizer.init(g))[0]).round().tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    References:
        Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein. Muon: An Optimizer for Hidden Layers in Neural Networks.
        2024. https://kellerjordan.github.io/posts/muon/
    """
    matrices = optax.chain(
        optax.contrib.scale_by_muon(ns_steps=iterations, beta=beta, weight_dimension_numbers=_as_matrices),
        optax.stateless_with_tree_map(lambda step, _: step * _gain(jnp.shape(step))),
    )
    others = optax.chain(optax.scale_by_adam(), optax.scale(adam_rate))
    # Two masks in place of optax.contrib.muon's labels: no name but the parameters' own comes into the state's paths.
    return promoting(
        optax.chain(
            optax.masked(matrices, functools.partial(_orthogonal, flatten=flatten, chosen=True)),
            optax.masked(others, functools.partial(_orthogonal, flatten=flatten, chosen=False)),
            optax.scale_by_learning_rate(learning_rate),
        )
    )


def _orthogonal(params: PyTree, flatten: bool, chosen: bool) -> PyTree:
    """Marks the parameters whose steps are made orthogonal, or (`chosen` False) all others."""
    return jax.tree.map(lambda w: (w.ndim == 2 or (flatten and w.ndim > 2)) == chosen, params)


def _as_matrices(params: PyTree) -> Any:
    """Which sides of every kernel count as rows (all but the last) and as columns."""
    return jax.tree.map(lambda w: optax.contrib.MuonDimensionNumbers(tuple(range(w.ndim - 1)), w.ndim - 1), params)


def _gain(shape: tuple[int, ...]) -> float:
    """What a wide kernel's step is multiplied by: its columns outnumber the singular values."""
    return math.sqrt(max(1.0, shape[-1] / math.prod(shape[:-1])))
