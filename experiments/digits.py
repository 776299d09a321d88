"""Which of the classic training tricks help a small network on real digits when 20 % of its training labels are wrong?

    ablate run --config=experiments/digits.py

The learning rates are tuned, and by the same rule for every optimizer: of steps of a factor of 3 or so, from .003 to
.3 for momentum, .0003 to .01 for Adam and .03 to 1 for plain SGD, the one with the best mean validation accuracy over
six seeds that the study does not use; all other arms train at the baseline's rate. Expected time: half a minute on 2
CPU cores, compile included. Expected finding: on top of a tuned rate no trick helps by as much as eight seeds can
show; batch and group norm hurt, since they learn the wrong labels by heart; clipping, decay and flooding make no
difference. At the rate of .1, which is ten times too high, the baseline ends at 85 % instead of 94, and seven of
the fifteen arms look like winners.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(128, 128))
    cfg.data = choice("digits", label_noise=0.2)
    cfg.recipe.init = choice("lecun")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.01, beta=0.9)
    cfg.seeds = 8
    cfg.train.steps = 600
    cfg.train.batch_size = 64
    cfg.train.eval_every = 50
    cfg.report.margin = 0.01
    cfg.vary.init = (choice("he"), choice("xavier"))
    cfg.vary.norm = (choice("batch"), choice("group", groups=8))
    cfg.vary.dropout = (choice("dropout", rate=0.3),)
    cfg.vary.target = (choice("smooth_labels", alpha=0.2),)
    cfg.vary.loss = (choice("focal", gamma=2.0),)
    cfg.vary.objective = (choice("flood", level=0.5),)
    cfg.vary.clip = (choice("global_norm", max=1.0),)
    cfg.vary.decay = (choice("coupled", weight=5e-4),)
    cfg.vary.optimizer = (choice("sgd", learning_rate=0.1), choice("adam", learning_rate=3e-4))
    cfg.vary.schedule = (choice("cosine"), choice("sgdr", cycle=200.0))
    cfg.vary.average = (choice("ema", decay=0.99),)
    return cfg
