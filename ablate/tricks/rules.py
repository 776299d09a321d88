"""Rules between choices: what a plan warns of before anything is trained, and why.

A rule never forbids: whoever wants to see the conflict may train it. `RULES` is the whole list; to add one, write a
function from a `Setting` to a sentence, or None where all is well, and name the choices that it is about.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

__all__: list[str] = []

Arguments = Mapping[str, Any]
SMALL_BATCH = 8  # examples: below, group norm beats batch norm (Wu and He, 2018)


class Setting(NamedTuple):
    """An arm as rules see it.

    Args:
        choices: axis -> names and arguments, one behind the other.
        batch_size: examples per step.
        classes: how many there are; 0 where there are none.
    """

    choices: Mapping[str, tuple[tuple[str, Arguments], ...]]
    batch_size: int
    classes: int

    @property
    def parts(self) -> int:
        """Into how many parts accumulation divides a batch."""
        return (self.of("gradient", "accumulate") or {"steps": 1})["steps"]

    def of(self, axis: str, *names: str) -> Arguments | None:
        """The arguments of the first choice of those names; None where none is chosen."""
        return next((arguments for name, arguments in self.choices.get(axis, ()) if name in names), None)


class Rule(NamedTuple):
    """A rule, and the choices that it is about as `axis.name`."""

    about: tuple[str, ...]
    says: Callable[[Setting], str | None]


def soft_targets(setting: Setting) -> str | None:
    """Mixing makes targets soft already."""
    mixes = setting.of("augment", "mixup", "cutmix")
    if mixes is None or not mixes["alpha"]:
        return None
    smooth, focal = setting.of("target", "smooth_labels"), setting.of("loss", "focal")
    if smooth and smooth["alpha"]:
        return "mixed examples have soft targets already, and label smoothing softens them once more"
    if focal and focal["gamma"]:
        return "focal loss takes a half-sure answer for a hard example, and to a mixed example it is the right one"
    return None


def small_batch(setting: Setting) -> str | None:
    """Batch norm needs a batch."""
    size = setting.batch_size // setting.parts
    if setting.of("norm", "batch") is None or size >= SMALL_BATCH:
        return None
    return f"batch norm estimates means and variances from {size} examples; group norm does not depend on them"


def parts_of_a_batch(setting: Setting) -> str | None:
    """Accumulation is no longer the large batch."""
    if setting.parts == 1 or setting.of("norm", "batch") is None:
        return None
    return (
        f"batch norm sees each of the {setting.parts} parts alone, so that accumulation does not equal the whole batch"
    )


def scale_free_decay(setting: Setting) -> str | None:
    """What has no length cannot be made shorter."""
    pulls = [setting.of("decay", "coupled", "decoupled"), setting.of("penalty", "l1", "l2")]
    weights = [pull["weight"] for pull in pulls if pull]
    weights += [(setting.of("optimizer", "adamw") or {}).get("weight_decay", 0.0)]
    if setting.of("norm", "weight_norm") is None or not any(weights):
        return None
    return "weight norm makes the length of a kernel meaningless, so that shrinking it only raises the learning rate"


def flood_under_the_floor(setting: Setting) -> str | None:
    """Flooding that can never act."""
    flood, smooth = setting.of("objective", "flood"), setting.of("target", "smooth_labels")
    if not (flood and smooth and smooth["alpha"] and flood["level"] and setting.classes > 1):
        return None
    floor = entropy_floor(smooth["alpha"], setting.classes)
    if flood["level"] >= floor:
        return None
    return f"smoothed labels keep the loss above {floor:.3g}, so that flooding at {flood['level']:g} never acts"


def entropy_floor(alpha: float, classes: int) -> float:
    """The least cross-entropy against smoothed labels: their entropy, in nats.

    >>> entropy_floor(0.0, 10), round(entropy_floor(1.0, 10), 4)
    (0.0, 2.3026)
    """
    rest = alpha / classes
    probs = (1.0 - alpha + rest, *([rest] * (classes - 1)))
    return -math.fsum(p * math.log(p) for p in probs if p > 0) + 0.0


def no_restarts(setting: Setting) -> str | None:
    """Snapshots of one long descent."""
    restarts = setting.of("schedule", "sgdr", "triangular")
    if setting.of("average", "snapshots") is None or restarts is not None:
        return None
    return "snapshots belong to the ends of restart cycles; without schedule sgdr they are alike"


def frozen_noise(setting: Setting) -> str | None:
    """Random numbers that nothing trains."""
    freeze = setting.of("layerwise", "freeze")
    if freeze is None or not freeze["until"] or setting.of("init", "pretrained") is not None:
        return None
    return "frozen layers that are not pretrained stay random numbers"


def no_branch(setting: Setting) -> str | None:
    """Depth that cannot be stochastic."""
    depth, models = setting.of("dropout", "stochastic_depth"), dict(setting.choices.get("model", ()))
    plain = next((name for name in models if name in WITHOUT_BRANCHES), None)
    if plain is None or depth is None or not depth["rate"]:
        return None
    return f"stochastic depth silences residual branches, and {plain} has none"


WITHOUT_BRANCHES = ("mlp", "vgg", "inception", "mobilenet", "bilinear")
RULES = (
    Rule(("augment.mixup", "augment.cutmix", "target.smooth_labels", "loss.focal"), soft_targets),
    Rule(("norm.batch",), small_batch),
    Rule(("gradient.accumulate", "norm.batch"), parts_of_a_batch),
    Rule(
        ("norm.weight_norm", "decay.coupled", "decay.decoupled", "penalty.l1", "penalty.l2", "optimizer.adamw"),
        scale_free_decay,
    ),
    Rule(("objective.flood", "target.smooth_labels"), flood_under_the_floor),
    Rule(("average.snapshots",), no_restarts),
    Rule(("layerwise.freeze",), frozen_noise),
    Rule(("dropout.stochastic_depth",), no_branch),
)


def concerns(setting: Setting) -> Iterator[str]:
    """What the rules have to say about an arm."""
    for rule in RULES:
        sentence = rule.says(setting)
        if sentence:
            yield sentence
