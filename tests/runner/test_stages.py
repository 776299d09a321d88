"""Seeds until it is decided: which stages there are, who gets further seeds, and what a second call does."""

import json
from pathlib import Path

import pytest

import ablate
from ablate import choice
from ablate.cli.main import main
from ablate.report.tables import tabulate
from ablate.runner import stages
from ablate.runner.execute import execute
from ablate.runner.plan import make_plan
from ablate.runner.stages import run_until_decided, seeds_of, staged
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve

CONFIG = """
from ablate import base_config, choice

def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.seeds = 4
    cfg.train.update(steps=100, eval_every=100, batch_size=32)
    cfg.vary.optimizer = (choice("sgd", learning_rate=0.01), choice("sgd", learning_rate=0.101))
    return cfg
"""


def spec(seeds=4, looks=()):
    cfg = ablate.base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.vary.optimizer = (choice("sgd", learning_rate=0.01), choice("sgd", learning_rate=0.101))
    cfg.train.update(steps=100, eval_every=100, batch_size=32)
    cfg.seeds, cfg.report.looks = seeds, looks
    return resolve(cfg)


@pytest.mark.parametrize(
    ("seeds", "looks", "most", "expected"),
    [
        (6, (), None, (6, 12, 24)),
        (6, (), 20, (6, 12, 20)),
        (30, (), 60, (30, 60)),
        (6, (6, 12, 24), None, (6, 12, 24)),
        (24, (6, 12, 24), None, (6, 12, 24)),
        (6, (6, 12, 24), 12, (6, 12)),
        (6, (6, 12), 18, (6, 12, 18)),
    ],
)
def test_the_looks(seeds, looks, most, expected):
    found = staged(spec(seeds, looks), most)
    assert found.report.looks == expected
    assert found.seeds == tuple(range(expected[0]))


@pytest.mark.parametrize(
    ("seeds", "most", "line"), [(1, None, "seeds: stages begin"), (6, 6, "--max-seeds: must be above")]
)
def test_no_room_for_stages(seeds, most, line):
    with pytest.raises(ConfigError, match=line):
        staged(spec(seeds), most)


def test_seeds_that_a_config_names_come_first():
    assert seeds_of(spec((7, 1, 3)), 6) == (7, 1, 3, 0, 2, 4)


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A study of three stages at most: the tiny learning rate is told at once, the equal one never."""
    directory, told = tmp_path_factory.mktemp("stages"), []
    plan = make_plan(staged(spec(), 8), name="stages")
    rows = run_until_decided(plan, directory, say=told.append)
    return plan, directory, rows, told


def test_further_seeds_are_for_arms_without_a_verdict(ended):
    _, _, rows, told = ended
    tables = tabulate(rows.study, rows, looks=rows.looks)
    assert told == ["4 seeds: 1 of 2 arms decided", "8 seeds: 1 of 2 arms decided"]
    assert [arm.cells for arm in tables.arms] == [8, 4, 8]
    assert [(arm.verdict, arm.decided_at) for arm in tables.tricks] == [("worse", 4), ("inconclusive", None)]
    assert [(len(look["seeds"]), look["level"], look["planned"]) for look in rows.looks] == [
        (4, 0.025, True), (8, 0.025, True),
    ]  # fmt: skip
    assert not tables.interim
    assert tables.arms[2].contrast.tests == 1  # what is decided has left the family
    assert tables.arms[2].contrast.p_max_t == tables.arms[2].contrast.p_exact


def test_the_report_says_what_was_saved(ended):
    text = (ended[1] / "report.md").read_text(encoding="utf-8")
    assert "Looks are planned at 4 and 8 seeds" in text
    assert "20 cells so far; 8 seeds for every arm are 24." in text
    assert "decided at 4 seeds" in text


def test_the_same_call_again_trains_and_looks_no_more(ended):
    plan, directory, rows, _ = ended
    before = {path.name: path.stat().st_mtime_ns for path in (directory / "cells").iterdir()}
    again = run_until_decided(plan, directory)
    assert {path.name: path.stat().st_mtime_ns for path in (directory / "cells").iterdir()} == before
    assert again.looks == rows.looks
    assert again.study == rows.study


def test_a_stage_that_has_ended_is_not_run_again(ended, monkeypatch):
    plan, directory, _, _ = ended
    ran = []

    def counted(stage, folder, **options):
        ran.append(len(stage.spec.seeds))
        return execute(stage, folder, **options)

    monkeypatch.setattr(stages, "execute", counted)
    run_until_decided(plan, directory)
    assert ran == [8]


def test_a_cell_of_a_stage_is_the_cell_of_a_study_with_all_seeds(ended):
    _, _, rows, _ = ended
    whole = {cell.name for cell in make_plan(spec(8), name="whole").cells}
    assert {cell["cell"] for cell in rows.study["cells"]} < whole


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("study.py").write_text(CONFIG, encoding="utf-8")
    words = ["--config=study.py", "--until-decided", "--max-seeds=8"]
    assert main(["run", *words]) == 0
    out, err = capsys.readouterr()
    assert "ablate: 4 seeds: 1 of 2 arms decided" in err
    assert "sgd(learning_rate=0.01): worse" in out
    assert [len(look["seeds"]) for look in json.loads(Path("results/study/looks.json").read_text())] == [4, 8]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--max-seeds=8"], "ablate: --max-seeds: goes with --until-decided"),
        (["--until-decided", "--max-seeds=3"], "--max-seeds: must be above the 4 seeds of the first stage, got 3"),
        (["--config.report.looks=(3, 2)"], "ablate: report.looks: expected ascending numbers of seeds"),
        (["--config.report.looks=(6, 12)"], "ablate: seeds: 4 is none of report.looks (6, 12)"),
        (["--config.report.test=z"], "ablate: report.test: unknown value 'z'"),
        (["--config.report.test=max_t", "--config.paired=False"], "ablate: report.test: max_t flips whole seeds"),
    ],
)  # fmt: skip
def test_bad_input_is_a_line(tmp_path, monkeypatch, capsys, words, line):
    monkeypatch.chdir(tmp_path)
    Path("study.py").write_text(CONFIG, encoding="utf-8")
    assert main(["run", "--config=study.py", *words]) == 2
    assert line in capsys.readouterr().err
