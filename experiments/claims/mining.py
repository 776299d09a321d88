"""Do examples that fused models dispute teach more than as many that nobody chose?

The article (S3): of the data that come in, add neither all (costly, and mostly what the model knows) nor only what
users complain about (slow); let the model in use and an ensemble of others judge them, leave out what both agree on
with a high score, review the rest and train again.

Here the model in use is an MLP that has learnt from 20 labelled digits of each class, or from 40 pictures of each
class of Fashion-MNIST at 14x14. With two other networks of three seeds each, on shifted pictures (`ablate mine`), it
goes through a pool of 1,147 or 3,600 others. As many examples as it had are then added with their true label, as a
reviewer would: the baseline adds a random draw, one arm the first that were listed, disputes before doubts, and one
arm the whole pool, which says what there is to win. Three draws of the first examples on each set are the six
conditions. Every arm has its learning rate from the same grid by validation. Support: better on average and nowhere
worse. `python experiments/claims/mining.py` makes the lists, kept beside this file. Expected time: 1 minute for the
study on 2 CPU cores, 3 minutes for the lists.

Found: the mined examples are better than random ones in all six conditions (shortfall -25 %, 95 % interval -27 to
-22); the whole pool, three to five times as many, takes away 34 %. On digits 94 to 109 examples were in dispute, on
clothes 573 to 593.
"""

import tempfile
from pathlib import Path

import numpy as np
from cleaning import subset

from ablate import base_config, choice
from ablate.data import DataSet

FIRST = {"digits": 20, "fashion_mnist": 40}  # examples per class that the model in use has learnt
STARTS = (0, 1, 2)
FILE = Path(__file__).with_name("mining.npz")


def drawn(of: str, start: int):
    """Examples of a set that are labelled at first, and the pool, by position."""
    label = subset(of).pool["label"]
    order = np.random.default_rng(start).permutation(len(label))
    first = np.concatenate([order[label[order] == k][: FIRST[of]] for k in range(10)])
    return first, np.setdiff1d(order, first)


def labelled(of: str, start: int = 0, use: str = "first") -> DataSet:
    """The first examples, and what was added to them: random ones, mined ones, or all."""
    data, (first, pool) = subset(of), drawn(of, start)
    added = {
        "first": pool[:0],
        "random": np.random.default_rng(100 + start).permutation(pool)[: len(first)],
        "all": pool,
    }
    if use == "mined":
        with np.load(FILE) as kept:
            added[use] = kept[f"{of}/{start}"]
    kept = np.concatenate([first, added[use]])
    arrays = {key: array[kept] for key, array in data.pool.items()}
    return DataSet(data.name, arrays, data.test, f"{len(first)} first examples and {len(added[use])} added ({use})")


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(128, 128))
    cfg.data = choice("mining:labelled", of="digits", use="random")
    cfg.recipe.scale = choice("standardize")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.03, beta=0.9)
    cfg.recipe.schedule = choice("cosine")
    cfg.train.update(steps=400, batch_size=32, eval_every=100)
    cfg.seeds = 8
    cfg.report.margin = 0.01
    cfg.vary.data = ({"use": "mined"}, {"use": "all"})
    cfg.across = {
        "data": tuple(choice("mining:labelled", of=of, start=start, use="random") for of in FIRST for start in STARTS)
    }
    cfg.tune.grid = {"optimizer": {"learning_rate": (0.003, 0.01, 0.03)}}
    return cfg


def models(of, start):
    """The model in use, and those of the ensemble."""
    cfg = get_config()
    cfg.across, cfg.tune.grid = {}, {}
    cfg.data = choice("mining:labelled", of=of, start=start)
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.01, beta=0.9)
    cfg.train.keep_weights = True
    cfg.seeds = 3
    seen = {"augment": choice("random_crop", padding=1), "views": choice("tta", flip=False, shifts=1)}
    vgg = choice("vgg", widths=(8, 16), head="gap")
    cfg.design = "arms"
    cfg.arms = {
        "wide": {"model": choice("mlp", widths=(256,)), "dropout": choice("dropout", rate=0.3), **seen},
        "convolutions": {"model": vgg, "norm": choice("batch"), **seen},
    }
    del cfg.vary["data"]
    return cfg


def prepare():
    """Lists the pool of every condition, and keeps as many places as there were examples at first."""
    import ablate
    from ablate.runner.mine import Terms

    kept = {}
    for of in FIRST:
        for start in STARTS:
            first, pool = drawn(of, start)
            with tempfile.TemporaryDirectory() as folder:
                rows = ablate.run(models(of, start), Path(folder) / "models")
                np.savez(Path(folder) / "pool.npz", image=subset(of).pool["image"][pool])
                found = ablate.mine(rows, [], range(3), str(Path(folder) / "pool.npz"), Terms("baseline", 0))
            listed = pool[found.order]
            print(of, start, f"{len(listed)} of {len(pool)} listed, {int((~found.agreed).sum())} of them disputed")
            kept[f"{of}/{start}"] = listed[: len(first)]
    np.savez_compressed(FILE, **kept)


CLAIMS = (
    {
        "claim": "Examples that the model in use and an ensemble dispute teach more than as many random ones",
        "source": "S3",
        "arm": "data(use=mined)",
        "expects": "better",
    },
)

if __name__ == "__main__":
    import sys

    sys.modules["mining"] = sys.modules["__main__"]  # as configs name it
    prepare()
