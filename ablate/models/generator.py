"""From a latent vector to a sample: what a generator is built from. `GENERATORS` is the whole catalogue."""

import flax.linen as nn
from jaxtyping import Array, Float

from ablate.models.dcgan import Dcgan
from ablate.models.layers import Layers
from ablate.models.mlp import Mlp
from ablate.tricks.axis import Count, Counts


class MlpGenerator(nn.Module):
    """A multilayer perceptron with a dense layer on top, whose units are the numbers of a sample.

        G(z) = h W + b,    h = mlp(z)

    Args:
        layers: the layers to build from.
        outputs: numbers of a sample, at least 1.
        widths: units of each hidden layer, at least 1 each; empty for a linear map.
        latent: numbers of a latent vector, at least 1.

    Returns:
        From `module(z, train=...)`: samples, [batch, outputs].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import NoDropout, NoNorm, Relu
        >>> model = MlpGenerator(layers_of(NoNorm, Relu, NoDropout), outputs=2, widths=(16,))
        >>> model.init_with_output(jax.random.key(0), jnp.ones((3, model.latent)), train=False)[0].shape
        (3, 2)

    References:
        Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio. Generative Adversarial Networks.
        2014. https://arxiv.org/abs/1406.2661
    """

    layers: Layers
    outputs: int
    widths: Counts = (128, 128)
    latent: Count = 16

    @nn.compact
    def __call__(self, z: Float[Array, "batch latent"], *, train: bool) -> Float[Array, "batch outputs"]:
        """Latent vectors to samples."""
        body = Mlp(self.layers, self.widths)
        nn.share_scope(self, body)
        return self.layers.dense(self.outputs, name="sample")(body(z, train=train))


GENERATORS: dict[str, type[nn.Module]] = {"mlp": MlpGenerator, "gan_mlp": MlpGenerator, "dcgan": Dcgan}
