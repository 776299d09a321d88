"""Networks that take their norm, initializers, activation, dropout and head as arguments.

`MODELS` is the whole catalogue. A model's fields with a default are what a config may set; those without one are
handed in by whoever builds it: `classes`, and the axes' choices as callables.
"""

import flax.linen as nn

from ablate.models.mlp import Mlp
from ablate.models.resnet import ResNet

MODELS: dict[str, type[nn.Module]] = {
    "mlp": Mlp,
    "resnet": ResNet,
}

__all__ = ["MODELS", "Mlp", "ResNet"]
