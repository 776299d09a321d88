"""A generator of images: from a latent vector to a few coarse pixels, doubled again and again."""

import math

import flax.linen as nn
from jaxtyping import Array, Float

from ablate.models.layers import Layers
from ablate.tricks.axis import Count


class Dcgan(nn.Module):
    """A dense layer onto a coarse image of many channels, and transposed convolutions that double it.

        x <- a(z W + b),    x <- a(deconv(x))  again and again,    G(z) = deconv(x),    a(x) = activation(norm(x))

    The coarse image has ceil(side / 2^doublings) pixels a side, and what the last doubling gives too much is cut off.
    The paper's network is width=128, doublings=4, latent=100, on images of 64x64, with batch norm; its outputs go
    through tanh, as those for bytes do in the task.

    Args:
        layers: the layers to build from.
        outputs: numbers of a sample, rows * columns * channels.
        shape: rows, columns and channels of a sample; the task's to say.
        width: channels before the last doubling, at least 1; twice as many before each doubling earlier.
        doublings: transposed convolutions, at least 1.
        latent: numbers of a latent vector, at least 1.
        kernel: rows and columns of the transposed convolutions, at least 1; an even number covers all pixels alike.

    Returns:
        From `module(z, train=...)`: samples, [batch, outputs], in the order of rows, columns and channels.

    Raises:
        ValueError: where a sample is no image.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import NoDropout, NoNorm, Relu, he
        >>> model = Dcgan(layers_of(NoNorm, Relu, NoDropout, he()), outputs=64, shape=(8, 8, 1), width=4)
        >>> model.init_with_output(jax.random.key(0), jnp.ones((3, model.latent)), train=False)[0].shape
        (3, 64)

    References:
        Radford, Metz, Chintala. Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
        Networks. 2015. https://arxiv.org/abs/1511.06434
    """

    layers: Layers
    outputs: int
    shape: tuple[int, ...]
    width: Count = 16
    doublings: Count = 2
    latent: Count = 16
    kernel: Count = 4

    def __post_init__(self) -> None:
        """Refuses samples that are no images."""
        if len(self.shape) != 3 or math.prod(self.shape) != self.outputs:
            raise ValueError(
                f"dcgan: makes images of {self.outputs} numbers, [rows, columns, channels]; "
                f"an example of the data has the shape {tuple(self.shape)}"
            )
        super().__post_init__()

    @nn.compact
    def __call__(self, z: Float[Array, "batch latent"], *, train: bool) -> Float[Array, "batch outputs"]:
        """Latent vectors to samples."""
        layers, size = self.layers, (self.kernel, self.kernel)
        rows, columns, channels = self.shape
        coarse = tuple(-(-side // 2**self.doublings) for side in (rows, columns))
        width = self.width * 2 ** (self.doublings - 1)
        x = layers.dense(math.prod(coarse) * width, name="project")(z).reshape(-1, *coarse, width)
        for index in range(self.doublings - 1):
            x = layers.activated(x, train=train)
            x = layers.deconv(width // 2 ** (index + 1), size, name=f"deconv_{index}")(x)
        x = layers.deconv(channels, size, name="sample")(layers.activated(x, train=train))
        return x[:, :rows, :columns].reshape(-1, self.outputs)
