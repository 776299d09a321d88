"""Which optimizer is the one to take when nothing can be tuned?

The article (S2): whoever is unsure which optimizer to use should use Adam.

Support: every other optimizer ends below Adam when all keep a usual rate: .001 for Adam, RMSProp and Adagrad and .01
for SGD with and without momentum, which are the rates that Keras begins with. A rate is a part of the answer here: an
optimizer may be worse because its usual rate is.

Four tasks, so that no rate was chosen for one of them: digits and 3,000 pictures of Fashion-MNIST, MLPs of two and of
six layers. Expected time: 1 minute on 2 CPU cores.

Found: on average momentum has 7.6 % more errors than Adam (2.2 to 13.4), SGD 56 % and Adagrad 89 %; RMSProp is as
good (-1.6 %, -6.9 to +4.0). At its usual rate Adam ends within half a point of where its best one leads in
optimizers.py.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.recipe.init = choice("he")
    cfg.recipe.optimizer = choice("adam", learning_rate=0.001)
    cfg.train.update(steps=1000, batch_size=64, eval_every=100)
    cfg.seeds = 8
    cfg.report.margin = 0.01

    cfg.vary.optimizer = (
        choice("momentum", learning_rate=0.01),
        choice("sgd", learning_rate=0.01),
        choice("adagrad", learning_rate=0.001),
        choice("rmsprop", learning_rate=0.001),
    )
    cfg.across = {
        "data": ("digits", choice("fashion_mnist", examples=3000, validation=0.03)),
        "model": (choice("mlp", widths=(64, 64)), choice("mlp", widths=(64,) * 6)),
    }
    return cfg


CLAIMS = tuple(
    {
        "claim": f"Whoever tunes nothing does better with Adam than with {name}",
        "source": "S2",
        "arm": arm,
        "expects": "worse",
        "note": "both at a usual rate",
    }
    for name, arm in {
        "momentum": "momentum(learning_rate=0.01)",
        "SGD": "sgd(learning_rate=0.01)",
        "Adagrad": "adagrad(learning_rate=0.001)",
        "RMSProp": "rmsprop(learning_rate=0.001)",
    }.items()
)
