"""What a model is built from: one bundle with the choices of every axis that reaches into a network.

A model takes a `Layers` and turns images or vectors into *features*; the task puts its heads on them (`Network`).
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Float

from ablate.models.convolution import conv_general_dilated
from ablate.tricks.bias import constant_bias
from ablate.tricks.data_init import BRANCH_NORM
from ablate.tricks.draws import expect_images
from ablate.tricks.dropout import NoBranch, NoDropout
from ablate.tricks.initializers import Initializer, lecun
from ablate.tricks.place import before_activation
from ablate.tricks.sums import dot_general

Make = Callable[..., nn.Module]
Features = Float[Array, "batch *sites channels"]
Gate = Callable[[Array], Array]  # what a residual branch gives -> the same, scaled
Reparametrize = Callable[[nn.Module, Array], Array]  # a layer and its kernel -> the kernel that it computes with


class _Computed(nn.Module, kw_only=True):
    """A layer of flax whose kernel may be computed from its parameters.

    Args:
        kernel_init: initializer of the kernel.
        bias_init: initializer of the bias.
        dtype: what it multiplies in; it gives the type that it is given.
        reparametrize: from this module and the kernel's parameter to the kernel; None for the parameter itself.
        use_bias: whether there is a bias.
    """

    kernel_init: Initializer = lecun()
    bias_init: Initializer = nn.initializers.zeros
    dtype: Any = jnp.float32
    reparametrize: Reparametrize | None = None
    use_bias: bool = True

    def computed(self, make: Make, x: Array) -> Array:
        """Applies the layer of flax, whose parameters stand straight under this module's name."""

        def promoted(x: Array, kernel: Array, bias: Array | None, *, dtype: Any, **_: Any) -> Any:
            kernel = kernel if self.reparametrize is None else self.reparametrize(self, kernel)
            return promote_dtype(x, kernel, bias, dtype=dtype)

        inner = make(
            kernel_init=self.kernel_init, bias_init=self.bias_init, dtype=self.dtype, use_bias=self.use_bias,
            promote_dtype=promoted,
        )  # fmt: skip
        nn.share_scope(self, inner)
        return inner(x).astype(x.dtype)


class Dense(_Computed):
    """Flax's dense layer.

    Args:
        features: width of what it gives.

    Returns:
        From `module(x)`: x W + b.
    """

    features: int

    @nn.compact
    def __call__(self, x: Features) -> Float[Array, "batch *sites features"]:
        """Applies the layer."""
        return self.computed(functools.partial(nn.Dense, self.features, dot_general=dot_general), x)


class Conv(_Computed):
    """Flax's convolution, padded so that only strides change the size.

    Args:
        features: channels of what it gives.
        kernel_size: rows and columns.
        strides: steps between rows and columns of what it gives.
        groups: of channels, each convolved for itself, at least 1.

    Returns:
        From `module(x)`: [batch, rows, columns, features].
    """

    features: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    groups: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "batch height width channels"]) -> Float[Array, "batch rows columns features"]:
        """Applies the layer."""
        expect_images("a convolution", x)
        options = {"feature_group_count": self.groups, "conv_general_dilated": conv_general_dilated}
        return self.computed(functools.partial(nn.Conv, self.features, self.kernel_size, self.strides, **options), x)


class Deconv(_Computed):
    """Flax's transposed convolution: strides make the image larger.

    Args:
        features: channels of what it gives.
        kernel_size: rows and columns.
        strides: factors of rows and columns.

    Returns:
        From `module(x)`: [batch, rows * stride, columns * stride, features].
    """

    features: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (2, 2)

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch rows columns channels"]
    ) -> Float[Array, "batch new_rows new_columns features"]:
        """Applies the layer."""
        return self.computed(functools.partial(nn.ConvTranspose, self.features, self.kernel_size, self.strides), x)


