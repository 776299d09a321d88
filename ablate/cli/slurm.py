"""`ablate slurm`: a batch script that runs a study on all nodes of one Slurm job. It is written, never submitted.

    flags ──job_of──> Job ──script──> text, from slurm.txt ──write──> a file for `sbatch`

The flags of `ablate run` go into the script; the config is read and checked here, so that nothing waits in a queue to
be told of a typo. What the script does, and why, stands beside its lines in slurm.txt.
"""

import argparse
import dataclasses
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path

from ablate.cli.planning import name_of, spec_of, staged_spec
from ablate.cli.training import check_flags
from ablate.report.wording import plural
from ablate.results.files import storing, write_atomically
from ablate.runner.interrupts import Stop
from ablate.study.problems import ConfigError

STDOUT = "-"
NOTICE = 120  # seconds before the time limit: a minute for checkpoints, and 15 seconds until Ray has stopped
SHORTEST = 300
STAMP = "Written by ablate slurm, which replaces it as long as nobody has changed it: "
# Of `ablate run`, and go into the script as they are.
VALUES = ("workdir", "strategy", "max_seeds", "devices", "patience")
SWITCHES = ("retry_failed", "until_decided", "tensorboard")
# What the script relies on, and the flag that sets it, if one does.
OWN = {name: f"--{name}" for name in ("nodes", "gres", "time", "partition", "cpus-per-task")} | dict.fromkeys(
    ("ntasks", "ntasks-per-node", "signal", "requeue", "no-requeue", "open-mode", "chdir", "array", "wrap", "export")
)
TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<first>\d+)(?::(?P<second>\d+))?(?::(?P<third>\d+))?")
GRES = re.compile(r"(?P<name>[\w/.-]+?)(?::(?P<kind>[A-Za-z_][\w.-]*))?(?::(?P<count>\d+)[KMGTP]?)?")
SYMMETRIC = ("scripts", "symmetric_run.py")  # of Ray since 2.49; a look at it costs less than importing Ray
Directive = tuple[str, str | None]


@dataclasses.dataclass(frozen=True)
class Job:
    """What a batch script is made of.

    Args:
        directives: options of `sbatch` with their values, None for one that stands alone.
        command: `ablate run` and its flags, word by word, but for engine and address.
        folder: where it runs, as the command line that wrote it did.
        path: the folder with the program `ray`.
        gpus: on every node; None takes what Slurm says there.
    """

    directives: tuple[Directive, ...]
    command: tuple[str, ...]
    folder: str
    path: str
    gpus: int | None = None


def write_job(options: argparse.Namespace, stop: Stop) -> str:
    """Checks flags and config, and writes the script.

    Returns:
        What to print: how to submit it, or the script itself with `--out=-`.

    Raises:
        ConfigError: with all problems of the flags about the job, of those about the study, and of the config.
        StorageError: it could not be written.
    """
    problems: list[str] = []
    _collect(problems, lambda: check_flags(options))
    _collect(problems, lambda: staged_spec(spec_of(options, stop), options))
    target = options.out or Path(f"{name_of(options)}.sbatch")
    problems += [*_problems(options, target), *_missing()]
    if problems:
        raise ConfigError(problems)
    text = script(job_of(options, target))
    if str(target) == STDOUT:
        return text
    write(target, text, overwrite=options.overwrite)
    nodes = plural(options.nodes, "node")
    return f"{target} is written: {nodes}, {options.time} at a time\nsbatch {shlex.quote(str(target))}\n"


def _collect(problems: list[str], check: Callable[[], object]) -> None:
    try:
        check()
    except ConfigError as error:
        problems += error.problems


def job_of(options: argparse.Namespace, target: Path) -> Job:
    """What the flags say, and where this interpreter is.

    Args:
        options: flags without problems.
        target: where the script goes; what the job prints goes to a file beside it.
    """
    beside = Path.cwd() / ("" if str(target) == STDOUT else target.parent)
    stem = name_of(options) if str(target) == STDOUT else target.stem
    defaults = {"job-name": name_of(options), "output": str(beside / f"{stem}-").replace("%", "%%") + "%j.out"}
    asked = {
        "nodes": options.nodes,
        "ntasks-per-node": 1,
        "cpus-per-task": options.cpus_per_task,
        "gres": options.gres,
        "time": options.time,
        "partition": options.partition,
    }
    directives = (
        *(defaults | dict(map(_setting, options.sbatch))).items(),
        *((name, str(value)) for name, value in asked.items() if value is not None),
        *(("requeue", None), ("open-mode", "append"), ("signal", f"B:USR1@{NOTICE}")),
    )
    gpus = gpus_of(options.gres) if options.gres else None
    return Job(directives, (*_program(), "run", *words_of(options)), os.getcwd(), _ray_folder() or "", gpus)


def words_of(options: argparse.Namespace) -> list[str]:
    """The flags of `ablate run` that give the study which the flags of this command name."""
    words = [f"--config={options.config}", *(f"--config.{key}={value}" for key, value in options.overrides)]
    given = {name: getattr(options, name) for name in (*VALUES, *SWITCHES)}
    words += [f"--{_dashed(name)}={given[name]}" for name in VALUES if given[name] is not None]
    return [*words, *(f"--{_dashed(name)}" for name in SWITCHES if given[name])]


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def script(job: Job) -> str:
    """The text of the batch script, which says on its second line what it was when it was written."""
    parts = {
        "DIRECTIVES": "\n".join(f"#SBATCH --{name}{_value(value)}" for name, value in job.directives),
        "FOLDER": shlex.quote(job.folder),
        "PATH": shlex.quote(job.path),
        "GPUS": "${SLURM_GPUS_ON_NODE:-0}" if job.gpus is None else str(job.gpus),
        "COMMAND": shlex.join(job.command),
    }
    frame = resources.files("ablate.cli").joinpath("slurm.txt").read_text(encoding="utf-8")
    text = re.sub(r"@([A-Z]+)@", lambda found: parts.get(found[1], found[0]), frame)
    return text.replace("@STAMP@", STAMP + _digest(text), 1)


