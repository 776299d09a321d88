"""Does a second question help a network with the first, and do learned weights beat chosen ones?

    ablate run --config=experiments/multi_task.py

The digit, and whether it is even, from few images: two heads on one network. The second loss counts not at all, a
tenth, as much as the first, or by the weight that the network learns for it.

Expected time: half a minute on 2 CPU cores, compile included.
Expected finding: it costs next to nothing: with a tenth of the weight the digit is recognised as often as without the
second question, with the full weight or a learned one less often by a third to half of a point. Who needs both answers
gets them from one network for the price of one.
"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.task = "multi_task"
    cfg.data = choice("digits", parity=True, per_class=20)
    cfg.model = choice("mlp", widths=(64, 64))
    cfg.recipe.weighting = choice("fixed", weights=(1.0, 0.0))
    cfg.recipe.optimizer = choice("adam", learning_rate=1e-3)
    cfg.train.update(steps=400, batch_size=32, eval_every=40)
    cfg.seeds = 10
    cfg.report.margin = 0.01
    cfg.vary.weighting = (
        choice("fixed", weights=(1.0, 0.1)),
        choice("fixed", weights=(1.0, 1.0)),
        choice("uncertainty"),
    )
    return cfg
