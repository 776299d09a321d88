"""What does a training step cost with each choice of the catalogue? The cards of the catalogue quote these figures.

    ablate tricks --measure --config=experiments/benchmarks/trick_costs.py --out=ablate/tricks/costs.csv
    ablate tricks regression_loss --measure --config=experiments/benchmarks/trick_costs.py:regression --out=...
    likewise multi_task.weighting with :multi_task, adversarial.game and adversarial.generator with :adversarial; and
    `make docs` afterwards

The baseline is a residual network of 8 layers, 16 channels wide, with batch norm and plain SGD, on batches of 64 colour
images of 32x32 pixels. The images are noise: what is in them does not change the time.
"""

import numpy as np

from ablate import base_config, choice
from ablate.data import DataSet

SIDE, CLASSES = 32, 10


def images(number: int = 1280) -> DataSet:
    """Noise with a class and a number to predict for every image."""
    rng = np.random.default_rng(0)
    arrays = {
        "image": rng.integers(0, 256, (number, SIDE, SIDE, 3), np.uint8),
        "label": rng.integers(0, CLASSES, number).astype(np.int32),
        "even": rng.integers(0, 2, number).astype(np.int32),
        "target": rng.normal(size=(number, 1)).astype(np.float32),
    }
    return DataSet.from_arrays(0.2, **arrays, name="noise", description="Noise of the size of CIFAR-10")


def get_config(task="classification"):
    cfg = base_config()
    cfg.task = task
    cfg.data = choice("trick_costs:images")
    cfg.train.update(batch_size=64, eval_batch_size=64)
    if task == "adversarial":
        return cfg
    cfg.model = choice("resnet", depth=8, width=16)
    cfg.recipe.norm = choice("batch")
    if task == "classification":  # where the example of the table is for smaller images or fewer classes
        cfg.vary.loss = (choice("weighted", weights=(1.0,) * CLASSES),)
        cfg.vary.scale = (choice("resize", size=SIDE + 8),)
        cfg.vary.augment = (choice("multi_scale", sizes=(24, 32, 40)), choice("cutout", size=8))
        cfg.vary.layerwise = (choice("freeze", pattern="^stem", until=100.0),)
    return cfg
