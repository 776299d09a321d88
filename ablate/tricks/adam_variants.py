"""Optimizers that change one line of Adam: the momentum, the divisor, its maximum, its first steps."""

import optax

from ablate.tricks.adaptive import along
from ablate.tricks.axis import BelowOne, Positive
from ablate.tricks.decay import Rate


def nadam(
    learning_rate: Rate, beta1: BelowOne = 0.9, beta2: BelowOne = 0.999, epsilon: Positive = 1e-8
) -> optax.GradientTransformation:
    """Adam with Nesterov's momentum: the mean gradient is taken one step ahead.

        m <- beta1 * m + (1 - beta1) * g,    v <- beta2 * v + (1 - beta2) * g^2
        m' = beta1 * m / (1 - beta1^(t+1)) + (1 - beta1) * g / (1 - beta1^t)
        w <- w - lr * m' / (sqrt(v / (1 - beta2^t)) + epsilon)

    This is the form with a constant beta1, as in optax. PyTorch's NAdam warms beta1 up, to
    beta1 * (1 - 0.96^(t/250) / 2): after 20 steps of a small problem the two lie about 20 % of the way apart.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta1: share of the old mean that is kept, at least 0 and below 1.
        beta2: share of the old mean square that is kept, at least 0 and below 1.
        epsilon: keeps the divisor from 0, above 0, in units of the gradient.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = nadam(0.5, beta1=1 / 3), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-0.625]

    References:
        Dozat. Incorporating Nesterov Momentum into Adam. 2016. https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
    """
    core = optax.scale_by_adam(b1=beta1, b2=beta2, eps=epsilon, nesterov=True)
    return along(core, learning_rate)


def amsgrad(
    learning_rate: Rate, beta1: BelowOne = 0.9, beta2: BelowOne = 0.999, epsilon: Positive = 1e-8
) -> optax.GradientTransformation:
    """Adam whose divisor never falls, so that rare large gradients are not forgotten.

        m <- beta1 * m + (1 - beta1) * g,    v <- beta2 * v + (1 - beta2) * g^2
        n <- max(n, v / (1 - beta2^t)),    n_0 = 0
        w <- w - lr * (m / (1 - beta1^t)) / (sqrt(n) + epsilon)

    The maximum is taken behind the bias correction, as in optax; so the first gradient, which the correction weighs
    in full, sets a floor that stays. The paper has no bias correction; PyTorch's `Adam(amsgrad=True)` takes the
    maximum of the raw v and corrects it afterwards: after 20 steps of a small problem the two lie about 10 to 20 % of
    the way apart.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta1: share of the old mean that is kept, at least 0 and below 1.
        beta2: share of the old mean square that is kept, at least 0 and below 1.
        epsilon: keeps the divisor from 0, above 0, in units of the gradient.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = amsgrad(0.5), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-0.5]

    References:
        Reddi, Kale, Kumar. On the Convergence of Adam and Beyond. 2019. https://arxiv.org/abs/1904.09237
    """
    core = optax.scale_by_amsgrad(b1=beta1, b2=beta2, eps=epsilon)
    return along(core, learning_rate)


def adamax(
    learning_rate: Rate, beta1: BelowOne = 0.9, beta2: BelowOne = 0.999, epsilon: Positive = 1e-8
) -> optax.GradientTransformation:
    """Adam with a decaying maximum of the gradients' sizes in place of the root of the mean square.

        m <- beta1 * m + (1 - beta1) * g,    u <- max(beta2 * u, abs(g) + epsilon),    u_0 = 0
        w <- w - lr * (m / (1 - beta1^t)) / u

    Epsilon stands inside the maximum, as in PyTorch's Adamax, to which this is equal; the paper has none.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta1: share of the old mean that is kept, at least 0 and below 1.
        beta2: share of the old maximum that is kept, at least 0 and below 1.
        epsilon: keeps the divisor from 0, above 0, in units of the gradient.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = adamax(0.5), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-0.5]

    References:
        Kingma, Ba. Adam: A Method for Stochastic Optimization. 2014. https://arxiv.org/abs/1412.6980
    """
    core = optax.scale_by_adamax(b1=beta1, b2=beta2, eps=epsilon)
    return along(core, learning_rate)


