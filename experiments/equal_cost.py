"""Is SAM worth its second gradient, and is Adam still ahead where every rate was tuned?

At the end of training, at equal operations, and by tuning budget: every arm tries the same six learning rates first.
Expected time: about 30 s on 2 CPU cores. Expected finding: SAM's lead at the end, too small for eight seeds, is gone at
equal operations; Adam is far ahead at one rate drawn at random, and not where six were tried.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(64, 64))
    cfg.data = choice("digits", label_noise=0.2)
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.03, beta=0.9)
    cfg.train.update(steps=400, batch_size=128, eval_every=20)
    cfg.seeds = 8

    cfg.vary.gradient = (choice("sam", rho=0.1),)
    cfg.vary.optimizer = (choice("adam", learning_rate=0.03),)
    cfg.vary.norm = ("batch",)
    cfg.vary.target = (choice("smooth_labels", alpha=0.2),)

    cfg.tune.grid = {"optimizer": {"learning_rate": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)}}
    cfg.tune.seeds = 4
    return cfg
