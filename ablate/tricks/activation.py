"""Axis `activation`: the nonlinearity, as a module so that later ones may hold parameters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import SUPERVISED, Axis, Choice, Share

__all__ = ["Gelu", "LeakyRelu", "Relu", "Silu", "Tanh"]


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
    },
)
