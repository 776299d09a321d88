"""How arms are called: short where a name says what it is, with the axis where it does not."""

import pytest

from ablate.study.choices import Chosen
from ablate.study.names import title
from ablate.tricks import AXES

from .studies import arms_of, study_of


@pytest.mark.parametrize(
    ("vary", "name"),
    [
        ({"dropout": {"name": "dropout", "rate": 0.3}}, "dropout(rate=0.3)"),
        ({"target": {"name": "smooth_labels", "alpha": 0.1}}, "smooth_labels(alpha=0.1)"),
        ({"optimizer": {"name": "lion", "learning_rate": 0.01}}, "lion(learning_rate=0.01)"),
        ({"augment": ("flip", "mixup")}, "flip then mixup"),
        ({"norm": "batch"}, "norm=batch"),  # short for batch norm
        ({"norm": "weight_norm"}, "weight_norm"),
        ({"init": "normal"}, "init=normal"),  # of what, the axis says
        ({"schedule": "cosine"}, "schedule=cosine"),
        ({"schedule": {"name": "linear", "end_factor": 0.1}}, "schedule=linear(end_factor=0.1)"),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.01}}, "sgd(learning_rate=0.01)"),
        ({"objective": "mean"}, "objective=mean"),  # of the absence of a trick
        ({"norm": "ablate.tricks.norm:RMSNorm"}, "norm=ablate.tricks.norm:RMSNorm"),
    ],
)
def test_what_an_arm_is_called(vary, name):
    (axis,) = vary
    others = {"objective": {"name": "flood", "level": 0.1}, "optimizer": {"name": "adam", "learning_rate": 0.01}}
    recipe = {axis: others[axis]} if axis in others else {}
    spec = study_of({axis: (vary[axis],)} if axis == "augment" else vary, recipe, model={"name": "mlp", "widths": (4,)})
    assert [arm.name for arm in arms_of(spec)][1] == name


def test_no_two_choices_of_the_catalogue_are_called_the_same():
    """Each alone, so that a reader never asks which of two it is."""
    named: dict[str, str] = {}
    for key, table in AXES.items():
        base = Chosen(table, "", next(iter(table.choices.values())), {}, {})
        for name, choice in table.choices.items():
            called = title(Chosen(table, name, choice, {}, {}), base)
            assert called not in named, (called, key, named[called])
            named[called] = key
