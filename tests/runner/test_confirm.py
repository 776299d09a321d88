"""Winners again on fresh seeds: which arms, which seeds, which numbers, and what stays of the first study."""

import dataclasses
import json

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

import ablate
from ablate import choice
from ablate.cli.main import main
from ablate.report.rows import Rows
from ablate.report.tables import tabulate
from ablate.runner.confirm import plan_confirmation, winners
from ablate.study.problems import ConfigError
from tests.report import synthetic
from tests.test_resume import Interrupting
from tests.train.small import small_config


def small_study():
    vary = {"target": (choice("smooth_labels", alpha=0.1), choice("smooth_labels", alpha=0.4))}
    cfg = small_config(steps=60, eval_every=60, seeds=3, vary=vary)
    cfg.tune.update(grid={"optimizer": {"learning_rate": (0.5, 2.0)}}, relative=True, seeds=1)
    return cfg


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A study of two arms whose learning rates were tuned."""
    directory = tmp_path_factory.mktemp("first")
    ablate.run(small_study(), directory)
    return ablate.load(directory)


def names(rows):
    return [arm["name"] for arm in rows.study["arms"]]


def test_the_baseline_and_the_winners_run_on_the_next_unused_seeds_with_their_tuned_numbers(first):
    verdicts = {arm.arm: arm.verdict for arm in tabulate(first.study, first).tricks}
    arm = names(first)[1]
    plan = plan_confirmation(first, [arm])
    assert winners(tabulate(first.study, first)) == [name for name, verdict in verdicts.items() if verdict == "better"]
    assert [each.name for each in plan.arms] == ["baseline", arm]
    assert plan.spec.seeds == (3, 4, 5)
    recipes = {record["name"]: record["recipe"] for record in first.study["arms"]}
    for each in plan.arms:
        rate = recipes[each.name]["optimizer"]["learning_rate"]
        assert each.recipe["optimizer"].arguments["learning_rate"] == rate
        assert rate in (0.05, 0.2)  # of the config's 0.1
    assert plan.arms[1].changes.keys() == {"target"}
    assert plan.spec.tune.grid == {}
    assert plan.notes == ()


def test_seeds_of_looks_of_the_tuning_and_of_an_earlier_confirmation_are_not_fresh(first):
    look = {"seeds": [0, 1, 2, 4], "arms": [], "verdicts": {}, "cells": {}}
    earlier = {"study": "x", "seeds": [], "used": [6], "level": 0.05, "arms": {}}
    tuning = {**first.study["tuning"], "seeds": [3]}
    study = {**first.study, "confirms": earlier, "tuning": tuning}
    rows = dataclasses.replace(first, study=study, looks=(look,))  # type: ignore[arg-type]
    plan = plan_confirmation(rows, [names(first)[1]], 4)
    assert plan.spec.seeds == (5, 7, 8, 9)
    assert plan.confirms["used"] == [0, 1, 2, 3, 4, 6]


def test_the_first_estimates_stand_in_the_record(first):
    plan = plan_confirmation(first, names(first)[1:])
    for arm in tabulate(first.study, first).tricks:
        kept = plan.confirms["arms"][arm.arm]
        assert (kept["delta"], kept["low"], kept["high"]) == (arm.contrast.mean, arm.contrast.low, arm.contrast.high)
        assert (kept["n"], kept["verdict"]) == (arm.contrast.n, arm.verdict)


def test_code_and_data_that_changed_are_said(first):
    rows = [{**row, "identity": {**row["identity"], "content": "other", "code": {}}} for row in first]
    plan = plan_confirmation(dataclasses.replace(first, rows=tuple(rows)), [names(first)[1]])
    assert "The code of the training loop changed since: what is confirmed is not quite what was found." in plan.notes
    assert "The content of the data changed since: what is confirmed is not quite what was found." in plan.notes


def synthetic_rows(made, directory="somewhere"):
    return Rows(directory, made.study, tuple(made.rows), {}, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "arguments", "line"),
    [
        (synthetic.troubled, (), "cells left to train; `ablate run` it to its end first"),
        (synthetic.finished, (["adan"],), "--arm: unknown arm 'adan'; did you mean 'adam'"),
        (synthetic.finished, (["baseline"],), "--arm: 'baseline' is the baseline, which runs anyway"),
        (synthetic.finished, ((), 1), "--seeds: expected 2 to 65535, got 1"),
    ],
)
def test_what_cannot_be_repeated_is_said_in_words(made, arguments, line):
    with pytest.raises(ConfigError) as caught:
        plan_confirmation(synthetic_rows(made()), *arguments)
    assert any(line in problem for problem in caught.value.problems), caught.value.problems


def test_runs_of_a_table_and_of_single_streams_cannot_be_repeated():
    for change, line in (({"programs": []}, "were trained elsewhere"), ({"design": "variance"}, "`ablate variance`")):
        rows = synthetic_rows(synthetic.make(seeds=2))
        rows = dataclasses.replace(rows, study=rows.study | change)
        with pytest.raises(ConfigError, match=line):
            plan_confirmation(rows)


def contents(directory):
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_the_command_from_start_to_end(first, capsys):
    """One run that is interrupted and continued: a family of its own, both estimates, and nothing mixed."""
    before = contents(first.directory)
    command = ["confirm", str(first.directory), *(f"--arm={name}" for name in names(first)[1:]), "--seeds=4"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ablate.cli.display.display_for", lambda console: Interrupting())
        assert main(command) == 75
    assert "the same command continues what is in" in capsys.readouterr().err
    assert main(command) == 0
    out, directory = capsys.readouterr().out, first.directory / "confirm"
    assert {path: content for path, content in contents(first.directory).items() if path in before} == before

    rows = ablate.load(directory)
    values = {(row["arm"], row["seed"]): row["metrics"]["test_accuracy"] for row in rows}
    seeds = rows.study["seeds"]
    assert seeds == [3, 4, 5, 6]
    deltas = [[values[arm, s] - values["baseline", s] for s in seeds] for arm in names(first)[1:]]
    p = [scipy.stats.ttest_1samp(delta, 0).pvalue for delta in deltas]
    family = multipletests(p, method="holm")[1]
    verdicts = rows.verdicts().set_index("arm")
    assert verdicts.p_holm[names(first)[1:]].tolist() == pytest.approx(family, rel=1e-6)
    assert verdicts.delta[names(first)[1:]].tolist() == pytest.approx(np.mean(deltas, axis=1))

    for arm in tabulate(first.study, first).tricks:
        line = next(line for line in out.splitlines() if line.strip().startswith(f"{arm.arm}: first"))
        assert f"first {100 * arm.contrast.mean:+.1f}".replace("-", "\N{MINUS SIGN}") in line
        assert "confirmed" in line
    assert json.loads((directory / "report.json").read_text())["sections"]["confirmation"]
    assert "picked for its luck too" in (directory / "report.md").read_text()

    assert main([*command, f"--workdir={first.directory}"]) == 2
    assert "holds another study" in capsys.readouterr().err
    after = contents(directory)
    ablate.run(small_study(), first.directory)
    assert contents(directory) == after
    assert main(command) == 0
    assert "0 already" not in capsys.readouterr().err
    same = {path for path in after if path.suffix in (".csv", ".md", ".html", ".tex")}
    assert {path for path in same if path.read_bytes() != after[path]} == set()


def test_where_nothing_is_better_there_is_nothing_to_confirm(first, tmp_path, capsys):
    made = synthetic.one_arm()
    (tmp_path / "cells").mkdir()
    (tmp_path / "study.json").write_text(json.dumps(made.study))
    for row in made.rows:
        (tmp_path / "cells" / f"{row['cell']}.json").write_text(json.dumps(row))
    assert main(["confirm", str(tmp_path)]) == 0
    assert "nothing to confirm; --arm=NAME names others" in capsys.readouterr().out
    assert not (tmp_path / "confirm").exists()
