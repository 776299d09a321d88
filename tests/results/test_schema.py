"""Records: the tables of ARCHITECTURE.md are made from them, and a run writes nothing that they do not name."""

import doctest
import json
import typing

import pytest

import ablate
from ablate.results import schema, shapes
from ablate.results.schema import FILES
from ablate.results.shapes import misfit, records_in
from ablate.tricks.stop import Decision
from tests.results.documents import current, tables
from tests.train.small import small_config


def test_the_tables_of_architecture_are_those_of_the_schema():
    assert current() == tables(), "write them anew: make docs"


def strangers(value, kind, where=""):
    """Keys of JSON that its record does not name."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if typing.is_typeddict(kind) and isinstance(value, dict):
        hints = typing.get_type_hints(kind)
        yield from (f"{where}.{key}" for key in value.keys() - hints.keys())
        for key in value.keys() & hints.keys():
            yield from strangers(value[key], hints[key], f"{where}.{key}")
    elif origin is list:
        for item in value:
            yield from strangers(item, inside[0], f"{where}[]")
    elif origin is dict and typing.is_typeddict(inside[1]):
        for item in value.values():
            yield from strangers(item, inside[1], f"{where}.*")
    elif not typing.is_typeddict(kind):
        for option in inside if origin not in (dict, typing.Literal) else ():
            yield from strangers(value, option, where)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tuned study that has ended, with an arm that fails and one that stops early, and an interrupted one's waves."""
    folder = tmp_path_factory.mktemp("run")
    vary = {"stop": (f"{__name__}:after_six",), "augment": (f"{__name__}:not_while_training",)}
    cfg = small_config(steps=12, eval_every=3, seeds=2, vary=vary)
    cfg.tune.grid.optimizer = {"learning_rate": (0.05, 0.1)}
    cfg.tune.seeds = 1
    ablate.run(cfg, folder, measure=True)
    return folder


def after_six(clock):
    """Stops at the second evaluation."""
    return Decision(clock.step < 6)


def not_while_training(key, images, targets):
    """Fails when it runs, and not before: the callback is not called while it is traced."""
    import jax

    def fail(images):
        raise ArithmeticError("on purpose")

    return jax.pure_callback(
        fail, jax.ShapeDtypeStruct(images.shape, images.dtype), images, vmap_method="sequential"
    ), targets


@pytest.mark.parametrize(
    "pattern", ["cells/*.json", "study.json", "environment.json", "progress.json", "tuning/study.json"]
)
def test_a_run_writes_what_the_records_say_and_no_more(folder, pattern):
    kind = FILES["cells/<slug>-<hash>.json" if pattern == "cells/*.json" else pattern.removeprefix("tuning/")]
    contents = [json.loads(path.read_text()) for path in folder.glob(pattern)]
    assert contents
    assert {misfit(content, kind) for content in contents} == {None}
    assert {stranger for content in contents for stranger in strangers(content, kind)} == set()


def test_a_run_had_every_kind_of_row(folder):
    rows = [json.loads(path.read_text()) for path in folder.glob("cells/*.json")]
    assert {row["status"] for row in rows} >= {"done", "failed"}
    assert any(row["stopped_step"] for row in rows)


def test_every_record_of_a_file_is_found_once():
    records = records_in(schema.Study)
    assert records[0] is schema.Study
    assert schema.TunedArm in records
    assert len(set(records)) == len(records)


def test_examples():
    results = doctest.testmod(shapes)
    assert results.attempted
    assert not results.failed
