"""Does smooth L1 tame outliers in the targets, where squared error does not?

Diabetes progression, a tenth of whose training targets are moved by ten standard deviations; validation and test are
as they were. The baseline learns with squared error. Expected time: about 25 s on 2 CPU cores.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.task = "regression"
    cfg.model = choice("mlp", widths=(32,))
    cfg.data = choice("diabetes", outliers=0.1, outlier_size=10.0, validation=0.2)
    cfg.recipe.scale = choice("standardize")
    cfg.recipe.optimizer = choice("adam", learning_rate=0.003)
    cfg.train.update(steps=600, batch_size=32, eval_every=50)
    cfg.seeds = 12
    cfg.report.metric = "test_mae"

    cfg.vary.loss = (
        choice("smooth_l1", beta=1.0),
        choice("smooth_l1", beta=0.1),
        choice("absolute_error"),
    )
    cfg.vary.stop = (choice("early_stopping", patience=3.0),)
    cfg.vary.clip = (choice("global_norm", max=0.5),)
    cfg.vary.data = ({"outliers": 0.0},)
    return cfg
