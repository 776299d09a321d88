"""Axis `optimizer`: from gradients to updates, as optax transforms.

The learning rate is an argument like any other: in a study the step calls the bound choice with the rate of that very
step, and in a plain optax loop it may be a number or an optax schedule. All other numbers may be traced as well.
"""

import jax
import optax

from ablate.tricks.axis import SUPERVISED, Axis, BelowOne, Choice, NonNegative, Positive, Share
from ablate.tricks.decay import Rate, decoupled

__all__ = ["adagrad", "adam", "adamw", "lion", "momentum", "nesterov", "rmsprop", "sgd"]


def sgd(learning_rate: Rate) -> optax.GradientTransformation:
    """Stochastic gradient descent without memory.

        w <- w - lr * g

    Args:
        learning_rate: lr, above 0, or an optax schedule.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, w = sgd(0.5), jnp.array([1.0])
        >>> optimizer.update(jnp.array([2.0]), optimizer.init(w), w)[0].tolist()
        [-1.0]

    References:
        Robbins, Monro. A Stochastic Approximation Method. 1951. https://doi.org/10.1214/aoms/1177729586
    """
    return optax.sgd(learning_rate)


def momentum(learning_rate: Rate, beta: Share = 0.9) -> optax.GradientTransformation:
    """Steps along a running sum of old steps; the rate is inside the sum, so a lower rate acts only gradually.

        v <- beta * v - lr * g
        w <- w + v

    With a constant rate this equals PyTorch's and optax's form, which multiply the sum by the rate at the end.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta: share of the old step that is kept, 0 to 1; off at 0.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = momentum(0.5, beta=0.5), jnp.array([1.0])
        >>> _, state = optimizer.update(g, optimizer.init(g))
        >>> optimizer.update(g, state)[0].tolist()
        [-0.75]

    References:
        Polyak. Some Methods of Speeding Up the Convergence of Iteration Methods. 1964.
        https://doi.org/10.1016/0041-5553(64)90137-5
    """
    return optax.chain(optax.scale_by_learning_rate(learning_rate), optax.trace(beta))


def nesterov(learning_rate: Rate, beta: Share = 0.9) -> optax.GradientTransformation:
    """Momentum that looks one step ahead, in the form that takes the gradient where the weights are.

        v <- beta * v - lr * g
        w <- w + beta * v - lr * g

    With a constant rate this equals PyTorch's and optax's form.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta: share of the old step that is kept, 0 to 1; off at 0.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = nesterov(0.5, beta=0.5), jnp.array([1.0])
        >>> optimizer.update(g, optimizer.init(g))[0].tolist()
        [-0.75]

    References:
        Sutskever, Martens, Dahl, Hinton. On the Importance of Initialization and Momentum in Deep Learning. 2013.
        https://proceedings.mlr.press/v28/sutskever13.html
    """
    return optax.chain(optax.scale_by_learning_rate(learning_rate), optax.trace(beta, nesterov=True))


def adagrad(learning_rate: Rate, initial: NonNegative = 0.0, epsilon: Positive = 1e-7) -> optax.GradientTransformation:
    """Divides each number by the root of all its squared gradients so far.

        r <- r + g^2,    r_0 = initial
        w <- w - lr * g / sqrt(r + epsilon)

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        initial: first value of r, at least 0, in units of the squared gradient (optax: 0.1).
        epsilon: keeps the root from 0, above 0, in units of the squared gradient.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = adagrad(0.5), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-0.5]

    References:
        Duchi, Hazan, Singer. Adaptive Subgradient Methods for Online Learning and Stochastic Optimization. 2011.
        https://jmlr.org/papers/v12/duchi11a.html
    """
    return optax.adagrad(learning_rate, initial_accumulator_value=initial, eps=epsilon)


def rmsprop(learning_rate: Rate, beta: Share = 0.9, epsilon: Positive = 1e-8) -> optax.GradientTransformation:
    """Divides each number by the root of the running mean of its squared gradients.

        r <- beta * r + (1 - beta) * g^2,    r_0 = 0
        w <- w - lr * g / sqrt(r + epsilon)

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta: share of the old mean that is kept, 0 to 1.
        epsilon: keeps the root from 0, above 0, in units of the squared gradient.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = rmsprop(0.5, beta=0.75), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-1.0]

    References:
        Tieleman, Hinton. Lecture 6.5: RMSProp. 2012.
        https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    """
    return optax.rmsprop(learning_rate, decay=beta, eps=epsilon)


