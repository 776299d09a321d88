"""The config: every key with its meaning, in one place.

Together with `loading` the only place that sees `ml_collections`; `resolving` turns the config into plain data.
"""

from typing import Any

from ml_collections import ConfigDict, config_dict

from ablate.tasks import TASKS, axes_of
from ablate.tricks.axis import Axis

FRACTIONS = ("regular", "plackett_burman")


def choice(name: str, **arguments: Any) -> ConfigDict:
    """A choice by name, or by import path (`my_pkg.norms:ScaleNorm`), with its arguments.

    >>> choice("group", groups=4).to_dict()
    {'name': 'group', 'groups': 4}
    """
    return ConfigDict({"name": name, **arguments}, sort_keys=False)


class Written(ConfigDict):
    """Keys in the order of writing, where () is not yet written; any text is a key, as names of arms may have dots.

    A value may be of another type than the default (`seeds` a tuple): `resolving` says what is wrong, all at once.
    """

    def __init__(self, content: Any = None, *ignored: Any, **others: Any):
        del ignored, others  # `ConfigDict` passes its own ideas of types, order and dots on to what it converts
        super().__init__(content, type_safe=False, allow_dotted_keys=True, sort_keys=False)

    def __setitem__(self, key: str, value: Any) -> None:
        fields: Any = self._fields
        fresh = fields.get(key) == ()
        super().__setitem__(key, value)
        if fresh:
            fields[key] = fields.pop(key)


def base_config() -> ConfigDict:
    """A locked config with every key at its default; an experiment edits what it needs.

    Returns:
        A `ConfigDict` in the order of writing: in a cumulative design, tricks are added as `vary` names them.
    """
    cfg = Written()
    # What a cell trains and how it is judged: classification, regression, multi_task, adversarial, or the import path
    # of a task of your own. It decides which axes and metrics there are.
    cfg.task = "classification"
    # The network, by name or import path: mlp, vgg, resnet, inception, mobilenet, bilinear, shrinkage_resnet.
    cfg.model = choice("mlp")
    # The data set: digits, or any name that tensorflow-datasets knows. Beside its own arguments it takes
    # validation (share of the training images), label_noise and noise_kind, input_noise, per_class (0: all images),
    # imbalance and oversample; rotate_test=True draws the test examples anew for each seed, and folds=5 has each seed
    # leave out a fifth of the training examples in turn (train_on="one": train on that fifth alone).
    cfg.data = choice("digits")
    # The baseline: one choice per axis. `ablate tricks` lists axes, choices and arguments. Where choices compose
    # (augment, scale, clip, decay, penalty, gradient, schedule, layerwise, objective) a tuple puts one behind another.
    axes = axes_of(TASKS["classification"])
    cfg.recipe = Written({name: absent(axis) for name, axis in axes.items() if name != "model"})
    # What to try: a tuple of choices per axis, or of models. A bare name stands for the choice with its defaults.
    # `train` and `data` can be varied too, by what differs: cfg.vary.train = ({"batch_size": 8}, {"steps": 1000}).
    cfg.vary = Written({})
    # Does it hold elsewhere? The study is run under every combination of what stands here, each a study of its own with
    # its part of alpha, and the report says in how many of them a trick helps and whether its effect differs:
    # cfg.across = {"data": ("digits", "spirals"), "model": (choice("mlp"), choice("vgg")), "batch_size": (8, 128)}.
    # Keys are axes, `model`, `data`, or numbers of `train`; what is named here takes the place of the config's own.
    cfg.across = Written({})
    # How to combine them with the recipe above, which stands for "without the trick" everywhere:
    #   one_at_a_time  the recipe, then each choice alone on top of it
    #   leave_one_out  all choices together are the baseline, then all but one
    #   cumulative     the recipe, then one choice after the other on top, in the order of writing; every delta is to
    #                  the recipe
    #   factorial      every combination;  fractional: a balanced part of them;  arms: as written below
    cfg.design = "one_at_a_time"
    # For design "fractional": kind regular, of resolution 3, 4 or 5 (or higher, where it takes no more arms), or
    # plackett_burman, which has resolution 3.
    cfg.fraction = Written({"kind": "regular", "resolution": 4})
    # For design "arms": {"my arm": {"norm": choice("batch"), ...}}; axes left out are the baseline's.
    cfg.arms = Written({})
    # Number of seeds (0, 1, ...), or a tuple of them. With fewer than 6 no exact paired test can reach p < .05.
    cfg.seeds = 6
    # False: every arm draws seeds of its own, and arms are compared by Welch's test. For A/A studies.
    cfg.paired = True
    # Tune the same numbers for every arm, the baseline included, before the study: axis -> argument -> values to try.
    # `relative` values multiply the arm's own number. Chosen on validation with seeds that the study does not use.
    cfg.tune = Written({"grid": Written({}), "relative": False, "seeds": 3})
    cfg.train = Written(
        {
            "steps": 500,
            "batch_size": 128,
            "eval_every": 50,  # steps between evaluations on the validation split
            "eval_batch_size": 500,  # at most; on CPU fewer, where that suits the cache
            "lanes": 0,  # cells per device that advance together; 0 chooses
            "resident_gib": 4.0,  # data above this many GiB do not lie on every device: they are read while training
            "checkpoint_seconds": 60.0,  # time between checkpoints of a running program
            "keep_weights": False,  # True keeps the variables of every cell under DIR/weights
        }
    )
    cfg.report = Written(
        {
            "metric": config_dict.placeholder(str),  # what verdicts are about; None: the task's first metric
            "alpha": 0.05,  # family-wise error rate of the verdicts, below 0.8
            "margin": config_dict.placeholder(float),  # largest difference that counts as none, in the metric's unit
            # The test of quality that decides: "t", corrected by Holm's method; "max_t", sign flips of whole seeds.
            "test": "t",
            # Numbers of seeds at which the study is looked at, ascending, say (6, 12, 24): each look spends its part of
            # alpha. Empty: it is looked at once, and whoever adds seeds afterwards reads in the report what that did.
            "looks": (),
        }
    )
    cfg.lock()
    # A task may have axes of its own, arms have any names; they are checked with all the rest.
    free: tuple[Any, ...] = (cfg.recipe, cfg.vary, cfg.across, cfg.arms, cfg.tune.grid)
    for names in free:
        names.unlock()
    return cfg


def absent(axis: Axis) -> ConfigDict:
    """The choice that stands for absence on an axis, or where it has none, for what everybody begins with."""
    return choice(axis.default or axis.identity or next(iter(axis.choices)), **axis.begin)
