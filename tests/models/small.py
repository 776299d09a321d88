"""Every model at a size that compiles in a moment, on two images of 8x8: what the tests of models build."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from ablate.models import MODELS, Network, layers_of
from ablate.tricks import AXES, Linear, NoDropout, NoNorm, Relu, constant_bias, he

IMAGES = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
SMALL = {
    "mlp": {"widths": (16, 8)},
    "vgg": {"widths": (8, 16), "hidden": (8,)},
    "resnet": {"depth": 8, "width": 8},
    "inception": {"stem": 8, "widths": (8,)},
    "mobilenet": {"width": 8, "blocks": (1, 1)},
    "bilinear": {"widths": (8, 16), "dim": 24},
    "shrinkage_resnet": {"depth": 8, "width": 8},
}
LAYERS = {
    "norm": NoNorm,
    "kernel_init": he(),
    "bias_init": constant_bias(0.1),
    "activation": Relu,
    "dropout": NoDropout,
}


def layers(**changes):
    """A bundle without norm and dropout."""
    return layers_of(**(LAYERS | changes))


def build(name, make_head=Linear, outputs=5, **changes):
    """A model with a head, which gives the features and its outputs."""
    given = {key: changes.pop(key, value) for key, value in LAYERS.items()}
    made = MODELS[name](layers_of(**given), **(SMALL[name] | changes))
    return Network(made, {"head": functools.partial(make_head, outputs, given["kernel_init"], given["bias_init"])})


def logits_of(network, variables, *arguments, **options):
    return network.apply(variables, *arguments, **options)[1]["head"]


def by_path(params):
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


@functools.cache
def parameters(name, norm="none", dropout="none", activation="relu"):
    chosen = {"norm": norm, "dropout": dropout, "activation": activation}
    made = build(name, **{axis: AXES[axis].choices[choice].make for axis, choice in chosen.items()})
    variables = made.init(jax.random.key(0), IMAGES[:1], train=True)
    return {path: np.asarray(leaf) for path, leaf in by_path(variables["params"]).items()}


def shapes_of(network, side=8, channels=3):
    """Shapes of all parameters by path; nothing is allocated."""
    images = jax.ShapeDtypeStruct((1, side, side, channels), jnp.float32)
    made = jax.eval_shape(functools.partial(network.init, train=False), jax.random.key(0), images)
    return {path: leaf.shape for path, leaf in by_path(made["params"]).items()}


def weights(shapes, part=""):
    """How many numbers the kernels have whose path contains a text."""
    return sum(math.prod(shape) for path, shape in shapes.items() if path.endswith("kernel") and part in path)
