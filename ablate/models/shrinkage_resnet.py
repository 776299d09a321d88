"""A residual network whose branches are denoised: every example sets its own threshold for each channel."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.models.layers import Layers
from ablate.models.resnet import ResNet, blocks_of
from ablate.tricks.activation import soft_threshold
from ablate.tricks.axis import Count

Images = Float[Array, "batch height width channels"]


class Shrinkage(nn.Module):
    """Soft thresholding of each channel, by a share of its mean size that a small network sets.

        f(x) = sign(x) * max(|x| - tau, 0),    tau = m * sigmoid(relu(norm(m W + b)) V + c),    m = mean |x|

    The mean is taken over the positions of each example and channel. The relu stays whatever the activation between
    layers is.

    Args:
        layers: the layers to build from.

    Returns:
        From `module(x, train=...)`: an array of the shape of x.

    References:
        Zhao, Zhong, Fu, Tang, Pecht. Deep Residual Shrinkage Networks for Fault Diagnosis. 2020.
        https://doi.org/10.1109/TII.2019.2943898
    """

    layers: Layers

    @nn.compact
    def __call__(self, x: Images, *, train: bool) -> Images:
        """Shrinks every number towards 0."""
        layers, channels = self.layers, x.shape[-1]
        mean = jnp.mean(jnp.abs(x), axis=(1, 2))
        inner = nn.relu(layers.norm()(layers.dense(channels, name="dense_0")(mean), train=train))
        shares = nn.sigmoid(layers.dense(channels, name="dense_1")(inner))
        return soft_threshold(x, (mean * shares)[:, None, None, :])


class ShrinkageResNet(nn.Module):
    """A residual network with soft thresholding at the end of every block, before the sum: DRSN with channel-wise tau.

        f(x) = activation(shrinkage(norm(conv(dropout(activation(norm(conv(x))))))) + shortcut(x))

    All else is the `resnet` of basic blocks, with norm and activation behind the convolutions; the paper has them in
    front.

    Args:
        layers: the layers to build from.
        depth: 6n+2 with n at least 1, the head included: 8, 14, 20, ...; thresholds are not counted.
        width: channels of the first stage, at least 1; doubled in the second and third.

    Returns:
        From `module(images, train=...)`: features, [batch, 4 * width].

    Raises:
        ValueError: for a depth that is not 6n+2; for instance norm, as the small networks have no positions.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import BatchNorm, NoDropout, Relu, he
        >>> model = ShrinkageResNet(layers_of(BatchNorm, Relu, NoDropout, he()), depth=8, width=4)
        >>> variables = model.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), train=False)
        >>> model.apply(variables, jnp.ones((2, 8, 8, 1)), train=False).shape
        (2, 16)

    References:
        Zhao, Zhong, Fu, Tang, Pecht. Deep Residual Shrinkage Networks for Fault Diagnosis. 2020.
        https://doi.org/10.1109/TII.2019.2943898
    """

    layers: Layers
    depth: Count = 8
    width: Count = 16

    def __post_init__(self) -> None:
        """Refuses a depth that three stages of basic blocks cannot have."""
        blocks_of(self.depth, "basic", "shrinkage_resnet")
        super().__post_init__()

    @nn.compact
    def __call__(self, images: Images, *, train: bool) -> Float[Array, "batch features"]:
        """Images to features."""
        # Without a parent: only its maps are used, whose layers become those of this module.
        residual = ResNet(self.layers, self.depth, self.width, parent=None)
        return jnp.mean(residual.maps(images, train=train, gate=Shrinkage), axis=(1, 2))
