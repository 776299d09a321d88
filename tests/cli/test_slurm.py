"""`ablate slurm`: what sbatch reads of the script, and what the script does, run for real with stand-ins for Slurm."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ablate.cli.main import main
from ablate.cli.parser import ALONE, parser_of_commands
from ablate.cli.slurm import SWITCHES, VALUES, Job, gpus_of, script, seconds_of, write
from ablate.study.problems import ConfigError
from tests.cli.test_cli import BODY, HEAD
from tests.shell import ablate as in_a_process
from tests.shell import jax_as_it_was, send, wait_until

JOB = 4711
NASTY = "Größe 'x' \"y\" $HOME `id` & #1 %j 100 %"

# Slurm and Ray as far as the script meets them. Each writes down its words, one a line, and what it is asked for.
STANDINS = {
    "scontrol": """
        [ "$1" = requeue ] && exec echo "$2" >>"$LOG/requeued"
        [ "$*" = "show hostnames $SLURM_JOB_NODELIST" ] && printf '%s\\n' node-a node-b
    """,
    "getent": """
        printf '%s\\n' "$@" >"$LOG/getent"
        printf '%s\\n' "127.0.1.1 STREAM $2" "0.0.0.0 STREAM"
    """,
    # As srun does: SIGTERM kills all tasks, and its code is the highest of all tasks. The other nodes take a minute.
    "srun": """
        printf '%s\\0' "$@" >"$LOG/srun"
        trap 'kill -KILL "$task" 2>/dev/null; exit 137' TERM
        while [ "$1" != bash ]; do shift; done
        "$@" & task=$!
        wait "$task"; code=$?
        [ ! -e "$LOG/others" ] || { sleep 60 >/dev/null 2>&1 & wait $!; }
        exit "$code"
    """,
    "ray": """
        printf '%s\\0' "$@" >"$LOG/ray"
        env | grep ^RAY_ >"$LOG/environment"
        while [ "$1" != -- ]; do shift; done
        shift
        while [ -e "$LOG/slow" ]; do sleep 0.02; done
        "$@"
    """,
    "ablate": """
        printf '%s\\0' "$@" >"$LOG/words"
        pwd >"$LOG/folder"
        trap 'echo heard >>"$LOG/heard"; left=5' TERM
        left=${STEPS:-0}
        touch "$LOG/running"
        while [ "$left" -gt 0 ]; do sleep 0.02; left=$((left - 1)); done
        [ -e "$LOG/heard" ] && exit 75
        exit "${CODE:-0}"
    """,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a name that needs quotes, in which a small experiment is, and the stand-ins next to it."""
    programs, here = tmp_path / "programs of 'slurm'", tmp_path / NASTY
    for place in (programs, here, tmp_path / "log"):
        place.mkdir()
    for name, text in STANDINS.items():
        (programs / name).write_text(f"#!/bin/bash\n{text}")
        (programs / name).chmod(0o755)
    (here / "Versuch 'ä'.py").write_text(HEAD + BODY, encoding="utf-8")
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    with jax_as_it_was():
        yield here


@pytest.fixture
def log(folder):
    """What the stand-ins wrote down."""
    return folder.parent / "log"


