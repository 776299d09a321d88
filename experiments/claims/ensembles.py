"""Are several models together better than one of them?

The articles: train several models and average what they say, which lowers the variance (S2); fusing a few models that
were trained without much thought wins competitions so easily that some forbid it (S3).

Here an MLP and a small VGG train on digits with 20 % wrong labels and on 1,000 pictures of Fashion-MNIST at 14x14, 24
seeds each. Their kept weights are fused (`ablate fuse`): three seeds of the MLP at once, eight groups; and the MLP with
the VGG, seed by seed, 24 pairs, where the better of the two on its own, by its mean, is what a fusion must beat. The
fusions are paired with the mean of their members, group by group, a verdict on each set. Support: better on both sets,
corrected over the four tests of this card by Holm's method. Expected time: 2 minutes on 2 CPU cores.

Found: three MLPs are ahead of one by 1.8 points on digits (1.5 to 2.1) and 1.2 on clothes (1.1 to 1.4). Beside a VGG
that is far behind, the MLP gains nothing (+0.2, -0.1 to 0.4; -0.8, -0.9 to -0.6): what is fused must be about equally
good, or weighted.
"""

import json

from ablate import base_config, choice

VGG = "model=vgg(widths=(8, 16), head=gap)"
SETS = {"digits": {"label_noise": 0.2}, "fashion_mnist": {"size": 14, "per_class": 100}}


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(128, 128))
    cfg.recipe.scale = choice("standardize")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.01, beta=0.9)
    cfg.recipe.schedule = choice("cosine")
    cfg.train.update(steps=400, batch_size=64, eval_every=100, keep_weights=True)
    cfg.seeds = 24
    cfg.vary.model = (choice("vgg", widths=(8, 16), head="gap"),)
    cfg.across = {"data": tuple(choice(name, **changes) for name, changes in SETS.items())}
    return cfg


def fuse_all(folder):
    """The contrasts of both ways of fusing on each set, written down beside the report while the weights are there."""
    import ablate
    from ablate.runner.fuse import Recipe

    found = {"three seeds": {}, "two models": {}}
    for name, rows in ablate.load(folder).items():
        seeds = rows.study["seeds"]
        ways = {"three seeds": (["baseline"], Recipe(at_once=3)), "two models": (["baseline", VGG], Recipe())}
        for way, (arms, recipe) in ways.items():
            alone = [arm for arm in ablate.fuse(rows, arms, seeds, recipe).verdicts().arms if arm["delta"] is not None]
            best = max(alone, key=lambda arm: arm["mean"])
            found[way][name] = {key: best[key] for key in ("arm", "n", "delta", "delta_low", "delta_high", "p")}
    (folder / "fusions.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def contrasts(folder):
    """Those that were written down, by way and set, with p corrected over all of them."""
    from ablate.stats.multiple import holm

    file = folder / "fusions.json"
    trained = max((path.stat().st_mtime for path in folder.glob("*/weights/*.npz")), default=0.0)
    if trained and not (file.exists() and file.stat().st_mtime > trained):
        fuse_all(folder)
    found = json.loads(file.read_text(encoding="utf-8"))
    every = [one for way in found.values() for one in way.values()]
    for one, p in zip(every, holm([one["p"] for one in every]), strict=True):
        one["p"] = float(p)
    return found


def answer(folder, way):
    """Supported where the fusion is ahead of its members, or the better of two arms, on both sets; contradicted where
    it is behind on one and ahead on none.
    """
    sides = contrasts(folder)[way]
    verdicts = {"" if one["p"] > 0.05 else "better" if one["delta"] < 0 else "worse" for one in sides.values()}
    texts = [
        f"{name}: {-100 * one['delta']:+.2f} points ({-100 * one['delta_high']:+.2f} to {-100 * one['delta_low']:+.2f})"
        for name, one in zip(SETS, sides.values(), strict=True)
    ]
    word = "supported" if verdicts == {"better"} else "undecided"
    if "worse" in verdicts:
        word = "mixed" if "better" in verdicts else "contradicted"
    return {"answer": word, "effect": "; ".join(texts).replace("-", "−")}


def three_seeds(folder):
    """Three seeds of one model against their mean."""
    return answer(folder, "three seeds")


def two_models(folder):
    """Two models against the better of them."""
    return answer(folder, "two models")


CLAIMS = (
    {
        "claim": "Three networks of different seeds together are better than one",
        "source": "S2, S3",
        "measure": three_seeds,
    },
    {
        "claim": "Two different models together are better than the better of them",
        "source": "S3",
        "measure": two_models,
    },
)
