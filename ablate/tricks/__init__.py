"""Training tricks as ordinary optax, flax and JAX functions, one file per place in training.

`AXES` is the whole catalogue; everything in it is importable by its own name and works in any training loop:

>>> from ablate.tricks import flood, smooth_labels, sgdr, GroupNorm, momentum

What an axis file lists in its `__all__` is public here; so a new trick touches its axis file and nothing else.
"""

from ablate.tricks import (
    activation,
    augment,
    augment_color,
    augment_mix,
    average,
    axis,
    bias,
    class_weight,
    clip,
    clock,
    data_init,
    decay,
    dropout,
    feature_loss,
    game,
    gradient,
    head,
    init,
    initializers,
    kernel_norm,
    layerwise,
    loss,
    norm,
    objective,
    optimizer,
    penalty,
    place,
    precision,
    regression_loss,
    scale,
    schedule,
    stop,
    target,
    views,
    weighting,
)
from ablate.tricks.activation import *
from ablate.tricks.augment import *
from ablate.tricks.augment_color import *
from ablate.tricks.augment_mix import *
from ablate.tricks.average import *
from ablate.tricks.axis import *
from ablate.tricks.bias import *
from ablate.tricks.class_weight import *
from ablate.tricks.clip import *
from ablate.tricks.clock import *
from ablate.tricks.data_init import *
from ablate.tricks.decay import *
from ablate.tricks.dropout import *
from ablate.tricks.feature_loss import *
from ablate.tricks.game import *
from ablate.tricks.gradient import *
from ablate.tricks.head import *
from ablate.tricks.init import *
from ablate.tricks.initializers import *
from ablate.tricks.kernel_norm import *
from ablate.tricks.layerwise import *
from ablate.tricks.loss import *
from ablate.tricks.norm import *
from ablate.tricks.objective import *
from ablate.tricks.optimizer import *
from ablate.tricks.penalty import *
from ablate.tricks.place import *
from ablate.tricks.precision import *
from ablate.tricks.regression_loss import *
from ablate.tricks.scale import *
from ablate.tricks.schedule import *
from ablate.tricks.stop import *
from ablate.tricks.target import *
from ablate.tricks.views import *
from ablate.tricks.weighting import *

# In the order of a training step: initial values and layers, the loss, its gradient, the update, what watches it.
AXES: dict[str, axis.Axis] = {
    "scale": scale.AXIS,
    "augment": augment.AXIS,
    "init": init.AXIS,
    "bias": bias.AXIS,
    "norm": norm.AXIS,
    "activation": activation.AXIS,
    "place": place.AXIS,
    "dropout": dropout.AXIS,
    "head": head.AXIS,
    "precision": precision.AXIS,
    "target": target.AXIS,
    "class_weight": class_weight.AXIS,
    "loss": loss.AXIS,
    "regression_loss": regression_loss.AXIS,
    "penalty": penalty.AXIS,
    "feature_loss": feature_loss.AXIS,
    "objective": objective.AXIS,
    "gradient": gradient.AXIS,
    "clip": clip.AXIS,
    "decay": decay.AXIS,
    "optimizer": optimizer.AXIS,
    "schedule": schedule.AXIS,
    "layerwise": layerwise.AXIS,
    "average": average.AXIS,
    "views": views.AXIS,
    "stop": stop.AXIS,
}

__all__ = ["AXES"]
__all__ += activation.__all__
__all__ += augment.__all__
__all__ += augment_color.__all__
__all__ += augment_mix.__all__
__all__ += average.__all__
__all__ += axis.__all__
__all__ += bias.__all__
__all__ += class_weight.__all__
__all__ += clip.__all__
__all__ += clock.__all__
__all__ += data_init.__all__
__all__ += decay.__all__
__all__ += dropout.__all__
__all__ += feature_loss.__all__
__all__ += game.__all__
__all__ += gradient.__all__
__all__ += head.__all__
__all__ += init.__all__
__all__ += initializers.__all__
__all__ += kernel_norm.__all__
__all__ += layerwise.__all__
__all__ += loss.__all__
__all__ += norm.__all__
__all__ += objective.__all__
__all__ += optimizer.__all__
__all__ += penalty.__all__
__all__ += place.__all__
__all__ += precision.__all__
__all__ += regression_loss.__all__
__all__ += scale.__all__
__all__ += schedule.__all__
__all__ += stop.__all__
__all__ += target.__all__
__all__ += views.__all__
__all__ += weighting.__all__
