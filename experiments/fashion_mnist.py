"""Which tricks help a small residual network that sees Fashion-MNIST only briefly?

    TFDS_DATA_DIR=/path/to/tfds ablate run --config=experiments/fashion_mnist.py

Expected time: about 9 minutes on 2 CPU cores, compile included.
Expected finding: group norm and Adam at this rate are worse than batch norm and momentum; label smoothing, flips,
weight decay, a constant rate and training without a norm stay inconclusive with six seeds.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("resnet", depth=8, width=8)
    cfg.data = choice("fashion_mnist", validation=0.05)
    cfg.recipe.scale = choice("standardize")
    cfg.recipe.init = choice("he")
    cfg.recipe.norm = choice("batch")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1, beta=0.9)
    cfg.recipe.schedule = choice("cosine", warmup=50.0)
    cfg.train.steps = 500
    cfg.train.batch_size = 64
    cfg.train.eval_every = 100
    cfg.report.margin = 0.005
    cfg.vary.norm = (choice("none"), choice("group", groups=4))
    cfg.vary.augment = (choice("flip"),)
    cfg.vary.target = (choice("smooth_labels", alpha=0.1),)
    cfg.vary.decay = (choice("coupled", weight=5e-4),)
    cfg.vary.optimizer = (choice("adam", learning_rate=3e-3),)
    cfg.vary.schedule = (choice("constant"),)
    return cfg
