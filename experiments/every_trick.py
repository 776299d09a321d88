"""Does every choice of every axis train? One short cell of each, no comparison of any worth.

    ablate run --config=experiments/every_trick.py                   classification, by far the most
    ablate run --config=experiments/every_trick.py:regression        likewise :adversarial and :multi_task

A perceptron on the bundled digits (regression: on their number of dark pixels); what needs positions or branches gets a
small residual network. Left out are `init=pretrained`, which needs a file; in adversarial training, which has no norm,
`init=zero_residual`, and averages of several members, which samples do not have; and in the multi-task form
`loss=weighted`, whose weights would have to fit both heads.
"""

import dataclasses

import numpy as np

from ablate import base_config, choice
from ablate.data import DATASETS, DataSet
from ablate.tasks import TASKS, axes_of


def dark_pixels() -> DataSet:
    """The digits with the number of their dark pixels as the target."""
    digits = DATASETS["digits"]()

    def with_target(part):
        count = (part["image"] > 127).sum((1, 2, 3))[:, None].astype(np.float32)
        return {"image": part["image"], "target": count}

    return dataclasses.replace(
        digits, name="dark_pixels", pool=with_target(digits.pool), test=with_target(digits.test), classes=0
    )


DATA = {"regression": choice("every_trick:dark_pixels"), "multi_task": choice("digits", parity=True)}
NETWORK = {"model": choice("resnet", depth=8, width=2), "norm": choice("batch")}
ADAM = choice("adam", learning_rate=1e-4)
BESIDE = {  # what an arm needs beside its own choice
    "game.gradient_penalty": {"optimizer": ADAM, "critic_optimizer": ADAM},
    "norm.instance": {"model": NETWORK["model"]},
    "norm.weight_standardization": {"model": choice("resnet", depth=8, width=4)},
    "init.zero_residual": NETWORK,
    "dropout.stochastic_depth": NETWORK,
    "layerwise.layer_decay": NETWORK,
    "average.snapshots": {"schedule": choice("sgdr", cycle=10)},
}
ARGUMENTS = {  # where the default does not fit so short a training, or so small an image
    "average.snapshots": {"cycle": 10.0, "count": 2},
    "average.checkpoints": {"count": 2, "every": 3.0},
    "norm.group": {"groups": 4},
    "norm.weight_standardization": {"groups": 2},
    "scale.resize": {"size": 6},
    "augment.multi_scale": {"sizes": (6, 8, 10)},
    "augment.cutout": {"size": 3},
    "loss.weighted": {"weights": (1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5)},
    "gradient.accumulate": {"steps": 2},
    "layerwise.multipliers": {"pattern": "^head", "factor": 0.5},
    "layerwise.freeze": {"pattern": "^layer_0", "until": 10.0},
    "model.resnet": {"width": 2},
}
RATES = {"normalized_gradient": 0.1, "prodigy": 1.0, "adadelta": 1.0, "lars": 1.0, "sgd": 0.1, "momentum": 0.01}
LEFT_OUT = {
    "adversarial": ("average.checkpoints", "average.snapshots"),
    "multi_task": ("loss.weighted",),
}


def get_config(task="classification"):
    cfg = base_config()
    cfg.task, cfg.design, cfg.seeds = task, "arms", 1
    cfg.data = DATA.get(task, choice("digits"))
    cfg.train.update(steps=20, batch_size=32, eval_every=10)
    axes = axes_of(TASKS[task])
    if "model" in axes:
        cfg.model = choice("mlp", widths=(32, 16))
    for name, axis in axes.items():
        usual = axis.default or axis.identity or next(iter(axis.choices))  # what the baseline has
        for entry in axis.choices:
            key = f"{name}.{entry}"
            fits = BESIDE.get(key, {}).keys() <= {*axes, "data"}
            if entry != usual and fits and key not in ("init.pretrained", *LEFT_OUT.get(task, ())):
                cfg.arms[key] = {**BESIDE.get(key, {}), name: choice(entry, **arguments_of(axis, entry, key))}
    return cfg


def arguments_of(axis, entry, key):
    known = axis.arguments(axis.choices[entry])
    given = {**axis.choices[entry].example, **ARGUMENTS.get(key, {})}
    if "learning_rate" in known:
        given["learning_rate"] = RATES.get(entry, 1e-3)
    return given
