"""Which of the classic training tricks help a small network on real digits when 20 % of its training labels are wrong?

    ablate run --config=experiments/digits.py

Expected time: half a minute on 2 CPU cores, compile included.
Expected finding: what keeps the network from learning the wrong labels by heart helps (dropout, label smoothing,
averaging, decaying rates, a gentler optimizer); six seeds show no effect of batch and group norm, clipping, flooding or
focal loss. Batch norm was called worse when sums were rounded otherwise: the spread between seeds is also that of the
rounding.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(128, 128))
    cfg.data = choice("digits", label_noise=0.2)
    cfg.recipe.init = choice("lecun")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1, beta=0.9)
    cfg.train.steps = 600
    cfg.train.batch_size = 64
    cfg.train.eval_every = 50
    cfg.report.margin = 0.01
    cfg.vary.init = (choice("he"), choice("normal", stddev=0.01))
    cfg.vary.norm = (choice("batch"), choice("group", groups=8))
    cfg.vary.dropout = (choice("dropout", rate=0.3),)
    cfg.vary.target = (choice("smooth_labels", alpha=0.2),)
    cfg.vary.loss = (choice("focal", gamma=2.0),)
    cfg.vary.objective = (choice("flood", level=0.5),)
    cfg.vary.clip = (choice("global_norm", max=1.0),)
    cfg.vary.decay = (choice("coupled", weight=5e-4),)
    cfg.vary.optimizer = (choice("sgd", learning_rate=0.1), choice("adam", learning_rate=1e-3))
    cfg.vary.schedule = (choice("cosine"), choice("sgdr", cycle=200.0))
    cfg.vary.average = (choice("ema", decay=0.99),)
    return cfg
