"""Axis `optimizer`: from gradients to updates, as optax transforms.

The learning rate is an argument like any other: in a study the step calls the bound choice with the rate of that very
step, and in a plain optax loop it may be a number or an optax schedule. All other numbers may be traced as well.

The choices stand in files by what they look at: `descent` at the gradient, `adaptive` at the size of each of its
numbers (`adam_variants`: Adam with a line changed), `blockwise` at whole parameters, `trajectory` at the path so far.

>>> [name for name, choice in AXIS.choices.items() if choice.off]  # at these numbers they are plain descent
['momentum', 'nesterov']
"""

from ablate.tricks.adam_variants import adabelief, adamax, amsgrad, nadam, radam, yogi
from ablate.tricks.adaptive import adadelta, adagrad, adam, adamw, rmsprop
from ablate.tricks.axis import SUPERVISED, Axis, Choice
from ablate.tricks.blockwise import adafactor, lamb, lars, muon
from ablate.tricks.descent import lion, momentum, nesterov, normalized_gradient, sgd
from ablate.tricks.trajectory import lbfgs, lookahead, prodigy, schedule_free

__all__ = [
    "adabelief",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "amsgrad",
    "lamb",
    "lars",
    "lbfgs",
    "lion",
    "lookahead",
    "momentum",
    "muon",
    "nadam",
    "nesterov",
    "normalized_gradient",
    "prodigy",
    "radam",
    "rmsprop",
    "schedule_free",
    "sgd",
    "yogi",
]

AXIS = Axis(
    name="optimizer",
    tasks=(*SUPERVISED, "adversarial"),
    default="sgd",
    begin={"learning_rate": 0.1},
    seam="(learning_rate) -> optax transform",
    identity="sgd",
    choices={
        "sgd": Choice(sgd),
        "momentum": Choice(momentum, off={"beta": 0.0}),
        "nesterov": Choice(nesterov, off={"beta": 0.0}),
        "normalized_gradient": Choice(normalized_gradient),
        "adagrad": Choice(adagrad),
        "adadelta": Choice(adadelta),
        "rmsprop": Choice(rmsprop),
        "adam": Choice(adam),
        "nadam": Choice(nadam),
        "amsgrad": Choice(amsgrad),
        "adamw": Choice(adamw),
        "adamax": Choice(adamax),
        "lion": Choice(lion),
        "lamb": Choice(lamb),
        "lars": Choice(lars),
        "radam": Choice(radam),
        "adabelief": Choice(adabelief),
        "yogi": Choice(yogi),
        "adafactor": Choice(adafactor),
        "muon": Choice(muon),
        "lookahead": Choice(lookahead),
        "schedule_free": Choice(schedule_free),
        "prodigy": Choice(prodigy),
        "lbfgs": Choice(lbfgs),
    },
)
