"""Which tricks help a small residual network on Fashion-MNIST?

    TFDS_DATA_DIR=/path/to/tfds ablate run --config=experiments/fashion_mnist.py

Pictures of 14x14 pixels, of which every seed trains on 30,000 of its own for four epochs. The baseline's rate of .3 and
Adam's of .03 are the best of .03, .1, .3, 1 and of .001, .003, .01, .03 by validation; then every arm, the baseline
too, tries its rate and a third of it on two seeds that the study does not use. Expected time: 9 minutes on 2 CPU cores.
Expected finding: nothing helps. Group norm, no norm, flips and a constant rate are worse than the baseline; weight
decay makes no difference of half a point; Adam and label smoothing show none.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("resnet", depth=8, width=8)
    cfg.data = choice("fashion_mnist", size=14, validation=0.05, examples=30000)
    cfg.recipe.scale = choice("standardize")
    cfg.recipe.init = choice("he")
    cfg.recipe.norm = choice("batch")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.3, beta=0.9)
    cfg.recipe.schedule = choice("cosine", warmup=50.0)
    cfg.seeds = 6
    cfg.train.steps = 936
    cfg.train.batch_size = 128
    cfg.train.eval_every = 234
    cfg.report.margin = 0.005
    cfg.vary.norm = (choice("none"), choice("group", groups=4))
    cfg.vary.augment = (choice("flip"),)
    cfg.vary.target = (choice("smooth_labels", alpha=0.1),)
    cfg.vary.decay = (choice("coupled", weight=5e-4),)
    cfg.vary.optimizer = (choice("adam", learning_rate=0.03),)
    cfg.vary.schedule = (choice("constant"),)
    cfg.tune.grid = {"optimizer": {"learning_rate": (0.3, 1.0)}}
    cfg.tune.relative = True
    cfg.tune.seeds = 2
    return cfg
