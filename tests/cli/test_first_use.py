"""What a stranger met in the first hour, each once."""

import json
import re
from pathlib import Path

import pytest

import ablate
from ablate.cli.main import main
from ablate.report.sections.answers import answers, headline
from ablate.report.sections.caveats import find_caveats
from ablate.report.sections.tuning import tuned_lines
from ablate.report.tables import tabulate
from ablate.runner.check import Check
from ablate.runner.plan import make_plan
from ablate.runner.study_file import study_json
from ablate.study.resolving import resolve
from ablate.tasks import Sanity

from ..report import synthetic
from ..shell import ablate as shell

ROOT = Path(__file__).parent.parent.parent


def config():
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(8,))
    cfg.seeds = 2
    cfg.train.steps = 4
    cfg.train.batch_size = 32
    return cfg


def test_a_trick_at_its_off_value_is_warned_of_in_plan_and_report(tmp_path, capsys):
    experiment = tmp_path / "idle.py"
    experiment.write_text(
        "from ablate import base_config\ndef get_config():\n    cfg = base_config()\n"
        "    cfg.vary.clip = ('global_norm',)\n    return cfg\n"
    )
    assert main(["plan", f"--config={experiment}", "--json"]) == 0
    found = capsys.readouterr()
    warning = "vary.clip[0]: global_norm is off at max=inf, so this arm changes nothing; give it another value"
    assert f"ablate: warning: {warning}" in found.err
    study = json.loads(found.out)
    assert study["warnings"] == [warning]
    assert warning in find_caveats(tabulate(study, []), {})


def test_no_arm_is_named_after_a_number_that_tuning_chooses():
    cfg = config()
    cfg.vary.optimizer = (ablate.choice("adam", learning_rate=0.001, beta1=0.8),)
    cfg.tune.grid = {"optimizer": {"learning_rate": (0.01, 0.1)}}
    plan = make_plan(resolve(cfg), name="x")
    assert [arm.name for arm in plan.arms] == ["baseline", "adam(beta1=0.8)"]


def test_tricks_may_lie_beside_the_experiment(tmp_path, monkeypatch, capsys):
    (tmp_path / "beside_it.py").write_text(
        "from flax import linen as nn\nclass Shift(nn.Module):\n    by: float = 1.0\n"
        "    def __call__(self, x, *, train):\n        return x + self.by\n"
    )
    experiment = tmp_path / "mine.py"
    experiment.write_text(
        "from ablate import base_config, choice\ndef get_config():\n    cfg = base_config()\n"
        "    cfg.vary.norm = (choice('beside_it:Shift', by=0.5),)\n    return cfg\n"
    )
    monkeypatch.chdir("/")
    assert main(["plan", f"--config={experiment}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["arms"][1]["name"] == "norm=beside_it:Shift(by=0.5)"


def test_a_factorial_study_answers_with_main_effects_first():
    made = synthetic.factorial()
    tables = tabulate(made.study, made.rows)
    assert headline(tables).startswith("Main effects, averaged over the other tricks and corrected for 3: ")
    first = answers(tables)[0]
    assert first.verdict == ""
    assert re.match(r"main effect [+−][\d.]+ points of test accuracy, averaged over the other tricks", first.text)
    assert not any("main effect" in one.text for one in answers(tabulate(synthetic.make().study, [])))


def test_a_baseline_past_its_best_is_a_caveat():
    made = synthetic.make()
    for row in made.rows:
        if row["arm"] == made.study["baseline"]:
            row["curves"]["val_accuracy"] = [0.1, 0.95, *[0.9] * (len(row["curves"]["step"]) - 2)]
    found = " ".join(find_caveats(tabulate(made.study, made.rows), {}))
    assert "validation accuracy fell by 5.0 points from its best, at step" in found


def test_the_report_says_what_it_measures_against():
    study = study_json(make_plan(resolve(config_with("norm", "batch")), name="x"))
    from ablate.report.sections.provenance import provenance

    entries = dict(provenance(study, {}, None))
    assert entries["model"].startswith("mlp(widths=")
    assert "optimizer=sgd(learning_rate=0.1)" in entries["recipe of baseline"]
    assert "clip" not in entries["recipe of baseline"]


def config_with(axis, name):
    cfg = config()
    setattr(cfg.vary, axis, (ablate.choice(name),))
    return cfg


@pytest.mark.parametrize(("baseline", "passes"), [(True, False), (False, True)])
def test_only_the_baseline_has_to_learn_by_heart(baseline, passes):
    sanity = Sanity(first=2.3, words="log C", metric="accuracy", at_least=0.95)
    check = Check(
        "arm", baseline, "train loss", 2.3, 0.1, untrained=2.3, reached=0.5, sanity=sanity, finite=True, compiles=1
    )
    assert check.passes is passes


def test_another_study_in_the_directory_is_told(tmp_path, capsys):
    for name, varied in (("one", "decay = ('decoupled',)"), ("other", "gradient = ('centralize',)")):
        (tmp_path / f"{name}.py").write_text(
            "from ablate import base_config, choice\ndef get_config():\n    cfg = base_config()\n"
            "    cfg.model = choice('mlp', widths=(8,))\n    cfg.seeds, cfg.train.steps = 1, 2\n"
            f"    cfg.vary.{varied}\n    return cfg\n"
        )
    words = [f"--workdir={tmp_path / 'run'}"]
    assert main(["run", f"--config={tmp_path / 'one.py'}", *words]) == 0
    capsys.readouterr()
    assert main(["run", f"--config={tmp_path / 'other.py'}", *words]) == 0
    assert "held another study; its cells stay, its report is replaced" in capsys.readouterr().err


def commands_of(text):
    return re.findall(r"^ {4}ablate (plan|check|probe|run) +(--config=\S+(?: --config\.\S+)*)", text, re.MULTILINE)


def test_every_experiment_line_of_the_readme_is_a_config_that_plans(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    found = commands_of((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(found) >= 4
    for words in {words for _, words in found}:  # each once
        assert main(["plan", *words.split(), "--json"]) == 0
    capsys.readouterr()


def test_the_console_says_what_tuning_chose():
    made = synthetic.tuned()
    lines = tuned_lines(made.study["tuning"])
    assert len(lines) == len(made.study["arms"])
    assert lines[0].startswith(f"tuning of {made.study['baseline']} chose optimizer.learning_rate=")
    assert tuned_lines(None) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("--config.recipe.augment.name=flip", "flip needs images [batch, height, width, channels], got the shape (16"),
        ("--config.recipe.augment.name=cutout", "cutout needs images"),
        ("--config.model.name=vgg", "a convolution needs images [batch, height, width, channels], got the shape (1"),
        ("--config.recipe.views.name=tta", "tta needs images"),
    ],
)
def test_vectors_for_what_needs_images_are_a_line(tmp_path, change, words):
    text = "from ablate import base_config, choice\n\ndef get_config():\n    cfg = base_config()\n"
    text += "    cfg.task, cfg.data, cfg.train.batch_size = 'regression', choice('diabetes'), 16\n"
    text += "    cfg.vary.norm = (choice('batch'),)\n    return cfg\n"
    (tmp_path / "vectors.py").write_text(text)
    # In a process of its own, where no hook checks shapes before the code does.
    found = shell("plan", f"--config={tmp_path / 'vectors.py'}", change)
    assert found.returncode == 2
    assert words in found.stderr
    assert "Traceback" not in found.stderr
