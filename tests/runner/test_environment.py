"""What a run happened on: enough to explain a difference, and no secret."""

import json
import subprocess

import jax
import pytest

from ablate.runner.environment import VARIABLES, environment


def test_versions_devices_and_git():
    found = environment()
    assert found["versions"]["jax"] == jax.__version__
    assert set(found["versions"]) >= {"ablate", "jax", "jaxlib", "flax", "optax", "numpy"}
    assert len(found["devices"]) == 2
    assert found["devices"][0].startswith("cpu:0 ")
    assert set(found) == {
        "versions", "python", "platform", "devices", "xla_flags", "git_commit", "git_dirty", "variables",
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
