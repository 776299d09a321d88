"""The experiment that trains one cell of every choice names every choice; that each trains is for a run to show."""

import pytest

from ablate.study.design import arms_of
from ablate.study.loading import load_config
from ablate.study.resolving import resolve
from ablate.tasks import TASKS, axes_of
from tests.shell import ROOT

LEFT_OUT = {"init.pretrained"}
OF_TASK = {  # what the experiment says that it leaves out, and why
    "adversarial": {"init.zero_residual", "average.checkpoints", "average.snapshots"},
    "multi_task": {"loss.weighted"},
}


@pytest.mark.parametrize("task", TASKS)
def test_every_choice_of_every_axis_is_an_arm_or_the_baseline(task):
    spec = resolve(load_config(f"{ROOT}/experiments/every_trick.py:{task}", []))
    named = {arm.name for arm in arms_of(spec)} | LEFT_OUT | OF_TASK.get(task, set())
    for name, axis in axes_of(TASKS[task]).items():
        for choice in axis.choices:
            assert f"{name}.{choice}" in named or spec.recipe[name].name == choice
