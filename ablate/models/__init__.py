"""Networks from images or vectors to features, built from a bundle of layers; a task puts its heads on them.

`MODELS` is the whole catalogue. To add one: a flax module whose first field is `layers`, and a line below. Its other
fields are what a config may set.
"""

import flax.linen as nn

from ablate.models.bilinear import Bilinear
from ablate.models.dcgan import Dcgan
from ablate.models.generator import GENERATORS, MlpGenerator
from ablate.models.inception import Inception
from ablate.models.layers import Conv, Deconv, Dense, Layers, Network, layers_of
from ablate.models.mlp import Mlp
from ablate.models.mobilenet import MobileNet
from ablate.models.resnet import ResNet
from ablate.models.shrinkage_resnet import ShrinkageResNet
from ablate.models.vgg import Vgg

MODELS: dict[str, type[nn.Module]] = {
    "mlp": Mlp,
    "vgg": Vgg,
    "resnet": ResNet,
    "inception": Inception,
    "mobilenet": MobileNet,
    "bilinear": Bilinear,
    "shrinkage_resnet": ShrinkageResNet,
}

__all__ = [
    "GENERATORS", "MODELS", "Bilinear", "Conv", "Dcgan", "Deconv", "Dense", "Inception", "Layers", "Mlp",
    "MlpGenerator", "MobileNet", "Network", "ResNet", "ShrinkageResNet", "Vgg", "layers_of",
]  # fmt: skip
