"""Flags about who trains: what does not fit is said at once, and Ray is asked for only where it is wanted."""

import importlib.util

import pytest

from ablate.cli.main import main
from tests.shell import said

SMALL = "experiments/digits.py"


def refused(capsys, *words):
    """What is said of a command line that asks for what cannot be."""
    assert main(["run", f"--config={SMALL}", *words]) == 2
    return said(capsys.readouterr().err)


@pytest.mark.parametrize("command", ["run", "variance", "confirm"])
def test_flags_of_a_cluster_go_with_a_cluster(command, capsys, tmp_path):
    about = [str(tmp_path)] if command == "confirm" else [f"--config={SMALL}", f"--workdir={tmp_path / 'run'}"]
    assert main([command, *about, "--address=auto", "--devices=2"]) == 2
    assert said(capsys.readouterr().err) == [
        "ablate: --address: goes with --engine=ray",
        "ablate: --devices: goes with --engine=ray",
    ]
    assert not (tmp_path / "run").exists()


def test_all_problems_at_once(capsys):
    assert refused(capsys, "--engine=ray", "--devices=0", "--measure") == [
        "ablate: --devices: expected 1 or more, got 0",
        "ablate: --measure: times programs on this machine; run it again with --measure and without --engine",
    ]


def test_without_ray_the_extra_is_named(capsys, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "ray" else find(name, *more))
    assert refused(capsys, "--engine=ray", f"--workdir={tmp_path / 'run'}") == [
        "ablate: --engine=ray: Ray is missing; pip install 'ablate-jax[ray]'"
    ]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("somewhere", "--address: write auto, HOST:PORT or ray://HOST:PORT, not 'somewhere'"),
        ("ray://", "--address: write auto, HOST:PORT or ray://HOST:PORT, not 'ray://'"),
        ("127.0.0.1:1", "--address=127.0.0.1:1: nobody listens there: [Errno 111] Connection refused"),
    ],
)
def test_an_address_without_a_cluster(capsys, tmp_path, address, words):
    told = refused(capsys, "--engine=ray", f"--address={address}", f"--workdir={tmp_path / 'run'}")
    assert told == [f"ablate: connects to the cluster at {address}", f"ablate: {words}"]


def test_a_config_with_problems_starts_no_cluster(capsys, tmp_path):
    words = ["--engine=ray", "--config.train.stepz=1", f"--workdir={tmp_path / 'run'}"]
    (problem,) = refused(capsys, *words)
    assert "stepz" in problem