@pytest.fixture
def batch(folder, log):
    """Starts a script as Slurm does: in another folder, with the variables of a job."""
    started = []

    def call(text, **variables):
        job = {"SLURM_JOB_ID": str(JOB), "SLURM_JOB_NODELIST": "node-[a-b]", "SLURM_JOB_NUM_NODES": "2"}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "RAY_"))}
        around = {**clean, **job, "SLURM_CPUS_ON_NODE": "6", "LOG": str(log), "RAY_ADDRESS": "elsewhere:1"}
        process = subprocess.Popen(
            ["bash", "-s"],
            cwd=folder.parent,
            env=around | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
        return process

    yield call
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def text(folder):
    """A script without a command line behind it."""
    programs = str(Path(sys.executable).parent)
    return script(Job((("nodes", "2"),), (f"{programs}/ablate", "run"), str(folder), programs))


def words_in(path):
    return path.read_text(encoding="utf-8").split("\0")[:-1]


def state_in(log):
    """The folder in which the script keeps what it knows of the study."""
    ray = words_in(log / "ray")
    return Path(ray[ray.index("-c") + 2])


def options_in(text):
    """The lines of sbatch, by its own rules: quotes group, and a backslash takes the next character, in quotes too."""
    options = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if line.startswith("#SBATCH "):
            letters, word, quote = iter(line.removeprefix("#SBATCH ")), "", ""
            for letter in letters:
                if letter == "\\":
                    word += next(letters)
                elif letter == quote:
                    quote = ""
                elif not quote and letter in "'\"":
                    quote = letter
                else:
                    assert quote or letter not in " #", line
                    word += letter
            assert not quote, line
            name, equals, value = word.partition("=")
            options[name] = value if equals else None
    return options


# From the command line to what runs


def test_nasty_names_arrive_as_they_are(folder, log, batch, capsys):
    config = "Versuch 'ä'.py:6"
    study = (f"--config={config}", "--config.seeds", "3", "--config.report.metric='test_loss'",
             "--workdir=Läufe & \"mehr\"\n$(id)", "--retry-failed", "--devices=2", "--until-decided", "--max-seeds=9",
             "--strategy=vmap")  # fmt: skip
    job = ("--nodes=2", "--gres=gpu:a100:4", "--cpus-per-task=8", "--partition=schnell", "--sbatch=account=mine",
           "--sbatch=exclusive", "--sbatch=comment=a \"b\" \\ c #d")  # fmt: skip
    code = main(["slurm", *study, *job])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    path = folder / "Versuch 'ä'.sbatch"
    assert out.splitlines()[-1] == """sbatch 'Versuch '"'"'ä'"'"'.sbatch'"""
    text = path.read_text(encoding="utf-8")
    assert options_in(text) == {
        "--job-name": "Versuch 'ä'",
        "--output": str(folder / "Versuch 'ä'-").replace("%", "%%") + "%j.out",
        "--account": "mine",
        "--exclusive": None,
        "--comment": 'a "b" \\ c #d',
        "--nodes": "2",
        "--ntasks-per-node": "1",
        "--cpus-per-task": "8",
        "--gres": "gpu:a100:4",
        "--time": "04:00:00",
        "--partition": "schnell",
        "--requeue": None,
        "--open-mode": "append",
        "--signal": "B:USR1@120",
    }
    process = batch(text, SLURM_CPUS_PER_TASK="8")
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0
    port = 20000 + JOB
    assert sorted(words_in(log / "words")) == sorted(
        ["run", f"--config={config}", "--config.seeds=3", "--config.report.metric='test_loss'",
         "--workdir=Läufe & \"mehr\"\n$(id)", "--strategy=vmap", "--max-seeds=9", "--devices=2", "--retry-failed",
         "--until-decided", "--engine=ray", f"--address=0.0.0.0:{port}"]
    )  # fmt: skip
    assert (log / "folder").read_text().rstrip("\n") == str(folder)
    ray = words_in(log / "ray")
    assert ray[: ray.index("--")] == [
        "symmetric-run", f"--address=0.0.0.0:{port}", "--min-nodes=2", "--num-cpus=8", "--num-gpus=4",
    ]  # fmt: skip
    srun = words_in(log / "srun")
    assert {"--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--cpus-per-task=8"} <= set(srun[: srun.index("ray")])


def test_the_words_are_those_that_ablate_run_reads(folder, log, batch, capsys):
    """The command of the script, parsed by `ablate run`, has every value that this command was given."""
    words = ("--workdir=a b", "--retry-failed", "--devices=3")
    main(["slurm", "--config=Versuch 'ä'.py", "--nodes=1", "--out=-", *words])
    batch(capsys.readouterr().out).communicate(timeout=60)
    options = parser_of_commands().parse_args(words_in(log / "words"))
    assert options.command.__name__ == "run"
    assert (options.workdir, options.devices, options.engine) == (Path("a b"), 3, "ray")
    assert (options.retry_failed, options.until_decided) == (True, False)


def test_every_flag_of_run_is_passed_on_or_set():
    run = parser_of_commands().parse_args(["run", "--config=x.py"])
    here = parser_of_commands().parse_args(["slurm", "--config=x.py", "--nodes=1"])
    assert set(vars(run)) == {"command", "config", "engine", "address", "measure", *ALONE, *VALUES, *SWITCHES}
    assert {"config", *VALUES, *SWITCHES} <= set(vars(here))


def test_what_all_nodes_share(batch, text, log):
    batch(text).communicate(timeout=60)
    ray = dict(line.split("=", 1) for line in (log / "environment").read_text().splitlines())
    assert ray["RAY_USAGE_STATS_ENABLED"] == "0"
    assert ray["RAY_AUTH_MODE"] == "token"
    assert len(ray["RAY_AUTH_TOKEN"]) >= 32
    assert "RAY_ADDRESS" not in ray
    assert "--export=ALL" in words_in(log / "srun")
    assert (log / "getent").read_text().split() == ["ahostsv4", "node-a"]


@pytest.mark.parametrize(
    ("variables", "cpus", "gpus"), [({}, 6, 0), ({"SLURM_CPUS_PER_TASK": "3", "SLURM_GPUS_ON_NODE": "2"}, 3, 2)]
)
def test_cores_and_gpus_that_nobody_named_are_those_of_slurm(batch, text, log, variables, cpus, gpus):
    batch(text, **variables).communicate(timeout=60)
    assert {f"--num-cpus={cpus}", f"--num-gpus={gpus}"} <= set(words_in(log / "ray"))
    asked = [word for word in words_in(log / "srun") if word.startswith("--cpus-per-task")]
    assert asked == ([f"--cpus-per-task={cpus}"] if variables else [])


def test_a_port_that_is_taken_is_left_alone(batch, text, log):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("0.0.0.0", 20000 + JOB))
        taken.listen()
        batch(text).communicate(timeout=60)
    assert f"--address=0.0.0.0:{20001 + JOB}" in words_in(log / "ray")


