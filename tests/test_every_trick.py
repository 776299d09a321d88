"""The experiment that trains one cell of every choice really names every choice; that it trains is for a run to show."""

import pytest

from ablate.study.design import arms_of
from ablate.study.loading import load_config
from ablate.study.resolving import resolve
from ablate.tasks import TASKS, axes_of
from tests.shell import ROOT

LEFT_OUT = {"init.pretrained"}
WITHOUT_NORM = {"adversarial": {"init.zero_residual"}}


@pytest.mark.parametrize("task", TASKS)
def test_every_choice_of_every_axis_is_an_arm_or_the_baseline(task):
    spec = resolve(load_config(f"{ROOT}/experiments/every_trick.py:{task}", []))
    arms = {arm.name for arm in arms_of(spec)}
    for name, axis in axes_of(TASKS[task]).items():
        for choice in axis.choices:
            key = f"{name}.{choice}"
            assert key in arms or spec.recipe[name].name == choice or key in LEFT_OUT | WITHOUT_NORM.get(task, set()), (
                key
            )