def radam(
    learning_rate: Rate, beta1: BelowOne = 0.9, beta2: BelowOne = 0.999, epsilon: Positive = 1e-8
) -> optax.GradientTransformation:
    """Adam that warms itself up: the divisor counts by how many gradients its mean square rests on.

        m <- beta1 * m + (1 - beta1) * g,    v <- beta2 * v + (1 - beta2) * g^2
        p = 2 / (1 - beta2) - 1,    q = p - 2 * t * beta2^t / (1 - beta2^t)
        r = sqrt((q - 4) * (q - 2) * p / ((p - 4) * (p - 2) * q))
        w <- w - lr * r * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)    where q >= 5
        w <- w - lr * m / (1 - beta1^t)                                                elsewhere

    While q is below 5, the first five steps at beta2 = .999, it is momentum with the same rate. The paper's bound
    is q > 4; 5 is that of the authors' code. PyTorch's RAdam asks for q > 5 and divides epsilon by
    sqrt(1 - beta2^t) as well, which is no difference beside gradients of ordinary size.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta1: share of the old mean that is kept, at least 0 and below 1.
        beta2: share of the old mean square that is kept, at least 0 and below 1; up to 2/3 it is always momentum.
        epsilon: keeps the divisor from 0, above 0, in units of the gradient.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = radam(0.5), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-2.0]

    References:
        Liu, Jiang, He, Chen, Liu, Gao, Han. On the Variance of the Adaptive Learning Rate and Beyond. 2019.
        https://arxiv.org/abs/1908.03265
    """
    core = optax.scale_by_radam(b1=beta1, b2=beta2, eps=epsilon)
    return along(core, learning_rate)


def adabelief(
    learning_rate: Rate, beta1: BelowOne = 0.9, beta2: BelowOne = 0.999, epsilon: Positive = 1e-16
) -> optax.GradientTransformation:
    """Adam that divides by how far gradients lie from their running mean: long steps where they agree.

        m <- beta1 * m + (1 - beta1) * g,    s <- beta2 * s + (1 - beta2) * (g - m)^2 + epsilon
        w <- w - lr * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon)

    The m in s is the new one. Epsilon is added to s at every step, as in the paper. PyTorch has none.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        beta1: share of the old mean that is kept, at least 0 and below 1; near 0 the gradient is its own mean and the
            divisor vanishes.
        beta2: share of the old mean square that is kept, at least 0 and below 1.
        epsilon: keeps the divisor from 0, above 0, in units of the squared gradient.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = adabelief(0.5, beta1=0.5), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-1.0]

    References:
        Zhuang, Tang, Ding, Tatikonda, Dvornek, Papademetris, Duncan. AdaBelief Optimizer: Adapting Stepsizes by the
        Belief in Observed Gradients. 2020. https://arxiv.org/abs/2010.07468
    """
    core = optax.scale_by_belief(b1=beta1, b2=beta2, eps=epsilon, eps_root=epsilon)
    return along(core, learning_rate)


def yogi(
    learning_rate: Rate,
    beta1: BelowOne = 0.9,
    beta2: BelowOne = 0.999,
    epsilon: Positive = 1e-3,
    initial: Positive = 1e-6,
) -> optax.GradientTransformation:
    """Adam whose mean square moves by a step of the gradient's size, so that it cannot fall quickly.

        m <- beta1 * m + (1 - beta1) * g,    v <- v - (1 - beta2) * sign(v - g^2) * g^2,    m_0 = v_0 = initial
        w <- w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)

    The paper has no bias correction and m_0 = 0; this is the form of optax. PyTorch has none.

    Args:
        learning_rate: lr, above 0, or an optax schedule; the authors use 0.01.
        beta1: share of the old mean that is kept, at least 0 and below 1.
        beta2: 1 minus the share of the squared gradient that v moves by, at least 0 and below 1.
        epsilon: keeps the divisor from 0, above 0, in units of the gradient.
        initial: first value of v, in units of the squared gradient, and of m, above 0.

    Returns:
        An optax transform.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, g = yogi(0.5), jnp.array([4.0])
        >>> optimizer.update(g, optimizer.init(g))[0].round(3).tolist()
        [-0.5]

    References:
        Zaheer, Reddi, Sachan, Kale, Kumar. Adaptive Methods for Nonconvex Optimization. 2018.
        https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization
    """
    core = optax.scale_by_yogi(b1=beta1, b2=beta2, eps=epsilon, initial_accumulator_value=initial)
    return along(core, learning_rate)
