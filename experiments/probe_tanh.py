"""Does the signal survive ten layers of 500 units, and from which initial values?

    ablate probe --config=experiments/probe_tanh.py --workdir=results/probe_tanh

The classic picture of why initial values matter: standard normal inputs, ten layers of tanh or ReLU, and what every
layer gives before any training. Expected time: half a minute on 2 CPU cores.
Expected finding: the spread of a tanh network begins at .21 from N(0, .01^2) and fades to nothing, since every layer
multiplies it by about .01 sqrt(500) = .22; from N(0, 1) every unit sits at -1 or 1; Xavier's values keep it alive. Half
of what enters a ReLU is lost, so that Xavier's values fade there too, by sqrt(1/2) per layer; He's make up for it.
"""

import numpy as np

from ablate import base_config, choice
from ablate.data import DataSet

WIDTH = 500


def noise(examples: int = 2000) -> DataSet:
    """Standard normal inputs, as wide as the layers, with labels that mean nothing: nothing is trained."""
    rng = np.random.default_rng(0)
    vector = rng.standard_normal((examples, WIDTH), np.float32)
    return DataSet.from_arrays(vector=vector, label=np.arange(examples) % 10, name="noise")


def get_config():
    cfg = base_config()
    cfg.data = choice("probe_tanh:noise")
    cfg.model = choice("mlp", widths=(WIDTH,) * 10)
    cfg.recipe.activation = choice("tanh")
    cfg.recipe.init = choice("normal", stddev=0.01)  # the baseline
    cfg.design = "arms"
    cfg.arms = {
        "tanh, N(0, 1)": {"init": choice("normal", stddev=1.0)},
        "tanh, Xavier": {"init": choice("xavier")},
        "ReLU, Xavier": {"activation": choice("relu"), "init": choice("xavier")},
        "ReLU, He": {"activation": choice("relu"), "init": choice("he")},
    }
    cfg.train.batch_size = 1000  # the probe looks at one batch
    cfg.seeds = 1
    return cfg
