"""Which test examples were right: a bit each, in the row, whatever the batches of the evaluation."""

import base64
import csv
import io

import numpy as np
import pytest

from ablate import choice
from ablate.report.tables import tabulate
from ablate.runner.execute import execute
from tests.train.small import planned, small_config


def bits(row, examples):
    packed = np.frombuffer(base64.b64decode(row["right"]), np.uint8)
    return np.unpackbits(packed)[:examples]


@pytest.mark.parametrize("size", [450, 64])
def test_the_bits_are_the_accuracy(tmp_path, size):
    cfg = small_config(steps=30, eval_every=30, seeds=2, vary={"average": (choice("snapshots", cycle=10.0, count=2),)})
    cfg.train.eval_batch_size = size
    rows = execute(planned(cfg), tmp_path)
    for row in rows:
        right = bits(row, 450)
        assert right.mean() == pytest.approx(row["metrics"]["test_accuracy"], abs=1e-6)
    arm = tabulate(rows.study, rows).tricks[0]
    of = {(row["arm"], row["seed"]): bits(row, 450).astype(float) for row in rows}
    deltas = np.stack([of[arm.arm, seed] - of["baseline", seed] for seed in (0, 1)])
    assert arm.examples.mean == pytest.approx(deltas.mean())
    assert arm.examples.won == (deltas == 1).sum() / 2
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "## New test examples" in report
    assert "## By class" in report
    lines = list(csv.DictReader(io.StringIO((tmp_path / "per_class.csv").read_text(encoding="utf-8"))))
    hits = {side: sum(float(line[side]) * float(line["n"]) for line in lines) for side in ("baseline", "right")}
    counted = {name: np.mean([of[name, seed].sum() for seed in (0, 1)]) for name in ("baseline", arm.arm)}
    assert hits == {"baseline": pytest.approx(counted["baseline"]), "right": pytest.approx(counted[arm.arm])}


def test_other_tasks_have_none(tmp_path):
    cfg = small_config(steps=4, eval_every=4, seeds=1, vary={"optimizer": (choice("adam", learning_rate=0.01),)})
    cfg.task, cfg.data, cfg.train.batch_size = "regression", choice("diabetes"), 16
    rows = execute(planned(cfg), tmp_path)
    assert {(row["right"], row["predicted"]) for row in rows} == {(None, None)}
    assert rows.study["categories"] is None
    assert "New test examples" not in (tmp_path / "report.md").read_text(encoding="utf-8")