def _value(value: str | None) -> str:
    """As `sbatch` reads it, to which a backslash is one inside of any quotes."""
    if value is None:
        return ""
    if re.fullmatch(r"[\w./:@%+,=-]+", value):
        return f"={value}"
    return '="' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _digest(text: str) -> str:
    """Of a script without its stamp."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def write(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Writes a script, over an older one that nobody has changed, too.

    Raises:
        ConfigError: another file is there, or one that was changed, and nobody said to overwrite it.
        StorageError: it could not be written.
    """
    if path.is_dir():
        raise ConfigError([f"{path}: is a folder; name a file with --out"])
    if not overwrite and path.exists():
        with storing(path):
            before = path.read_text(encoding="utf-8", errors="replace")
        stamp = re.search(f"{STAMP}([0-9a-f]+)", before)
        if stamp is None or _digest(before.replace(stamp[0], "@STAMP@", 1)) != stamp[1]:
            why = "is another file" if stamp is None else "was changed since it was written"
            raise ConfigError([f"{path}: {why}; --overwrite replaces it, --out names another"])
    write_atomically(path, text)


def seconds_of(time: str) -> int | None:
    """Of a time limit as `sbatch` takes it: minutes, m:s, h:m:s, days-h, days-h:m or days-h:m:s; None of any other.

    >>> seconds_of("04:00:00"), seconds_of("90"), seconds_of("1-12"), seconds_of("4h")
    (14400, 5400, 129600, None)
    """
    found = TIME.fullmatch(time)
    if found is None:
        return None
    days, *numbers = (int(part) if part else None for part in found.group("days", "first", "second", "third"))
    given = [number for number in numbers if number is not None]
    units = (3600, 60, 1) if days is not None or len(given) == 3 else (60, 1)
    return (days or 0) * 86400 + sum(number * unit for number, unit in zip(given, units, strict=False))


def gpus_of(gres: str) -> int:
    """How many GPUs a node has by `--gres`.

    >>> gpus_of("gpu:a100:4,lustre:1"), gpus_of("gpu"), gpus_of("lustre:1")
    (4, 1, 0)
    """
    found = filter(None, map(GRES.fullmatch, gres.split(",")))
    return sum(int(item["count"] or 1) for item in found if item["name"].removeprefix("gres/") == "gpu")


def _setting(text: str) -> Directive:
    name, equals, value = text.removeprefix("--").partition("=")
    return name, value if equals else None


def _problems(options: argparse.Namespace, target: Path) -> Iterable[str]:
    """What is wrong with the flags about the job, a line each."""
    for name in ("nodes", "cpus_per_task"):
        number = getattr(options, name)
        if number is not None and number < 1:
            yield f"--{_dashed(name)}: expected 1 or more, got {number}"
    seconds = seconds_of(options.time)
    if seconds is None:
        yield f"--time: expected minutes, HOURS:MINUTES:SECONDS or DAYS-HOURS, got {options.time!r}"
    elif seconds < SHORTEST:
        yield f"--time: expected 5 minutes or more, of which the last 2 are for stopping, got {options.time!r}"
    if options.gres is not None and not all(map(GRES.fullmatch, options.gres.split(","))):
        yield f"--gres: expected gpu:COUNT or gpu:TYPE:COUNT, got {options.gres!r}"
    yield from _problems_of_settings(options.sbatch)
    texts = {"--partition": options.partition, "--out": str(Path.cwd() / target), "--config": options.config}
    for name, text in [*texts.items(), *(("--sbatch", text) for text in options.sbatch)]:
        if text and not text.isprintable():
            yield f"{name}: {text!r} has a line break or the like, which a line of sbatch cannot hold"
    if "\\" in texts["--out"]:
        yield f"--out: Slurm writes to no file with a backslash in its path: {texts['--out']}"


def _problems_of_settings(settings: list[str]) -> Iterable[str]:
    names = [name for name, _ in map(_setting, settings)]
    for name in dict.fromkeys(names):
        if not re.fullmatch(r"[a-z][a-z-]+", name):
            yield f"--sbatch: expected a long option of sbatch as KEY=VALUE or KEY, got {name!r}"
        elif name in OWN:
            yield f"--sbatch={name}: {f'use {OWN[name]}' if OWN[name] else 'the script sets it itself'}"
        elif names.count(name) > 1:
            yield f"--sbatch={name}: given twice; leave one out"


def _missing() -> Iterable[str]:
    """What the script would not find, since it uses what this process does."""
    found = importlib.util.find_spec("ray")
    if found is None:
        yield "ablate slurm: Ray is missing; pip install 'ablate-jax[ray]'"
    elif not any(
        (Path(place) / "scripts" / "symmetric_run.py").exists() for place in found.submodule_search_locations or ()
    ):
        yield "ablate slurm: this Ray has no `ray symmetric-run`; pip install 'ray>=2.49'"
    elif _ray_folder() is None:
        yield f"ablate slurm: there is no program ray beside {sys.executable} or on PATH"


def _ray_folder() -> str | None:
    places = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    program = shutil.which("ray", path=places)
    return os.path.dirname(os.path.abspath(program)) if program else None


def _program() -> tuple[str, ...]:
    """This `ablate`, wherever the script runs."""
    beside = Path(sys.executable).parent / "ablate"
    return (str(beside),) if beside.is_file() else (sys.executable, "-m", "ablate")
