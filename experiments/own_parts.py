"""Which parts of your own help: a loss, an augmentation, a norm, an optimizer, on a model and data of your own?

    ablate run --config=experiments/own_parts.py

Every part is an ordinary function, optax factory or flax module in this file, named in the config by its import path,
`own_parts:ScaleNorm`. A number annotated `float` is an input of the compiled program, so that other values do not
compile again; an int, bool, text or tuple shapes the program. Training supplies the parameters that an axis names,
such as `logits` and `probs` (`ablate tricks loss` lists them): call them the same, all others are arguments for the
config. What a part gives is checked while its step is traced, and one line says what was expected. Expected time: 20 s
on 2 CPU cores.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from ablate import base_config, choice
from ablate.data import DataSet
from ablate.models import Layers
from ablate.tricks import Choice, cross_entropy


# A loss takes logits and target distributions, [batch, classes] both, and gives one number per example, [batch].
def poly(logits, probs, epsilon: float = 1.0):
    """Cross-entropy + epsilon * (1 - p of the target): the first term of PolyLoss, https://arxiv.org/abs/2204.12511."""
    return cross_entropy(logits, probs) + epsilon * (1.0 - jnp.sum(probs * jax.nn.softmax(logits), axis=-1))


# Optional: a `Choice` says at which numbers the trick vanishes to the bit; it then shares the baseline's program.
POLY = Choice(poly, off={"epsilon": 0.0})


# An augmentation takes a key, a batch of inputs (vectors too are called `images`) and its targets, and gives a pair of
# the same shapes and types.
def jitter(key, images, targets, stddev: float = 0.1):
    """Adds Gaussian noise of that spread to every number, anew at every step."""
    return images + stddev * jax.random.normal(key, images.shape), targets


class ScaleNorm(nn.Module):
    """Gives every example one learned length: x * scale / |x|, https://arxiv.org/abs/1910.05895."""

    epsilon: float = 1e-5

    # A norm (an activation takes x alone) is called as `module(x, train=...)` and keeps shape and type.
    @nn.compact
    def __call__(self, x, *, train):
        scale = self.param("scale", nn.initializers.constant(x.shape[-1] ** 0.5), ())
        return x * (scale / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), self.epsilon))


# An optimizer gives an optax transform. The schedule multiplies the number `learning_rate`, which must be there; it is
# another one at every step, and traced, so the transform's state must not depend on it.
def signum(learning_rate: float, beta: float = 0.9):
    """Steps along the sign of a running mean of gradients, https://arxiv.org/abs/1802.04434."""
    return optax.chain(
        optax.ema(beta, debias=False), optax.scale_by_sign(), optax.scale_by_learning_rate(learning_rate)
    )


class Residual(nn.Module):
    """Dense layers, each added to what it is given."""

    layers: Layers  # the first field of a model: the choices of the axes init, norm, activation, dropout, ...
    width: int = 32
    blocks: int = 2

    # A model is called as `module(x, train=...)` and gives features, [batch, channels]; the head follows by itself.
    # Layers with parameters have names, so that initial values do not depend on the norm between them.
    @nn.compact
    def __call__(self, x, *, train):
        layers = self.layers
        x = layers.dense(self.width, name="stem")(x)
        for k in range(self.blocks):
            y = layers.dropout()(layers.activated(x, train=train), train=train)
            x = x + layers.dense(self.width, name=f"block_{k}")(y)
        return x


# Data is a function that gives a `DataSet`: `image` or `vector` is what the network sees, `label` or `target` the
# answer. A quarter is held out for the test here; the seeds split the rest into training and validation.
def rings(examples: int = 900, spread: float = 0.15):
    """Three rings, one in the other, of points with noise."""
    rng = np.random.default_rng(0)
    label, angle = np.arange(examples) % 3, rng.uniform(0, 2 * np.pi, examples)
    circle = (1 + label)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    vector = (circle + spread * rng.standard_normal(circle.shape)) / 2
    return DataSet.from_arrays(0.25, vector=vector, label=label, name="rings", description="Three noisy rings")


def get_config():
    cfg = base_config()
    cfg.data = choice("own_parts:rings", label_noise=0.1)  # every data set takes noise, shares and the like
    cfg.model = choice("own_parts:Residual", width=32)
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.03)
    cfg.train.update(steps=300, batch_size=64, eval_every=50)
    cfg.vary.loss = (choice("own_parts:POLY", epsilon=2.0),)
    cfg.vary.augment = (choice("own_parts:jitter", stddev=0.1),)
    cfg.vary.norm = (choice("own_parts:ScaleNorm"),)
    cfg.vary.optimizer = (choice("own_parts:signum", learning_rate=0.003),)
    cfg.seeds = 6
    return cfg
