"""Does a network that has learnt other classes learn five new ones better, and in which order should its layers learn?

The article (S1), on 200 kinds of birds with 60 pictures each: begin from a network that was trained elsewhere. With
only the last layer learning it reached 74.5 %; with all layers released afterwards, at a hundredth of the rate, 86.8 %;
with all layers learning from the start 79 %. S0 tunes in the same two steps. S4: give early layers a smaller rate and
the new layer a larger one, or freeze the early ones; and turn the rate down as a whole.

Here a small VGG is trained on five classes, and then learns the five others from 20 pictures of each: clothes of
Fashion-MNIST at 14x14 (3400 pictures to begin with), and digits at 8x8 (570). The baseline starts from it and trains
all layers at once. Two steps are two halves of the same number of steps: first the head alone, then all layers, in a
second arm at a tenth of the rate from then on. Each arm has its rate chosen from the same six, by validation on seeds
that the study does not use. Every claim is that of one arm against this baseline. Seeds draw the 20 pictures, the new
head and the order of batches; the network to begin with is one, from `python experiments/claims/transfer.py`, which is
kept beside this file. Expected time: 3 minutes on 2 CPU cores.

Found: layers learnt on other classes are worth nothing here over training from scratch at a rate of its own (+1.2 %
of the shortfall, -12.7 to +17.3). With the head alone the network falls far short (+91 %); head first, then all, ends
behind all layers at once (+12 %, +4 to +21), and more so at a tenth of the rate; halving the rate from layer to layer
hurts, a faster head shows no effect.
"""

import os
import tempfile
from pathlib import Path

import numpy as np

import ablate
from ablate import base_config, choice
from ablate.data import DataSet, digits, tfds_dataset
from ablate.tricks import DataInit, pretrained
from ablate.tricks.axis import FilePath

STEPS = 300
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
SETS = ("digits", "fashion_mnist")
SIDE = {"digits": 8, "fashion_mnist": 14}  # pixels
PER_CLASS = 800  # of the pool, at most


def half(source: str, upper: bool = True) -> DataSet:
    """The classes from 5 to 9 of ten, or those from 0 to 4, called 0 to 4."""
    whole = digits() if source == "digits" else tfds_dataset(source, size=SIDE[source])
    pool, test = (_of_half(part, 5 if upper else 0) for part in (whole.pool, whole.test))
    words = f"classes {'5 to 9' if upper else '0 to 4'} of {whole.description}"
    return DataSet(f"{source}, {'second' if upper else 'first'} half", pool, test, words)


def _of_half(part, first):
    label = np.asarray(part["label"])
    kept = np.sort(np.concatenate([np.flatnonzero(label == first + k)[:PER_CLASS] for k in range(5)]))
    return {"image": np.asarray(part["image"])[kept], "label": label[kept] - first}


def learnt(digits: FilePath, fashion_mnist: FilePath) -> DataInit:
    """Layers from the file of the data that the inputs are of, told by their size; new heads."""
    files = {"digits": digits, "fashion_mnist": fashion_mnist}

    def adjust(key, variables, apply, inputs):
        source = next(name for name, side in SIDE.items() if inputs.shape[1] == side)
        return pretrained(files[source]).adjust(key, variables, apply, inputs)

    return DataInit(pretrained("").kernel, adjust)


def file_of(source):
    """Where the trained layers lie, as seen from the working directory."""
    return os.path.relpath(Path(__file__).parent / f"transfer_{source}.npz")


def network():
    """What all studies here train."""
    cfg = base_config()
    cfg.model = choice("vgg", widths=(8, 16, 32), head="gap")
    cfg.recipe.scale = choice("standardize")
    cfg.recipe.init = choice("he")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.03, beta=0.9)
    cfg.recipe.schedule = choice("cosine")
    cfg.train.update(steps=STEPS, batch_size=32, eval_every=50)
    return cfg


def prepare():
    """Trains the first halves, at the better of two rates by validation, and keeps the layers beside this file."""
    for source in SETS:
        cfg = network()
        cfg.data = choice("transfer:half", source=source, upper=False)
        cfg.train.update(steps=2000, keep_weights=True, eval_every=500)
        cfg.seeds = 1
        cfg.vary.optimizer = (choice("momentum", learning_rate=0.1, beta=0.9),)
        with tempfile.TemporaryDirectory() as folder:
            rows = ablate.run(cfg, folder)
            best = max(rows, key=lambda row: row["metrics"]["val_accuracy"])
            Path(file_of(source)).write_bytes(rows.weights_path(best["arm"], 0).read_bytes())


def get_config():
    cfg = network()
    scratch = cfg.recipe.init
    cfg.recipe.init = choice("transfer:learnt", **{source: file_of(source) for source in SETS})
    cfg.seeds = 8
    cfg.report.margin = 0.01

    head_first = choice("freeze", pattern="^(?!head)", until=STEPS / 2)
    tenth = choice("multistep", boundaries=(STEPS // 2,), gamma=0.1)
    cfg.design = "arms"
    cfg.arms = {
        "from scratch": {"init": scratch},
        "head only": {"layerwise": choice("freeze", pattern="^(?!head)")},
        "head first, then all": {"layerwise": head_first},
        "head first, then all at a tenth of the rate": {"layerwise": head_first, "schedule": tenth},
        "rates halved from layer to layer": {"layerwise": choice("layer_decay", rate=0.5)},
        "head at ten times the rate": {"layerwise": choice("multipliers", pattern="^head/", factor=10.0)},
    }
    cfg.tune.grid = {"optimizer": {"learning_rate": RATES}}
    cfg.tune.seeds = 3
    cfg.across = {"data": tuple(choice("transfer:half", source=source, per_class=20) for source in SETS)}
    return cfg


CLAIMS = (
    {
        "claim": "Layers learnt on other classes beat training from scratch",
        "source": "S1",
        "arm": "from scratch",
        "expects": "worse",
    },
    {
        "claim": "With early layers kept as they were, the head alone falls short",
        "source": "S1",
        "arm": "head only",
        "expects": "worse",
    },
    {
        "claim": "First the head, then all layers, beats all layers at once",
        "source": "S0, S1",
        "arm": "head first, then all",
        "expects": "better",
    },
    {
        "claim": "It does with a smaller rate in the second step",
        "source": "S1, S4",
        "arm": "head first, then all at a tenth of the rate",
        "expects": "better",
    },
    {
        "claim": "Learnt layers should learn the more slowly the earlier they are",
        "source": "S4",
        "arm": "rates halved from layer to layer",
        "expects": "better",
    },
    {
        "claim": "A new head should learn faster than the layers below it",
        "source": "S4",
        "arm": "head at ten times the rate",
        "expects": "better",
    },
)


if __name__ == "__main__":
    prepare()
