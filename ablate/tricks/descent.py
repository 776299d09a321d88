"""Optimizers that step along the gradient or a sum of gradients, with one rate for every number."""

import jax
import jax.numpy as jnp
import optax

from ablate.tricks.axis import Share
from ablate.tricks.decay import Rate


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


def normalized_gradient(learning_rate: Rate) -> optax.GradientTransformation:
    """Steps of one length: the direction of the gradient of all parameters together, whatever its size.

        w <- w - lr * g / ||g||

    Neither a vanishing nor an exploding gradient changes the length; at g = 0 there is no direction and no step. The
    step does not shrink near a minimum by itself, so it wants a schedule. The largest number is divided out before
    squaring, so that norms beyond the range of float32's squares come out right as well.

    Args:
        learning_rate: lr, the length of the step in units of the parameters, above 0, or an optax schedule.

    Returns:
        An optax transform.

    Example:
        >>> optimizer, g = normalized_gradient(0.5), jnp.array([40.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-0.5]

    References:
        Hazan, Levy, Shalev-Shwartz. Beyond Convexity: Stochastic Quasi-Convex Optimization. 2015.
        https://arxiv.org/abs/1507.02030
    """

    def direction(updates: optax.Updates, params: optax.Params | None = None) -> optax.Updates:
        largest = optax.tree.norm(updates, ord="inf")
        scaled = jax.tree.map(lambda g: g / jnp.where(largest == 0.0, 1.0, largest), updates)
        length = optax.tree.norm(scaled)  # 0 or at least 1
        return jax.tree.map(lambda g: g / jnp.maximum(length, 1.0), scaled)

    return optax.chain(optax.stateless(direction), optax.scale_by_learning_rate(learning_rate))


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
