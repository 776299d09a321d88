"""Pictures of what training presents: those of its own first step, with labels as they were spoilt."""

import io
import zipfile

import numpy as np
import pytest

from ablate import choice
from ablate.report.rows import Rows
from ablate.results.inputs import FILE, read_inputs
from ablate.runner import inputs
from ablate.runner.execute import execute
from ablate.runner.inputs import ROWS, rows_of, ways_of
from tests.shell import wait_until
from tests.train import recording
from tests.train.small import lanes_of, planned, small_config, train, wave_of

RECORD = "tests.train.recording:record"
WAYS = ((choice("flip"), RECORD), (choice("random_crop", padding=2), RECORD), (choice("mixup"), RECORD))


def study(**vary):
    return small_config(steps=1, eval_every=1, seeds=2, vary=vary)


@pytest.fixture(scope="module")
def plan():
    return planned(study(augment=WAYS, data=({"label_noise": 0.4}, {"input_noise": 0.3})), "solo")


@pytest.fixture(scope="module")
def rows(plan):
    return {row.arm: row for row in rows_of(list(ways_of(plan)))}


@pytest.mark.parametrize("k", range(len(WAYS)))
def test_what_is_shown_is_what_the_first_step_is_given(plan, rows, k):
    arm = plan.arms[1 + k].name
    item, lane = plan.first_lanes()[arm]
    place = [each.cell.name for each in item.program.lanes].index(lane.cell.name)
    recording.SEEN.clear()
    train(lanes_of(plan, "solo", item, devices=1), wave_of(plan, [place], 1, item))
    wait_until(lambda: recording.SEEN)  # a barrier would tell of what callbacks of other tests raised
    images, targets = map(np.asarray, recording.SEEN[0])  # of the only step
    assert images.shape == (32, 8, 8, 1)
    pictures = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
    columns = [next(j for j in range(32) if np.array_equal(pictures[j], shown)) for shown in rows[arm].pictures]
    assert len(set(columns)) == 8
    for j, caption in zip(columns, rows[arm].captions, strict=True):
        assert caption.split(" + ")[0].split(" % ")[-1] == str(targets[j].argmax())
        assert ("%" in caption) == (targets[j].max() < 0.995)


def test_labels_are_those_that_training_has(plan, rows):
    arm = next(arm.name for arm in plan.arms if "label_noise" in arm.name)
    item, lane = plan.first_lanes()[arm]
    split, labels = item.inputs[lane.cell.name].split, plan.dataset.pool["label"]
    given = dict(zip(split.train.tolist(), split.planted["label"].tolist(), strict=True))
    images = {plan.dataset.pool["image"][k].tobytes(): k for k in split.train.tolist()}
    clean = rows["baseline"]
    assert sum(rows[arm].spoilt) == 4
    assert not any(clean.spoilt)
    for picture, caption, spoilt, true in zip(
        rows[arm].pictures, rows[arm].captions, rows[arm].spoilt, clean.captions, strict=True
    ):
        k = images[picture.tobytes()]
        assert true == str(labels[k])
        assert spoilt == (given[k] != labels[k])
        assert caption == (f"{labels[k]} → {given[k]}" if spoilt else str(labels[k]))


def test_noise_is_on_the_same_examples(rows):
    noisy = next(row for name, row in rows.items() if "input_noise" in name)
    clean = rows["baseline"]
    assert noisy.captions == clean.captions
    inside = (clean.pictures > 60) & (clean.pictures < 200)
    difference = (noisy.pictures.astype(float) - clean.pictures)[inside] / 255
    assert 0.15 < difference.std() < 0.35  # 0.3, less what black and white cut off


def test_a_run_stores_them_once_and_removes_what_is_no_longer_true(tmp_path, monkeypatch):
    cfg = study(augment=(choice("flip"),), clip=(choice("global_norm", max=1.0),))
    cfg.recipe.augment = choice("random_crop", padding=1)
    found = execute(planned(cfg), tmp_path).inputs
    assert [row.arm for row in found] == ["", "baseline", "flip"]  # clipping shows what the baseline does
    assert all(row.pictures.shape == (8, 8, 8, 1) for row in found)
    assert "## What training sees" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert {path.name for path in (tmp_path / "figures").glob("inputs.*")} == {"inputs.png", "inputs.svg"}

    def refuse(*_):
        raise AssertionError("made again")

    with monkeypatch.context() as patch:
        patch.setattr(inputs, "presenting", refuse)
        patch.setattr(inputs, "write_inputs", refuse)
        inputs.store_inputs(planned(cfg), tmp_path)
    assert (tmp_path / FILE).exists()
    inputs.store_inputs(planned(study(clip=(choice("global_norm", max=1.0),))), tmp_path)
    assert not (tmp_path / FILE).exists()


def test_what_fails_costs_the_picture_alone(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no picture")

    monkeypatch.setattr(inputs, "presenting", fail)
    monkeypatch.setattr("ablate.runner.execute.write_reports", lambda directory, *_, **__: Rows.load(directory))
    rows = execute(planned(study(augment=(choice("flip"),))), tmp_path)
    assert {row["status"] for row in rows} == {"done"}
    assert rows.inputs == ()


def test_arms_that_see_other_examples_have_no_row():
    vary = {"data": ({"per_class": 20}, {"label_noise": 0.2}), "train": ({"batch_size": 16},)}
    assert [way.arm for way in ways_of(planned(study(**vary)))] == ["baseline", "data(label_noise=0.2)"]
    many = tuple(choice("random_crop", padding=k) for k in range(1, ROWS + 3))
    assert len(list(ways_of(planned(study(augment=many))))) == ROWS


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    inputs.store_inputs(planned(study(augment=(choice("flip"),))), folder)
    return (folder / FILE).read_bytes()


def rewritten(content, **changes):
    """The file with other arrays in the place of some of its own."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays | {name.replace("_", "/"): array for name, array in changes.items()})
    return buffer.getvalue()


def test_what_is_damaged_is_no_picture(stored, tmp_path):
    def read(content):
        (tmp_path / FILE).write_bytes(content)
        return read_inputs(tmp_path)

    assert len(read(stored)) == 2
    for content in (b"", b"PK", stored[:-30], stored[: len(stored) // 2], zip_of(b"not an array")):
        assert read(content) == ()
    wrong = {
        "1_pictures": [np.zeros((8, 8, 8, 2), np.uint8), np.zeros((8, 8, 8, 1)), np.zeros((7, 8, 8, 1), np.uint8)],
        "1_texts": [np.zeros(9), np.array(["a"] * 4)],
        "0_spoilt": [np.zeros(8), np.zeros((8, 1), bool)],
    }
    for name, arrays in wrong.items():
        assert [read(rewritten(stored, **{name: array})) for array in arrays] == [()] * len(arrays), name
    assert read(rewritten(stored, more=np.zeros(2**27, np.uint8))) == ()
    (tmp_path / FILE).unlink()
    assert read_inputs(tmp_path) == ()


def zip_of(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("0/pictures.npy", content)
    return buffer.getvalue()
