"""Does batch norm make dropout needless where data are few?

The article (S4): batch norm can be seen as a regularizer too, and lessens the need for dropout.

Support: what dropout adds is smaller with batch norm than without, seed by seed; and next to batch norm it adds
nothing (equivalent within one point of test accuracy).

Every arm tries the same three rates of momentum on validation first. An MLP and a VGG on 20 examples per class of
digits and on 50 of Fashion-MNIST, shrunk to the same 8x8; 1000 steps, as networks with dropout take longest to level
off. Dropout at .3. Expected time: 3 minutes on 2 CPU cores.

Found: next to batch norm dropout adds +0.1 points (within one point on average, better in one condition of four), and
without batch norm +0.1 as well: no lesser need is shown, since there was little need. Without either the networks are
worse (+15 % of the shortfall, 7 to 24).
"""

from pathlib import Path
from typing import Any

from measures import answer, compared, means_of

from ablate import base_config, choice


def less_need(folder: Path) -> dict[str, Any]:
    """What dropout adds without batch norm, less what it adds with it: mean over the conditions, by seed."""
    mean = means_of(folder)
    alone, beside = mean["dropout alone"] - mean["neither"], mean["batch norm + dropout"] - mean["baseline"]
    told = f"{100 * alone.mean():+.1f} points without, {100 * beside.mean():+.1f} with batch norm; difference "
    result = answer(alone - beside, lambda value: f"{100 * value:+.1f}")
    return result | {"effect": (told + result["effect"]).replace("-", "−")}


def no_better(folder: Path) -> dict[str, Any]:
    """Whether dropout alone is at most equivalent to batch norm alone, on average over the conditions."""
    return compared(folder, "dropout alone", (), ("equivalent", "worse"))


def get_config():
    cfg = base_config()
    cfg.recipe.init = choice("he")
    cfg.recipe.norm = choice("batch")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.03, beta=0.9)
    cfg.train.update(steps=1000, batch_size=50, eval_every=200)
    cfg.seeds = 8
    cfg.report.margin = 0.01

    cfg.design = "arms"
    dropout = choice("dropout", rate=0.3)
    cfg.arms = {
        "batch norm + dropout": {"dropout": dropout},
        "dropout alone": {"norm": choice("none"), "dropout": dropout},
        "neither": {"norm": choice("none")},
    }
    cfg.tune.grid = {"optimizer": {"learning_rate": (0.01, 0.03, 0.1)}}
    cfg.tune.seeds = 2
    cfg.across = {
        "data": (
            choice("digits", per_class=20),
            choice("fashion_mnist", size=8, per_class=50, validation=0.01),
        ),
        "model": (choice("mlp", widths=(128, 128)), choice("vgg", widths=(8, 16), head="fc", hidden=(64,))),
    }
    return cfg


CLAIMS = (
    {
        "claim": "With batch norm, dropout adds less than without",
        "source": "S4",
        "measure": less_need,
        "note": "few data",
    },
    {
        "claim": "Next to batch norm, dropout changes nothing",
        "source": "S4",
        "arm": "batch norm + dropout",
        "expects": "equivalent",
        "note": "few data",
    },
    {
        "claim": "Batch norm alone does as well as dropout alone",
        "source": "S4",
        "measure": no_better,
        "note": "few data",
    },
)
