"""Four works, each a grid of numbers for one network: what `whole.py` times, and each alternative trains.

    digits       MLP 64-64, 24 arms x 6 seeds x 500 steps             fashion      MLP 128-128-128, 12 x 6 x 300
    small_resnet ResNet 8-16-32 at 14x14, 6 x 2 x 200                 resnet       ResNet 16-32-64 at 28x28, 4 x 2 x 100

All with batches of 128, momentum, weight decay, cosine, clipping at norm 1, label smoothing, batch norm, and an
evaluation every 50 steps. The arms are learning rates.

    ablate run --config=experiments/benchmarks/works.py:digits
"""

from typing import NamedTuple

from ablate import base_config, choice


class Work(NamedTuple):
    """A network, its data, and how many learning rates, seeds and steps."""

    model: str
    widths: tuple[int, ...]
    data: str
    side: int
    arms: int
    seeds: int
    steps: int


WORKS = {
    "digits": Work("mlp", (64, 64), "digits", 8, 24, 6, 500),
    "fashion": Work("mlp", (128, 128, 128), "fashion_mnist", 28, 12, 6, 300),
    "small_resnet": Work("resnet", (8, 16, 32), "fashion_mnist", 14, 6, 2, 200),
    "resnet": Work("resnet", (16, 32, 64), "fashion_mnist", 28, 4, 2, 100),
}
BATCH, SMOOTHING, DECAY, CLIP, MOMENTUM, EVERY = 128, 0.1, 0.0005, 1.0, 0.9, 50


def rates(work: Work) -> list[float]:
    """The learning rate of every arm, the baseline's first."""
    return [round(0.05 + 0.002 * k, 4) for k in range(work.arms)]


def get_config(name: str = "digits"):
    work = WORKS[name]
    cfg = base_config()
    cfg.model = choice("mlp", widths=work.widths)
    if work.model == "resnet":
        cfg.model = choice("resnet", depth=8, width=work.widths[0])
    cfg.data = choice("digits") if work.data == "digits" else choice(work.data, size=work.side)
    cfg.recipe.norm = "batch"
    cfg.recipe.scale = "standardize"
    cfg.recipe.optimizer = choice("momentum", learning_rate=rates(work)[0], beta=MOMENTUM)
    cfg.recipe.decay = choice("decoupled", weight=DECAY)
    cfg.recipe.schedule = "cosine"
    cfg.recipe.clip = choice("global_norm", max=CLIP)
    cfg.recipe.target = choice("smooth_labels", alpha=SMOOTHING)
    cfg.train.update(steps=work.steps, batch_size=BATCH, eval_every=EVERY)
    cfg.vary.optimizer = tuple(choice("momentum", learning_rate=rate, beta=MOMENTUM) for rate in rates(work)[1:])
    cfg.seeds = work.seeds
    return cfg