def adam(
    learning_rate: Rate, beta1: BelowOne = 0.9, beta2: BelowOne = 0.999, epsilon: Positive = 1e-8
) -> optax.GradientTransformation:
    """Running mean of the gradient over the root of the running mean of its square, both freed of their start at 0.

        m <- beta1 * m + (1 - beta1) * g,    v <- beta2 * v + (1 - beta2) * g^2
        w <- w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta1: share of the old mean that is kept, at least 0 and below 1.
        beta2: share of the old mean square that is kept, at least 0 and below 1.
        epsilon: keeps the divisor from 0, above 0, in units of the gradient.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = adam(0.5), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-0.5]

    References:
        Kingma, Ba. Adam: A Method for Stochastic Optimization. 2014. https://arxiv.org/abs/1412.6980
    """
    return promoting(optax.adam(learning_rate, b1=beta1, b2=beta2, eps=epsilon))


def adamw(
    learning_rate: Rate,
    beta1: BelowOne = 0.9,
    beta2: BelowOne = 0.999,
    epsilon: Positive = 1e-8,
    weight_decay: NonNegative = 1e-4,
    *,
    mask: str = "kernels",
) -> optax.GradientTransformation:
    """Adam with decoupled decay: `decoupled(adam(...))` of axis `decay`, under the name that people look for.

        w <- w - lr * (adam(g) + weight_decay * w)

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta1: share of the old mean that is kept, at least 0 and below 1.
        beta2: share of the old mean square that is kept, at least 0 and below 1.
        epsilon: keeps the divisor from 0, above 0, in units of the gradient.
        weight_decay: share of the weights per unit of lr, at least 0; at 0 it equals adam.
        mask: "kernels" leaves biases and norms out, "all" takes every parameter, "regex:P" those whose path matches P.

    Returns:
        An optax transform that needs the parameters.

    Raises:
        ValueError: for another mask, when the transform is initialised.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, w = adamw(0.5, weight_decay=0.5), jnp.ones((1, 1))
        >>> optimizer.update(jnp.zeros((1, 1)), optimizer.init(w), w)[0].tolist()
        [[-0.25]]

    References:
        Loshchilov, Hutter. Decoupled Weight Decay Regularization. 2017. https://arxiv.org/abs/1711.05101
    """
    return decoupled(adam(learning_rate, beta1, beta2, epsilon), learning_rate, weight_decay, mask)


def lion(learning_rate: Rate, beta1: Share = 0.9, beta2: Share = 0.99) -> optax.GradientTransformation:
    """Steps of one size: the sign of an average of the gradient and its running mean.

        w <- w - lr * sign(beta1 * m + (1 - beta1) * g)
        m <- beta2 * m + (1 - beta2) * g

    Wants a rate 3 to 10 times below Adam's. The authors add decoupled decay: axis `decay`.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta1: share of the mean in the step, 0 to 1.
        beta2: share of the old mean that is kept, 0 to 1.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = lion(0.5), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].tolist()
        [-0.5]

    References:
        Chen, Liang, Huang, Real, Wang, Liu, Pham, Dong, Luong, Hsieh, Lu, Le. Symbolic Discovery of Optimization
        Algorithms. 2023. https://arxiv.org/abs/2302.06675
    """
    return optax.chain(optax.scale_by_lion(b1=beta1, b2=beta2), optax.scale_by_learning_rate(learning_rate))


def promoting(transform: optax.GradientTransformation) -> optax.GradientTransformation:
    """Lets optax raise a float to a whole power even where the caller's JAX is strict about promotion."""

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.OptState]:
        with jax.numpy_dtype_promotion("standard"):
            return transform.update(updates, state, params)

    return optax.GradientTransformation(transform.init, update)


AXIS = Axis(
    name="optimizer",
    tasks=(*SUPERVISED, "adversarial"),
    default="sgd",
    begin={"learning_rate": 0.1},
    seam="(learning_rate) -> optax transform",
    identity="sgd",
    choices={
        "sgd": Choice(sgd),
        "momentum": Choice(momentum, off={"beta": 0.0}),
        "nesterov": Choice(nesterov, off={"beta": 0.0}),
        "adagrad": Choice(adagrad),
        "rmsprop": Choice(rmsprop),
        "adam": Choice(adam),
        "adamw": Choice(adamw),
        "lion": Choice(lion),
    },
)
