"""Features that are products of pairs of channels, summed over the image: in full, or sketched to fewer numbers."""

from typing import Annotated, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ablate.models.arguments import one_of
from ablate.models.layers import Layers
from ablate.models.resnet import ResNet
from ablate.models.vgg import Vgg
from ablate.tricks.axis import Count, Counts, Range

Images = Float[Array, "batch height width channels"]
Maps = Float[Array, "batch rows columns channels"]
Rows = Float[Array, "batch features"]


class Bilinear(nn.Module):
    """Bilinear pooling of a backbone's maps x_p at positions p, in full or compact by tensor sketch.

        full:     b = sum_p x_p x_p^T,                                  C^2 numbers
        compact:  b = sum_p ifft(fft(sketch_1 x_p) * fft(sketch_2 x_p)),    dim numbers
        features = r / |r|,    r = b / sqrt(|b| + 1e-4)

    The inner product of two compact b is that of the full ones in expectation over the sketches' hashes and signs,
    which are drawn once, from `seed`, and never learnt. r is the signed square root, to half a percent from |b| = 0.01
    on, and has a finite slope at 0. Features have length 1, so that heads want a larger learning rate.

    Args:
        layers: the layers to build from.
        backbone: "vgg" (before its last pooling) or "resnet" (before its mean).
        dim: numbers of the compact form, at least 1; the paper has 1024 to 8192.
        compact: False for the full form.
        widths: channels of each stage of the vgg, at least 1 each.
        convs: convolutions of each stage of the vgg, at least 1 each; a single number stands for all stages.
        depth: layers of the resnet, 6n+2.
        width: channels of the first stage of the resnet, at least 1.
        seed: of hashes and signs, at least 0.

    Returns:
        From `module(images, train=...)`: features, [batch, dim], in full [batch, C^2].

    Raises:
        ValueError: for another backbone, or arguments that the backbone refuses.

    Example:
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import NoDropout, NoNorm, Relu, he
        >>> model = Bilinear(layers_of(NoNorm, Relu, NoDropout, he()), dim=32, widths=(4, 8))
        >>> variables = model.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), train=False)
        >>> model.apply(variables, jnp.ones((2, 8, 8, 1)), train=False).shape
        (2, 32)

    References:
        Lin, RoyChowdhury, Maji. Bilinear CNNs for Fine-Grained Visual Recognition. 2015.
        https://arxiv.org/abs/1504.07889
        Gao, Beijbom, Zhang, Darrell. Compact Bilinear Pooling. 2015. https://arxiv.org/abs/1511.06062
        Pham, Pagh. Fast and Scalable Polynomial Kernels via Explicit Feature Maps. 2013.
        https://doi.org/10.1145/2487575.2487591
    """

    layers: Layers
    backbone: Literal["vgg", "resnet"] = "vgg"
    dim: Count = 1024
    compact: bool = True
    widths: Counts = (16, 32, 64)
    convs: Counts = (1,)
    depth: Count = 8
    width: Count = 16
    seed: Annotated[int, Range(0)] = 0

    def __post_init__(self) -> None:
        """Refuses a backbone that there is not, and arguments that it cannot have."""
        one_of(self.backbone, ("vgg", "resnet"), "bilinear: backbone")
        self._backbone()
        super().__post_init__()

    @nn.compact
    def __call__(self, images: Images, *, train: bool) -> Rows:
        """Images to features."""
        maps = self._backbone().maps(images, train=train)
        if self.compact:
            pooled = compact_pooled(jax.random.key(self.seed, impl="threefry2x32"), maps, self.dim)
        else:
            pooled = pooled_in_full(maps)
        return unit_rows(signed_root(pooled))

    @nn.nowrap
    def _backbone(self) -> Vgg | ResNet:
        # Without a parent: only its maps are used, whose layers become those of this module.
        if self.backbone == "vgg":
            return Vgg(self.layers, widths=self.widths, convs=self.convs, parent=None)
        return ResNet(self.layers, self.depth, self.width, parent=None)


def pooled_in_full(maps: Maps) -> Rows:
    """All products of two channels, summed over positions.

    Example:
        >>> pooled_in_full(jnp.array([1.0, 2.0]).reshape(1, 1, 1, 2)).tolist()
        [[1.0, 2.0, 2.0, 4.0]]
    """
    products = jnp.einsum("brci,brcj->bij", maps, maps)
    return products.reshape(maps.shape[0], -1)


def compact_pooled(key: Array, maps: Maps, dim: int) -> Rows:
    """Tensor sketches, summed over positions: number k of `dim` adds the products of the channels i and j that meet.

        b_k = sum_p sum_{i, j: h_1(i) + h_2(j) = k mod dim} s_1(i) s_2(j) x_pi x_pj

    Example:
        >>> compact_pooled(jax.random.key(0), jnp.ones((1, 1, 1, 1)), 1).tolist() in ([[1.0]], [[-1.0]])
        True
    """
    places, signs = hashes(key, maps.shape[-1], dim)
    # Circular convolution is a product of spectra, and the sum over positions can be taken before the way back.
    first, second = (
        jnp.fft.rfft(jnp.zeros((*maps.shape[:-1], dim), maps.dtype).at[..., place].add(maps * sign))
        for place, sign in zip(places, signs[:, None, None, None], strict=True)
    )
    return jnp.fft.irfft(jnp.sum(first * second, axis=(1, 2)), n=dim)


def hashes(key: Array, channels: int, dim: int) -> tuple[Int[Array, "2 channels"], Float[Array, "2 channels"]]:
    """Where each of two sketches puts every channel, 0 to dim - 1, and with which sign, -1 or 1."""
    for_places, for_signs = jax.random.split(key)
    return (
        jax.random.randint(for_places, (2, channels), 0, dim),
        jax.random.rademacher(for_signs, (2, channels), jnp.float32),
    )


def signed_root(x: Rows, epsilon: float = 1e-4) -> Rows:
    """The square root of the size under the sign, with slope 1 / sqrt(epsilon) at 0, where that of a root is infinite.

    Example:
        >>> signed_root(jnp.array([[-4.0, 0.0, 9.0]])).round(2)
        Array([[-2.,  0.,  3.]], dtype=float32)
    """
    return x / jnp.sqrt(jnp.abs(x) + epsilon)


def unit_rows(x: Rows, epsilon: float = 1e-12) -> Rows:
    """Rows of length 1; those shorter than sqrt(epsilon) stay shorter, so that zeros stay zeros.

    Example:
        >>> unit_rows(jnp.array([[0.0, 3.0], [0.0, 0.0]])).tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """
    return x / jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(x), axis=-1, keepdims=True), epsilon))
