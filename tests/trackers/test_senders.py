"""The trackers themselves, offline: what stands in their files after a study was sent, and after it was sent again.

They run where the extras are installed (`pip install '.[wandb,mlflow,trackio]'`), and not with `[dev]` alone.
"""

import json
import struct
from pathlib import Path

import pytest

from ablate.report.rows import Rows
from ablate.trackers import sender_of
from ablate.trackers.runs import tracked_runs
from tests.report import synthetic

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries


@pytest.fixture
def runs():
    """Four cells, of which one diverged, and the verdicts."""
    made = synthetic.make(arms={name: synthetic.ARMS[name] for name in ("baseline", "norm=group")}, seeds=2)
    synthetic.diverge(made.rows[3])
    return list(tracked_runs(Rows(Path("somewhere"), made.study, tuple(made.rows), {}, None)))


def finite_of(run, name):
    return [(step, values[name]) for step, values in run.history if name in values]


def records(path):
    """The records of an offline run of Weights & Biases: blocks of 32 KiB as LevelDB writes them."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, whole = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if 2**15 - place % 2**15 < 7:
            place += 2**15 - place % 2**15
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the end of one
            yield Record.FromString(whole)
            whole = b""


def items(entries):
    return {entry.key or "/".join(entry.nested_key): json.loads(entry.value_json) for entry in entries}


def test_wandb(runs, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    for name, value in {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    assert "offline" in sender_of("wandb")("digits", runs)
    for run in runs:
        (path,) = (tmp_path / "wandb").glob(f"offline-run-*-{run.id}/*.wandb")
        found = list(records(path))
        began = next(record.run for record in found if record.WhichOneof("record_type") == "run")
        assert (began.run_id, began.run_group, began.project) == (run.id, run.group, "digits")
        assert list(began.tags) == list(run.tags)
        config = items(entry for record in found for entry in (*record.run.config.update, *record.config.update))
        assert {key: config[key] for key in run.config} == run.config
        history = [items(record.history.item) for record in found if record.history.item]
        for name in ("val_accuracy", "train_loss") if run.group != "verdicts" else ():
            assert [(line["_step"], line[name]) for line in history if name in line] == finite_of(run, name)
        summary = items(entry for record in found for entry in record.summary.update)
        assert {key: summary[key] for key in run.summary} == run.summary
        assert [record.exit.exit_code for record in found if record.WhichOneof("record_type") == "exit"] == [run.failed]
    assert "table" in summary


def test_mlflow(runs, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    from mlflow import MlflowClient

    send = sender_of("mlflow")
    send("digits", runs)
    client = MlflowClient()
    experiment = client.get_experiment_by_name("digits").experiment_id

    def stored():
        return {run.data.tags["ablate.cell"]: run for run in client.search_runs([experiment], max_results=100)}

    first = stored()
    assert set(first) == {run.id for run in runs}
    for run in runs:
        data = first[run.id].data
        assert first[run.id].info.status == ("FAILED" if run.failed else "FINISHED")
        if run.group == "verdicts":
            (name,) = (file.path for file in client.list_artifacts(first[run.id].info.run_id))
            assert name == "verdicts.csv"
            assert data.metrics["norm-group/delta"] == run.summary["norm=group/delta"]
            continue
        assert data.params["norm"] == run.config["norm"]
        assert {name: data.metrics[name] for name in run.summary} == run.summary
        points = client.get_metric_history(first[run.id].info.run_id, "val_accuracy")
        assert [(point.step, point.value) for point in points] == finite_of(run, "val_accuracy")
    send("digits", runs)
    assert {name: run.info.run_id for name, run in stored().items()} == {n: r.info.run_id for n, r in first.items()}
    assert len(client.search_runs([experiment], max_results=100)) == len(runs)


def test_trackio(runs, tmp_path, monkeypatch):
    pytest.importorskip("trackio")
    from trackio import Api, sqlite_storage, utils

    for module in (utils, sqlite_storage):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path)
    send = sender_of("trackio")
    for _ in range(2):
        send("digits", runs)
        found = {run.name: run for run in Api().runs("digits")}
        assert set(found) == {run.id for run in runs}
        for run in runs:
            assert {key: found[run.id].config[key] for key in run.config} == run.config
            logs = sqlite_storage.SQLiteStorage.get_logs("digits", run.id)
            for name in ("val_accuracy",) if run.history else ():
                assert [(line["step"], line[name]) for line in logs if name in line] == finite_of(run, name)
            assert {key: logs[-1][key] for key in run.summary} == run.summary
