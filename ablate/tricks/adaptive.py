"""Optimizers that divide each number of the gradient by the root of its mean square, up to Adam."""

import jax
import optax

from ablate.tricks.axis import BelowOne, NonNegative, Positive, Share
from ablate.tricks.decay import Rate, decoupled


def adagrad(learning_rate: Rate, initial: NonNegative = 0.0, epsilon: Positive = 1e-7) -> optax.GradientTransformation:
    """Divides each number by the root of all its squared gradients so far.

        r <- r + g^2,    r_0 = initial
        w <- w - lr * g / sqrt(r + epsilon)

    Epsilon stands under the root, as in optax; PyTorch's Adagrad adds 1e-10 to the root, so the two part where
    gradients are not large beside sqrt(epsilon).

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


def adadelta(learning_rate: Rate, beta: BelowOne = 0.9, epsilon: Positive = 1e-6) -> optax.GradientTransformation:
    """Adagrad that forgets, and whose steps carry the units of the parameters: the size of past steps is the rate.

        r <- beta * r + (1 - beta) * g^2,    u = sqrt(s + epsilon) / sqrt(r + epsilon) * g
        s <- beta * s + (1 - beta) * u^2,    w <- w - lr * u

    r and s start at 0, so the first steps are about sqrt(epsilon) long. Equal to PyTorch's Adadelta.

    Args:
        learning_rate: lr, above 0, or an optax schedule; the paper has none, that is, 1.
        beta: share of the old means that is kept, at least 0 and below 1.
        epsilon: starts the steps and keeps the root from 0, above 0, in units of the squared gradient and step.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = adadelta(50.0, beta=0.75, epsilon=1e-4), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-1.0]

    References:
        Zeiler. ADADELTA: An Adaptive Learning Rate Method. 2012. https://arxiv.org/abs/1212.5701
    """
    core = optax.scale_by_adadelta(rho=beta, eps=epsilon)
    return along(core, learning_rate)


def rmsprop(learning_rate: Rate, beta: Share = 0.9, epsilon: Positive = 1e-8) -> optax.GradientTransformation:
    """Divides each number by the root of the running mean of its squared gradients.

        r <- beta * r + (1 - beta) * g^2,    r_0 = 0
        w <- w - lr * g / sqrt(r + epsilon)

    Epsilon stands under the root, as in optax; PyTorch's RMSprop adds it to the root and has beta 0.99, so the two
    part where gradients are not large beside sqrt(epsilon).

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
    """Running mean of the gradient over the root of the running mean of its square, both bias-corrected.

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


def along(direction: optax.GradientTransformation, learning_rate: Rate) -> optax.GradientTransformation:
    """Steps of that direction, times the rate."""
    return promoting(optax.chain(direction, optax.scale_by_learning_rate(learning_rate)))


def promoting(transform: optax.GradientTransformation) -> optax.GradientTransformation:
    """Lets optax raise a float to a whole power even where the caller's JAX is strict about promotion."""

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.OptState]:
        with jax.numpy_dtype_promotion("standard"):
            return transform.update(updates, state, params)

    return optax.GradientTransformation(transform.init, update)