class Layers(NamedTuple):
    """Factories of layers; a model gives each layer with parameters a name of its own.

    Parameters then do not depend on which norm or dropout stands between them.

    Args:
        norm: makes a module called as `module(x, train=...)`.
        activation: makes a module called as `module(x)`.
        dropout: makes a module called as `module(x, train=...)`.
        branch: makes a module called as `module(x, train=...)` on f(x) before a residual sum x + f(x); its `depth` is
            the share of all branches that lie before it and it, in (0, 1].
        place: from functions of x for norm and activation, and x, to the two in their order.
        begin: initializers and precision, that every dense layer and convolution has.
    """

    norm: Make
    activation: Make
    dropout: Make
    branch: Make = NoBranch
    place: Callable[[Callable[[Array], Array], Callable[[Array], Array], Array], Array] = before_activation
    begin: Mapping[str, Any] = {}

    def dense(self, width: int, **options: Any) -> nn.Module:
        """A dense layer, `dense(width, name=...)`."""
        return Dense(width, **{**self.begin, **options})

    def conv(
        self, channels: int, kernel: tuple[int, int], strides: tuple[int, int] = (1, 1), **options: Any
    ) -> nn.Module:
        """A convolution, `conv(channels, (rows, columns), (stride, stride), name=...)`."""
        return Conv(channels, kernel, strides, **{**self.begin, **options})

    def deconv(
        self, channels: int, kernel: tuple[int, int], strides: tuple[int, int] = (2, 2), **options: Any
    ) -> nn.Module:
        """A transposed convolution, `deconv(channels, (rows, columns), (factor, factor), name=...)`."""
        return Deconv(channels, kernel, strides, **{**self.begin, **options})

    def activated(self, x: Features, *, train: bool) -> Features:
        """Norm and activation behind a linear layer, in the order that axis `place` says."""
        return self.place(lambda y: self.norm()(y, train=train), self.activation(), x)

    def branched(self, x: Features, *, depth: float, train: bool, gate: Gate = lambda y: y) -> Features:
        """The end of a residual branch, before the sum: its last norm, a gate, and what stochastic depth does."""
        return self.branch(depth=depth)(gate(self.norm(name=BRANCH_NORM)(x, train=train)), train=train)


def layers_of(
    norm: Make,
    activation: Make,
    dropout: Make,
    kernel_init: Initializer | None = None,
    bias_init: Initializer | None = None,
    *,
    dtype: Any = jnp.float32,
    **others: Any,
) -> Layers:
    """A bundle whose dense layers and convolutions start from the given initializers and compute in `dtype`.

    A norm of the weights has a static method `kernel(layer, kernel)`, through which every kernel goes; a dropout of
    whole branches says `on_branch`, and stands at their ends instead of between layers.

    Example:
        >>> from ablate.tricks import NoDropout, NoNorm, Relu
        >>> layers_of(NoNorm, Relu, NoDropout).dense(3, name="layer").features
        3
    """
    begin = {
        "kernel_init": kernel_init or lecun(),
        "bias_init": bias_init or constant_bias(),
        "dtype": dtype,
        "reparametrize": getattr(norm(), "kernel", None),
    }
    if getattr(dropout(), "on_branch", False):
        others, dropout = {"branch": dropout, **others}, NoDropout
    return Layers(norm, activation, dropout, begin=begin, **others)


class Network(nn.Module):
    """A model with heads on its features.

    Args:
        model: from an input to features, called as `module(x, train=...)`.
        heads: name -> factory of a module called as `module(features)`.

    Returns:
        From `module(x, train=...)`: features [batch, channels] and the outputs of every head by name.
    """

    model: nn.Module
    heads: Mapping[str, Make]

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> tuple[Array, dict[str, Array]]:
        """Features and outputs; the parameters of the model stand beside those of the heads."""
        nn.share_scope(self, self.model)
        features = self.model(x, train=train)
        return features, {name: make(name=name)(features) for name, make in self.heads.items()}
