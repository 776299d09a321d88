"""Training tricks as ordinary optax, flax and JAX functions, one file per place in training.

`AXES` is the whole catalogue; everything in it is importable by its own name and works in any training loop:

>>> from ablate.tricks import flood, smooth_labels, sgdr, GroupNorm, momentum
"""

from ablate.tricks import (
    activation,
    augment,
    average,
    bias,
    clip,
    decay,
    dropout,
    gradient,
    head,
    init,
    layerwise,
    loss,
    norm,
    objective,
    optimizer,
    penalty,
    scale,
    schedule,
    stop,
    target,
)
from ablate.tricks.activation import Gelu, LeakyRelu, Relu, Silu, Tanh
from ablate.tricks.augment import flip, no_augment, random_crop
from ablate.tricks.average import ema, no_average
from ablate.tricks.axis import Argument, Axis, Choice, Scalar, signature_of
from ablate.tricks.bias import constant_bias
from ablate.tricks.clip import adaptive_clip, clip_by_global_norm, clip_by_layer_norm, clip_by_value, no_clip
from ablate.tricks.decay import coupled, decoupled, no_decay
from ablate.tricks.dropout import Dropout, NoDropout, SpatialDropout
from ablate.tricks.gradient import centralize, gradient_noise, plain_gradient
from ablate.tricks.head import Linear
from ablate.tricks.init import (
    DataInit,
    fan_mean_normal,
    he,
    lecun,
    normal,
    orthogonal,
    split_init,
    uniform,
    xavier,
    zeros,
)
from ablate.tricks.layerwise import multipliers, same_rate
from ablate.tricks.loss import cross_entropy, focal
from ablate.tricks.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, NoNorm, RMSNorm
from ablate.tricks.objective import flood, mean
from ablate.tricks.optimizer import adagrad, adam, adamw, lion, momentum, nesterov, rmsprop, sgd
from ablate.tricks.penalty import l1, l2, no_penalty
from ablate.tricks.scale import ImageStats, channel_mean, image_mean, standardize, symmetric, unit
from ablate.tricks.schedule import constant, cosine, exponential, multistep, sgdr, warmup
from ablate.tricks.stop import never
from ablate.tricks.target import keep_target, smooth_labels

AXES: dict[str, Axis] = {
    "scale": scale.AXIS,
    "augment": augment.AXIS,
    "init": init.AXIS,
    "bias": bias.AXIS,
    "norm": norm.AXIS,
    "activation": activation.AXIS,
    "dropout": dropout.AXIS,
    "head": head.AXIS,
    "target": target.AXIS,
    "loss": loss.AXIS,
    "penalty": penalty.AXIS,
    "objective": objective.AXIS,
    "gradient": gradient.AXIS,
    "clip": clip.AXIS,
    "decay": decay.AXIS,
    "optimizer": optimizer.AXIS,
    "schedule": schedule.AXIS,
    "layerwise": layerwise.AXIS,
    "average": average.AXIS,
    "stop": stop.AXIS,
}

__all__ = [
    "AXES",
    "Argument",
    "Axis",
    "BatchNorm",
    "Choice",
    "DataInit",
    "Dropout",
    "Gelu",
    "GroupNorm",
    "ImageStats",
    "InstanceNorm",
    "LayerNorm",
    "LeakyRelu",
    "Linear",
    "NoDropout",
    "NoNorm",
    "RMSNorm",
    "Relu",
    "Scalar",
    "Silu",
    "SpatialDropout",
    "Tanh",
    "adagrad",
    "adam",
    "adamw",
    "adaptive_clip",
    "centralize",
    "channel_mean",
    "clip_by_global_norm",
    "clip_by_layer_norm",
    "clip_by_value",
    "constant",
    "constant_bias",
    "cosine",
    "coupled",
    "cross_entropy",
    "decoupled",
    "ema",
    "exponential",
    "fan_mean_normal",
    "flip",
    "flood",
    "focal",
    "gradient_noise",
    "he",
    "image_mean",
    "keep_target",
    "l1",
    "l2",
    "lecun",
    "lion",
    "mean",
    "momentum",
    "multipliers",
    "multistep",
    "nesterov",
    "never",
    "no_augment",
    "no_average",
    "no_clip",
    "no_decay",
    "no_penalty",
    "normal",
    "orthogonal",
    "plain_gradient",
    "random_crop",
    "rmsprop",
    "same_rate",
    "sgd",
    "sgdr",
    "signature_of",
    "smooth_labels",
    "split_init",
    "standardize",
    "symmetric",
    "uniform",
    "unit",
    "warmup",
    "xavier",
    "zeros",
]
