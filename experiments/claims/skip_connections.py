"""Does a deep plain network degrade, and do skip connections prevent it?

    ablate run --config=experiments/claims/skip_connections.py

The article (S3): a skip connection can pass on its input unchanged, so that a network does not degrade by growing
deeper.

Twenty layers without skips are the baseline, with batch norm and He's initial values, which every deep plain network
has that trains at all. Against it: the same with skips, and eight layers with and without. Digits, and 2,000 images
of Fashion-MNIST shrunk to 8x8. Rates of 0.03, 0.1 and 0.3 were tried for the baseline on digits, and 0.1 was the
best.

Support: with skips, twenty layers are better on average, and under neither set worse. Degradation without skips:
eight layers without skips are better than twenty. Expected time: 3 minutes on 2 CPU cores.

Found: with skips, twenty layers are better (shortfall -25 %, 95 % interval -33 to -17), by one point on digits and
five on Fashion-MNIST. Without, twenty layers are worse than eight by as much; with skips they are level with them
(97.5 and 97.6 %, 80.1 and 80.5 %).
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("resnet", depth=20, width=4, skip=False)
    cfg.recipe.scale = choice("resize", size=8)
    cfg.recipe.init = choice("he")
    cfg.recipe.norm = choice("batch")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1, beta=0.9)
    cfg.recipe.schedule = choice("cosine")
    cfg.train.update(steps=600, batch_size=64, eval_every=100)
    cfg.seeds = 8
    cfg.report.margin = 0.01
    cfg.design = "arms"
    cfg.arms = {
        "20 layers with skips": {"model": choice("resnet", depth=20, width=4, skip=True)},
        "8 layers": {"model": choice("resnet", depth=8, width=4, skip=False)},
        "8 layers with skips": {"model": choice("resnet", depth=8, width=4, skip=True)},
    }
    cfg.across = {"data": ("digits", choice("fashion_mnist", examples=2000, validation=0.02))}
    return cfg


CLAIMS = (
    {
        "claim": "Skip connections let a deep network train better",
        "source": "S3",
        "arm": "20 layers with skips",
        "expects": "better",
        "note": "20 layers with and without, batch norm in both",
    },
    {
        "claim": "Without skip connections, a network degrades by growing deeper",
        "source": "S3",
        "arm": "8 layers",
        "expects": "better",
        "note": "8 layers beside 20, both without skips",
    },
)
