"""Axis `activation`: the nonlinearity, as a module so that later ones may hold parameters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import SUPERVISED, Axis, Choice, Share

__all__ = ["Gelu", "LeakyRelu", "Relu", "Silu", "SoftThreshold", "Tanh", "soft_threshold"]


class Relu(nn.Module):
    """Rectified linear unit.

        f(x) = max(x, 0)

    Returns:
        From `module(x)`: an array of the shape of x.

    Example:
        >>> Relu().apply({}, jnp.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]

    References:
        Nair, Hinton. Rectified Linear Units Improve Restricted Boltzmann Machines. 2010.
        https://www.cs.toronto.edu/~hinton/absps/reluICML.pdf
    """

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Applies the formula."""
        return nn.relu(x)


class Tanh(nn.Module):
    """Hyperbolic tangent: saturates at -1 and 1.

        f(x) = (e^x - e^-x) / (e^x + e^-x)

    Returns:
        From `module(x)`: an array of the shape of x, in [-1, 1].

    Example:
        >>> Tanh().apply({}, jnp.array([0.0, 50.0])).tolist()
        [0.0, 1.0]

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. 1998. https://doi.org/10.1007/3-540-49430-8_2
    """

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Applies the formula."""
        return jnp.tanh(x)


class LeakyRelu(nn.Module):
    """Lets a little of the negative side through, so that no unit is cut off from its gradient.

        f(x) = x  where  x >= 0,    slope * x  elsewhere

    Args:
        slope: slope of the negative side, 0 to 1; at 0 it equals relu, and 1 is linear.

    Returns:
        From `module(x)`: an array of the shape of x.

    Example:
        >>> LeakyRelu(slope=0.5).apply({}, jnp.array([-1.0, 2.0])).tolist()
        [-0.5, 2.0]

    References:
        Maas, Hannun, Ng. Rectifier Nonlinearities Improve Neural Network Acoustic Models. 2013.
        https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf
    """

    slope: Share = 0.01

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Applies the formula."""
        return nn.leaky_relu(x, self.slope)


class Gelu(nn.Module):
    """Weighs x by the chance that a standard normal number is smaller; the exact form, with erf.

        f(x) = x * Phi(x)

    Returns:
        From `module(x)`: an array of the shape of x.

    Example:
        >>> round(float(Gelu().apply({}, jnp.float32(1.0))), 4)
        0.8413

    References:
        Hendrycks, Gimpel. Gaussian Error Linear Units (GELUs). 2016. https://arxiv.org/abs/1606.08415
    """

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Applies the formula."""
        return nn.gelu(x, approximate=False)


class Silu(nn.Module):
    """Weighs x by its own sigmoid; also called swish.

        f(x) = x / (1 + e^-x)

    Returns:
        From `module(x)`: an array of the shape of x.

    Example:
        >>> round(float(Silu().apply({}, jnp.float32(1.0))), 4)
        0.7311

    References:
        Elfwing, Uchibe, Doya. Sigmoid-Weighted Linear Units for Neural Network Function Approximation in
        Reinforcement Learning. 2017. https://arxiv.org/abs/1702.03118
    """

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Applies the formula."""
        return jax.nn.silu(x)


class SoftThreshold(nn.Module):
    """Shrinks each number by a threshold that every example sets itself for each of its channels.

        f(x) = sign(x) * max(|x| - tau, 0),    tau = m * sigmoid(relu(m W + b) V + c),    m = mean |x|

    The mean is taken over the positions of each example and channel; x of [batch, channels] has none, so that m is |x|
    and f(x) = (1 - sigmoid(...)) x. W and V are C x C parameters of the activation, which begin as N(0, 1/C), truncated
    at two sd, b and c as 0, whatever axes `init` and `bias` say. The paper has a batch norm behind W, which an
    activation cannot have, as it is not told whether it trains; model `shrinkage_resnet` has it.

    Returns:
        From `module(x)`: an array of the shape of x.

    Example:
        >>> x = jnp.array([[-1.0, 2.0]])
        >>> module = SoftThreshold()
        >>> variables = jax.tree.map(jnp.zeros_like, module.init(jax.random.key(0), x))  # tau = |x| / 2
        >>> module.apply(variables, x).tolist()
        [[-0.5, 1.0]]

    References:
        Zhao, Zhong, Fu, Tang, Pecht. Deep Residual Shrinkage Networks for Fault Diagnosis. 2020.
        https://doi.org/10.1109/TII.2019.2943898
    """

    @nn.compact
    def __call__(self, x: Float[Array, "batch *positions channels"]) -> Float[Array, "batch *positions channels"]:
        """Applies the formula."""
        channels, positions = x.shape[-1], tuple(range(1, x.ndim - 1))
        mean = jnp.mean(jnp.abs(x), axis=positions)
        inner = nn.relu(nn.Dense(channels, name="dense_0")(mean))
        shares = nn.sigmoid(nn.Dense(channels, name="dense_1")(inner))
        return soft_threshold(x, jnp.expand_dims(mean * shares, positions))


def soft_threshold(x: Float[Array, "*sizes"], tau: Float[Array, "..."]) -> Float[Array, "*sizes"]:
    """Sets small numbers to 0 and moves the others towards it.

        f(x) = sign(x) * max(|x| - tau, 0)

    Args:
        x: any array.
        tau: thresholds, at least 0, of a shape that broadcasts to that of x.

    Returns:
        An array of the shape of x.

    Example:
        >>> soft_threshold(jnp.array([-3.0, 0.5, 2.0]), jnp.float32(1.0)).tolist()
        [-2.0, 0.0, 1.0]

    References:
        Donoho. De-Noising by Soft-Thresholding. 1995. https://doi.org/10.1109/18.382009
    """
    return jnp.sign(x) * nn.relu(jnp.abs(x) - tau)


AXIS = Axis(
    name="activation",
    tasks=(*SUPERVISED, "adversarial"),
    default="relu",
    seam="() -> module called as module(x)",
    choices={
        "relu": Choice(Relu),
        "tanh": Choice(Tanh),
        "leaky_relu": Choice(LeakyRelu),
        "gelu": Choice(Gelu),
        "silu": Choice(Silu),
        "soft_threshold": Choice(SoftThreshold),
    },
)
