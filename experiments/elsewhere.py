"""Do these tricks help on clean, noisy and few data, in a plain network and in a convolutional one?

The same study under six conditions: digits as they are, with 40 % of the training labels wrong, and with 20 images per
class, each with an MLP and with a small VGG. Expected time: about 1 minute on 2 CPU cores. Expected finding: batch norm
helps in most, and hurts the MLP that learns from noisy labels.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.03, beta=0.9)
    cfg.train.update(steps=300, batch_size=64, eval_every=50)
    cfg.seeds = 8

    cfg.vary.norm = ("batch",)
    cfg.vary.dropout = (choice("dropout", rate=0.3),)
    cfg.vary.target = (choice("smooth_labels", alpha=0.2),)
    cfg.vary.decay = (choice("decoupled", weight=0.01),)
    cfg.vary.optimizer = (choice("adam", learning_rate=0.001),)

    cfg.across = {
        "data": ("digits", {"label_noise": 0.4}, {"per_class": 20}),
        "model": (choice("mlp", widths=(64, 64)), choice("vgg", widths=(8, 16), head="gap")),
    }
    return cfg