# How it ends


@pytest.mark.parametrize("code", [0, 1, 2, 3, 75])
def test_codes_pass_through(batch, text, log, code):
    process = batch(text, CODE=str(code))
    process.communicate(timeout=60)
    assert process.returncode == code
    assert not (log / "requeued").exists()


@pytest.mark.parametrize("code", [0, 75])
def test_nodes_that_have_not_noticed_are_ended(batch, text, log, code):
    (log / "others").touch()
    process = batch(text, CODE=str(code))
    process.communicate(timeout=30)
    assert process.returncode == code


def test_without_a_study_the_code_is_that_of_srun(batch, text):
    Path(sys.executable).with_name("srun").write_text("#!/bin/bash\nexit 9")
    process = batch(text)
    process.communicate(timeout=60)
    assert process.returncode == 9


def test_the_limit_stops_the_study_and_queues_the_job_again(batch, text, log):
    (log / "others").touch()
    process = batch(text, STEPS="5000")
    wait_until((log / "running").exists, process)
    send(process, signal.SIGUSR1)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75
    assert (log / "heard").read_text() == "heard\n"
    assert (log / "requeued").read_text() == f"{JOB}\n"
    assert f"job {JOB} goes back to the queue" in errors


def test_a_study_that_ends_in_spite_of_the_limit_is_done(batch, text, log):
    """It had nothing left to stop."""
    ending = STANDINS["ablate"].replace('[ -e "$LOG/heard" ] && exit 75', "")
    Path(sys.executable).with_name("ablate").write_text(f"#!/bin/bash\n{ending}")
    process = batch(text, STEPS="5000")
    wait_until((log / "running").exists, process)
    send(process, signal.SIGUSR1)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert (log / "heard").exists()
    assert not (log / "requeued").exists()


