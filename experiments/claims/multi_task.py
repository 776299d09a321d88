"""Do the weights of two tasks matter, where one network answers both?

    ablate run --config=experiments/claims/multi_task.py

The article (S0): much of the design of a loss is how the tasks of one network are weighed against each other.

The digit, and whether it is even, from 20 or 60 images per class. Both losses count alike in the baseline; then the
second counts a tenth or ten times as much, or as the network learns to weigh it. What is judged is the digit, the
first and harder question, whose own weight is 1 throughout; Adam's steps do not grow with the sum of weights.

Support: any weighting is better or worse than equal weights, after correction for their number. Against it: all are
equivalent within a point. Expected time: 1 minute on 2 CPU cores.

Found: they matter. A tenth of the weight on parity is better for the digit on average (shortfall -4 %, 95 % interval
-7 to -1, a fifth to a third of a point), ten times the weight is worse (+20 %, +15 to +26, one to one and a half
points). Learned weights do as well as equal ones (-0.1 %, -1.4 to +1.3; equivalent within a point in both
conditions).
"""

import json
from pathlib import Path

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.task = "multi_task"
    cfg.model = choice("mlp", widths=(64, 64))
    cfg.recipe.weighting = choice("fixed", weights=(1.0, 1.0))
    cfg.recipe.optimizer = choice("adam", learning_rate=1e-3)
    cfg.train.update(steps=600, batch_size=32, eval_every=60)
    cfg.seeds = 24
    cfg.report.margin = 0.01
    cfg.vary.weighting = (
        choice("fixed", weights=(1.0, 0.1)),
        choice("fixed", weights=(1.0, 10.0)),
        choice("uncertainty"),
    )
    cfg.across = {"data": tuple(choice("digits", parity=True, per_class=count) for count in (20, 60))}
    return cfg


def weights_matter(study):
    """Is any weighting better or worse on average than equal weights?"""
    answers = json.loads((Path(study) / "report.json").read_text())["answers"]
    differing = [answer for answer in answers if answer["verdict"] in ("better", "worse")]
    same = all(answer["verdict"] == "equivalent" for answer in answers)
    told = [f"{answer['arm']}: {answer['text'].split(';')[0]}" for answer in differing or answers]
    return {"answer": "supported" if differing else "contradicted" if same else "undecided", "effect": "; ".join(told)}


CLAIMS = (
    {
        "claim": "The weights of the tasks decide how well a network with several answers does",
        "source": "S0",
        "measure": weights_matter,
    },
    {
        "claim": "Weights that the network learns do better than equal ones",
        "source": "S0",
        "arm": "weighting=uncertainty",
        "expects": "better",
        "note": "the article asks for weights that fit and names no way to find them",
    },
)
