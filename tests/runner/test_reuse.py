"""Which rows a run uses again, and what it says of those that it does not."""

import json
import os

import pytest

from ablate.results.store import Store
from ablate.runner.reuse import NEW, changes, reuse_of, worded

from ..study.studies import cells, study_of


def stored(store, planned, **changed):
    for cell in planned:
        row = {
            "cell": cell.name, "arm": cell.arm.name, "seed": cell.seed, "status": "done", "metrics": {}, "curves": {},
            "costs": {}, "error": None, "identity": cell.identity, **changed,
        }  # fmt: skip
        store.write(row)


def found(store, planned, *, retry_failed=False, keep_weights=False):
    return reuse_of(planned, store, retry_failed=retry_failed, keep_weights=keep_weights)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def planned_with(vary=("batch",), **changes):
    return cells(study_of({"norm": tuple(vary)}, seeds=2, model={"name": "mlp", "widths": (4,)}, **changes))


def test_an_empty_directory_is_all_new(store):
    planned = planned_with()
    reuse = found(store, planned)
    assert (reuse.kept, reuse.reasons, reuse.missing) == ({}, {NEW: planned}, len(planned))


def test_the_same_plan_is_used_again_and_more_seeds_are_new(store):
    stored(store, planned_with())
    more = cells(study_of({"norm": ("batch", "layer")}, seeds=3, model={"name": "mlp", "widths": (4,)}))
    reuse = found(store, more)
    assert set(reuse.kept) == {cell.name for cell in planned_with()}
    assert reuse.reasons == {NEW: tuple(cell for cell in more if cell.name not in reuse.kept)}


def test_what_the_config_changed_is_named(store):
    stored(store, planned_with(train__steps=50))
    (reason, own), *others = found(store, planned_with(train__steps=70, train__batch_size=16)).reasons.items()
    assert not others
    assert len(own) == 4
    assert reason == "train.steps was 50, train.batch_size was 128"


def test_the_newest_row_says_what_changed(store):
    old, new = planned_with(train__steps=50), planned_with(train__steps=60)
    stored(store, new)
    stored(store, old)
    for k, cell in enumerate((*old, *new)):
        os.utime(store.cells / f"{cell.name}.json", (k, k))
    assert [*found(store, planned_with(train__steps=70)).reasons] == ["train.steps was 60"]


def test_code_and_data_that_changed_are_named():
    (cell, *_) = planned_with()
    identity = json.loads(json.dumps(cell.identity))
    identity["code"]["norm"] = identity["code"]["train"] = "another"
    identity["content"] = "another"
    assert changes(identity, cell.identity) == [
        "the content of the data changed", "the code of the training loop changed", "the code of norm=none changed",
    ]  # fmt: skip
    identity["recipe"]["norm"] = {"name": "layer"}  # another choice has other code anyway
    assert changes(identity, cell.identity) == [
        "norm was layer", "the content of the data changed", "the code of the training loop changed",
    ]  # fmt: skip
    assert worded(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_another_arm_whose_readable_name_is_cut_alike_says_nothing(store):
    planned = planned_with()
    stored(store, planned_with(train__steps=50), arm="somebody else's")
    assert [*found(store, planned).reasons] == [NEW]


def test_failed_rows_stay_unless_they_are_asked_for(store):
    planned = planned_with()
    stored(store, planned, status="failed")
    assert (found(store, planned).failed, found(store, planned).missing) == (4, 0)
    again = found(store, planned, retry_failed=True)
    assert (again.reasons, again.failed) == ({"failed before": planned}, 0)


def test_rows_without_kept_weights_train_again(store):
    planned = planned_with()
    stored(store, planned)
    assert found(store, planned, keep_weights=True).reasons == {"their weights were not kept": planned}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cell": 1}'])
def test_a_damaged_row_is_set_aside_and_new(store, content):
    planned = planned_with()
    stored(store, planned)
    (store.cells / f"{planned[0].name}.json").write_text(content)
    reuse = found(store, planned)
    assert sum(map(len, reuse.reasons.values())) == 1
    assert (store.cells / f"{planned[0].name}.unreadable").read_text() == content
