"""What does not fit its seam is refused before anything is compiled, with the choice, its place and both shapes."""

import inspect

import pytest

from ablate import choice
from ablate.runner.check import STEPS, check_plan
from ablate.study.problems import ConfigError
from tests.shell import ROOT, ablate, said
from tests.train import wrong_choices
from tests.train.small import planned, small_config

WRONG = [
    ("scale", "scale_loses_the_batch", "float32[8,8,1]", "float32[32,8,8,1], as many images as it was given"),
    ("scale", "scale_gives_bytes", "uint8[32,8,8,1]", "float32[32,8,8,1]"),
    ("augment", "augment_gives_images_only", "float32[32,8,8,1]", "a pair (images, targets)"),
    ("augment", "augment_gives_labels", "int32[32]", "float32[32,10], the shape of the targets"),
    ("target", "target_gives_labels", "int32[32]", "float32[32,10], the shape of the targets"),
    ("loss", "loss_forgot_to_sum", "float32[32,10]", "float32[32], one loss per example"),
    ("loss", "loss_means_over_the_batch", "float32[]", "float32[32], one loss per example"),
    ("loss", "loss_in_half", "bfloat16[32]", "float32[32], one loss per example"),
    ("loss", "loss_gives_nothing", "a NoneType", "float32[32], one loss per example"),
    ("penalty", "penalty_per_example", "float32[32]", "float32[], one number"),
    ("objective", "objective_counts", "int32[]", "float32[], one number"),
    ("gradient", "gradient_of_first_layer", "a tree of another structure", "gradients like the parameters"),
    ("gradient", "gradient_transposed", "float32[10,8] at head/", "gradients like the parameters: float32[8,10]"),
    ("clip", "clip_gives_a_number", "a float", "an optax transform"),
    ("clip", "clip_sums", "float32[] at head/", "updates like the gradients: float32["),
    ("decay", "decay_forgets_the_optimizer", "a NoneType", "an optax transform"),
    ("optimizer", "optimizer_forgets_its_state", "a tree of another structure", "a state that keeps its shapes"),
    ("schedule", "schedule_per_step", "float32[3]", "float32[], one number"),
    ("layerwise", "layerwise_by_name", "a str", "float32[], one number"),
    ("average", "average_halves", "bfloat16[", "members like the variables they come from: float32["),
    ("average", "average_gives_variables", "a dict", "an Average(init, update, members)"),
    ("stop", "stop_counts", "int32[]", "a Decision(go_on, best)"),
    ("init", "init_ignores_the_shape", "float32[2,2]", "float32[64,8], the shape asked for"),
    ("bias", "bias_is_a_number", "a float", "an initializer"),
    ("norm", "NormAveragesChannels", "float32[32,1]", "float32[32,8], the shape that it was given"),
    ("activation", "ActivationInHalf", "bfloat16[32,8]", "float32[32,8], the shape that it was given"),
    ("dropout", "dropout_is_a_function", "a function", "a flax module"),
    ("head", "HeadOfOneLogit", "float32[32,1]", "float32[32,10], an output per example"),
]


@pytest.mark.parametrize(("axis", "name", "given", "expected"), WRONG, ids=[name for _, name, *_ in WRONG])
def test_a_choice_that_does_not_fit_its_seam_is_refused(axis, name, given, expected):
    numbers = {"learning_rate": 0.1} if axis == "optimizer" else {}
    cfg = small_config(vary={axis: (choice(f"tests.train.wrong_choices:{name}", **numbers),)})
    with pytest.raises(ConfigError) as refused:
        planned(cfg)
    (problem,) = refused.value.problems
    line = inspect.getsourcelines(getattr(wrong_choices, name))[1]
    assert f"{axis} tests.train.wrong_choices:{name} (" in problem
    assert f"wrong_choices.py:{line}) gave {given}" in problem
    assert f"; expected {expected}" in problem


def test_a_model_without_features_is_refused():
    cfg = small_config()
    cfg.model = choice("tests.train.wrong_choices:KeepsPositions")
    with pytest.raises(
        ConfigError, match=r"KeepsPositions .* gave float32\[32,8,8,3\]; expected float32\[batch,channels\]"
    ):
        planned(cfg)


def test_every_problem_is_said_at_once_and_ends_with_2(tmp_path):
    (tmp_path / "wrong.py").write_text(
        "from ablate import base_config, choice\n\n"
        "def get_config():\n"
        "    cfg = base_config()\n"
        "    cfg.train.batch_size = 32\n"
        "    cfg.vary.loss = (choice('tests.train.wrong_choices:loss_forgot_to_sum'),)\n"
        "    cfg.vary.stop = (choice('tests.train.wrong_choices:stop_counts'),)\n"
        "    return cfg\n"
    )
    for command in ("plan", "run", "check"):
        done = ablate(command, f"--config={tmp_path / 'wrong.py'}", folder=ROOT)
        assert done.returncode == 2, done.stderr
        lines = said(done.stderr)
        assert [line.count("; expected ") for line in lines] == [1, 1], done.stderr
        assert all("tests/train/wrong_choices.py:" in line for line in lines)
    assert not (ROOT / "results" / "wrong").exists()


def test_check_judges_an_arm_by_its_own_loss():
    vary = {"loss": (choice("focal", gamma=2.0), choice("tests.train.wrong_choices:loss_that_says_nothing"))}
    cfg = small_config(vary=vary)
    cfg.train.batch_size = 64  # all examples of the check
    base, focal, nothing = check_plan(planned(cfg))
    assert base.first == pytest.approx(base.untrained, rel=1e-5)
    assert focal.first < 0.9 * focal.untrained
    assert focal.passes
    assert (nothing.first, nothing.mean) == (1.0, 1.0)
    assert nothing.problems == [f"its train loss does not fall in {STEPS} steps"]
