"""What a run happened on: enough to explain a difference, and no secret."""

import json
import subprocess

import jax
import pytest

from ablate.results.files import write_json
from ablate.runner.environment import VARIABLES, differences, environment, machine, reused_elsewhere
from ablate.runner.processor import flags, model_name, rounding_instructions


def test_versions_devices_and_git():
    found = environment()
    assert found["versions"]["jax"] == jax.__version__
    assert set(found["versions"]) >= {"ablate", "jax", "jaxlib", "flax", "optax", "numpy"}
    assert len(found["devices"]) == 2
    assert found["devices"][0].startswith("cpu:0 ")
    assert set(found) == {
        "versions", "python", "platform", "devices", "processor", "instructions", "xla_flags", "git_commit",
        "git_dirty", "variables",
    }  # fmt: skip
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_only_listed_variables_are_written_down(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=somewhere")
    found = environment()
    assert "hunter2" not in json.dumps(found)
    assert found["variables"]["XLA_FLAGS"] == "--xla_dump_to=somewhere"
    assert set(found["variables"]) <= set(VARIABLES)


@pytest.mark.parametrize("path", ["", "/nowhere"])
def test_without_git(monkeypatch, tmp_path, path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    found = environment()
    assert found["git_commit"] is None
    assert found["git_dirty"] is False


def test_outside_of_a_repository(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert environment()["git_commit"] is None


def test_results_under_version_control_make_no_tree_dirty(monkeypatch, tmp_path):
    repository = tmp_path / "a repository"
    results = repository / "results [x]" / "run"
    results.mkdir(parents=True)
    code, report = repository / "code.py", results / "report.md"
    code.write_text("1")
    report.write_text("1")
    monkeypatch.chdir(repository)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], check=True)
    report.write_text("2")
    assert environment()["git_dirty"] is True
    assert environment(results)["git_dirty"] is False
    assert environment(tmp_path)["git_dirty"] is True  # outside of the repository
    assert environment(repository)["git_dirty"] is True  # holds code
    code.write_text("2")
    assert environment(results)["git_dirty"] is True


def test_a_package_that_is_not_there(monkeypatch):
    monkeypatch.setattr("ablate.runner.environment.PACKAGES", ("jax", "no-such-package"))
    assert environment()["versions"] == {"jax": jax.__version__, "no-such-package": None}


INFO = "processor\t: 0\nmodel name\t: A  Chip\nflags\t\t: fpu sse2 avx fma sse4_1 avx512f\n\nmodel name\t: another\n"


def test_the_processor_is_its_name_and_the_instructions_that_round(monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_text", lambda path, **how: INFO if str(path) == "/proc/cpuinfo" else 1 / 0)
    assert model_name() == "A Chip"
    assert "fpu" in flags()
    assert rounding_instructions() == ["avx", "avx512f", "fma", "sse4_1"]


def test_without_a_list_of_its_properties_a_processor_has_a_name(monkeypatch):
    def absent(path, **how):
        raise FileNotFoundError(path)

    monkeypatch.setattr("pathlib.Path.read_text", absent)
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert (model_name(), flags(), rounding_instructions()) == ("arm64", [], [])


def test_what_changed_is_named():
    now = {**machine(), "devices": [f"cpu:{k} cpu" for k in range(8)], "instructions": ["avx", "fma"]}
    assert differences(now, {**now, "devices": ["cpu:0 cpu"]}) == ["trained on 1 cpu device, now 8 cpu devices"]
    assert differences(now, {**now, "devices": ["gpu:0 H100"]}) == ["trained on 1 gpu device, now 8 cpu devices"]
    wider = {**now, "instructions": ["avx", "avx512f", "fma"]}
    assert differences(now, wider) == ["trained with avx512f, now without"]
    assert differences(wider, now) == ["trained without avx512f, now with"]
    assert differences(now, {**now, "processor": "Z80"}) == [f"trained on Z80, now {now['processor']}"]
    older = {key: value for key, value in now.items() if key not in ("processor", "instructions")}
    assert differences(now, older) == []  # written before processors were
    assert differences(now, {**now, "differs": ["before"]}) == ["before"]


def test_a_run_that_uses_cells_again_says_what_changed(tmp_path):
    now = machine()
    write_json(tmp_path / "environment.json", {**now, "devices": now["devices"][:1]})
    assert reused_elsewhere(tmp_path, ["a"]) is None  # there is nothing to use again
    write_json(tmp_path / "cells" / "a.json", {})
    assert (
        reused_elsewhere(tmp_path, ["a", "b"])
        == "1 stored cell is used again, trained on 1 cpu device, now 2 cpu devices: last digits may differ"
    )