def test_sigterm_stops_the_study_for_good(batch, text, log):
    process = batch(text, STEPS="5000")
    wait_until((log / "running").exists, process)
    send(process, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert (log / "heard").exists()
    assert not (log / "requeued").exists()


def test_a_second_signal_does_not_hurry_it(batch, text, log):
    """To `ablate run`, the second one means: at once."""
    slower = STANDINS["ablate"].replace("left=5", "left=50")
    Path(sys.executable).with_name("ablate").write_text(f"#!/bin/bash\n{slower}")
    process = batch(text, STEPS="5000")
    wait_until((log / "running").exists, process)
    send(process, signal.SIGUSR1)
    wait_until((log / "heard").exists, process)
    send(process, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert (log / "heard").read_text() == "heard\n"
    assert (log / "requeued").exists()


def test_a_signal_before_the_study_begins(batch, text, log):
    (log / "slow").touch()
    process = batch(text, STEPS="5000")
    wait_until((log / "environment").exists, process)
    send(process, signal.SIGUSR1)
    wait_until((state_in(log) / "stop").exists, process)
    (log / "slow").unlink()
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert (log / "requeued").exists()
    assert not (log / "running").exists()


def test_nothing_is_left_in_the_temporary_folder(batch, text, log):
    batch(text).communicate(timeout=60)
    state = state_in(log)
    assert state.is_absolute()
    assert not state.exists()


# What is refused, and what is written


def test_all_problems_at_once_and_nothing_written(folder, ablate):
    words = ("--config.train.stepz=3", "--config.recipe.norm=bath", "--max-seeds=3", "--devices=0", "--nodes=0")
    job = ("--time=4h", "--gres=gpu:4:4:4", "--sbatch=nodes=3", "--sbatch=signal=KILL", "--sbatch=-p=x")
    code, out, err = ablate("slurm", "--config=Versuch 'ä'.py", *words, *job)
    assert (code, out) == (2, "")
    assert [re.match(r"ablate: ([^:]*)", line)[1] for line in err.splitlines()] == [
        "--max-seeds", "train.stepz", "recipe.norm.name", "--nodes", "--time", "--gres", "--sbatch=nodes",
        "--sbatch=signal", "--sbatch",
    ]  # fmt: skip
    assert [path.suffix for path in folder.iterdir()] == [".py"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--devices=0"], "--devices: expected 1 or more, got 0"),
        (["--cpus-per-task=0"], "--cpus-per-task: expected 1 or more, got 0"),
        (["--time=4"], "--time: expected 5 minutes or more, of which the last 2 are for stopping, got '4'"),
        (["--until-decided", "--max-seeds=2"], "--max-seeds: must be above the 2 seeds of the first stage, got 2"),
        (["--sbatch=exclusive", "--sbatch=exclusive"], "--sbatch=exclusive: given twice; leave one out"),
        (["--sbatch=partition=x"], "--sbatch=partition: use --partition"),
        (["--sbatch=export=NONE"], "--sbatch=export: the script sets it itself"),
        (["--partition=a\nb"], "--partition: 'a\\nb' has a line break or the like, which a line of sbatch cannot hold"),
        (["--out=a\\b"], "--out: Slurm writes to no file with a backslash in its path: "),
        (["--out=."], ".: is a folder; name a file with --out"),
        (["--out=Versuch 'ä'.py"], "Versuch 'ä'.py: is another file; --overwrite replaces it, --out names another"),
    ],
)
def test_one_line_for_what_will_not_do(folder, ablate, words, line):
    code, out, err = ablate("slurm", "--config=Versuch 'ä'.py", "--nodes=1", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"ablate: {line}")
    assert len(err.splitlines()) == 1
    assert [path.suffix for path in folder.iterdir()] == [".py"]


def test_without_ray(folder, ablate, monkeypatch):
    spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else spec(name, *rest))
    code, _, err = ablate("slurm", "--config=Versuch 'ä'.py", "--nodes=1")
    assert (code, err) == (2, "ablate: ablate slurm: Ray is missing; pip install 'ablate-jax[ray]'\n")


def test_an_old_ray(folder, ablate, monkeypatch, tmp_path):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    assert "no `ray symmetric-run`" in ablate("slurm", "--config=Versuch 'ä'.py", "--nodes=1")[2]


def test_a_script_is_replaced_as_long_as_nobody_changed_it(text, folder):
    path = Path("own.sbatch")
    write(path, text)
    other = text.replace("set -u", "set -eu")
    write(path, script(Job((), ("ablate", "run"), "/", "/")))
    write(path, text)
    path.write_text(other)
    with pytest.raises(ConfigError, match=r"own.sbatch: was changed since it was written"):
        write(path, text)
    assert path.read_text() == other
    write(path, text, overwrite=True)
    assert path.read_text() == text


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "study.py").write_text(HEAD + BODY)
    tmp_path.chmod(0o555)
    done = in_a_process("slurm", "--config=study.py", "--nodes=1", folder=tmp_path, obedient=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ablate: Permission denied: study.sbatch\n"


@pytest.mark.parametrize("value", ["plain", "a b", 'q"q', "it's", "back\\slash", "#hash", "ö %j"])
def test_values_are_read_as_they_were_written(value):
    text = script(Job((("comment", value), ("exclusive", None)), ("ablate",), "/", "/"))
    assert options_in(text) == {"--comment": value, "--exclusive": None}
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=True).returncode == 0


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("90", 5400), ("90:30", 5430), ("1:00:05", 3605), ("2-3", 183600), ("1-0:30", 88200), ("1-0:0:9", 86409),
     ("4h", None), ("", None), ("1:2:3:4", None)],
)  # fmt: skip
def test_seconds_of_a_time_limit(time, seconds):
    assert seconds_of(time) == seconds


@pytest.mark.parametrize(
    ("gres", "gpus"),
    [("gpu", 1), ("gpu:4", 4), ("gpu:a100:8", 8), ("gpu:a100", 1), ("gres/gpu:2,lustre:1", 2), ("lustre", 0),
     ("gpu:a100:2,gpu:h100_80gb:1", 3)],
)  # fmt: skip
def test_gpus_of_a_request(gres, gpus):
    assert gpus_of(gres) == gpus
