"""Do Adam and SGD with momentum end at the same accuracy if both are given enough time?

The article (S0): in general, as long as there is enough time, what Adam and SGD with momentum reach differs little.

Support: momentum is equivalent to Adam within one point of test accuracy.

The study of optimizers.py again for these two, with what enough time is usually used for: twice the steps (116 epochs
of digits, 42 of clothes) and a rate that falls to nothing along half a cosine. Both try the same six multiples of
their usual rate on validation first. Expected time: 3 minutes on 2 CPU cores.

Found: with a falling rate and twice the steps momentum still has 11 % more errors than Adam (8 to 14), most of them
on digits (+21 %); on Fashion-MNIST the two are equivalent within a point.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.recipe.init = choice("he")
    cfg.recipe.optimizer = choice("adam", learning_rate=0.001)
    cfg.recipe.schedule = choice("cosine")
    cfg.train.update(steps=2000, batch_size=64, eval_every=200)
    cfg.seeds = 10
    cfg.report.margin = 0.01

    cfg.vary.optimizer = (choice("momentum", learning_rate=0.03),)
    cfg.tune.grid = {"optimizer": {"learning_rate": (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)}}
    cfg.tune.seeds = 2
    cfg.tune.relative = True
    cfg.across = {
        "data": ("digits", choice("fashion_mnist", examples=3000, validation=0.03)),
        "model": (choice("mlp", widths=(64, 64)), choice("mlp", widths=(64,) * 6)),
    }
    return cfg


CLAIMS = (
    {
        "claim": "Given enough time and a falling rate, SGD with momentum ends where Adam does",
        "source": "S0",
        "arm": "momentum",
        "expects": "equivalent",
        "note": "each at its best of six rates",
    },
)
