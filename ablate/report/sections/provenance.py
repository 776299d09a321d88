"""Where the numbers come from: programs, versions, command."""

from collections.abc import Mapping, Sequence
from typing import Any

from ablate.report.records import Tables
from ablate.report.section import Column, Grid, Section, grid
from ablate.report.wording import DASH, choice_text, count, listed, plain, plural, short
from ablate.results.schema import Environment, ProgramRecord, Progress, Study


def programs(tables: Tables) -> Section | None:
    """What was compiled, and which arms share it; None for runs of a table."""
    if tables.elsewhere:
        return None
    note = programs_note(tables.study, tables.progress)
    return Section("programs", "Programs", paragraphs=(note,), grids=(program_grid(tables.study),))


def origin(tables: Tables) -> Section:
    """What it takes to repeat the study."""
    facts = provenance(tables.study, tables.environment, tables.progress)
    return Section("provenance", "Provenance", facts=facts)


def programs_note(study: Study, progress: Progress | None) -> str:
    """How many programs there were and how many compiles they took."""
    programs = study["programs"]
    shared = f"{plural(len(study['arms']), 'arm')} in {plural(len(programs), 'program')}"
    why = "Arms that differ only in numbers share a program: the numbers are its inputs."
    if not progress or progress.get("compiles") is None:
        return f"{shared}. {why}"
    seconds = progress.get("compile_seconds")
    took = f" in {short(seconds)} s" if seconds else ""
    if progress.get("cached"):
        took += f", {progress.get('cached')} of them read from the cache of compiled programs"
    return f"{shared}; {plural(progress.get('compiles', 0), 'compile')}{took}. {why}"


def program_grid(study: Study) -> Grid:
    """One line per program: who shares it, what is compiled in, how and why it runs so."""
    differing = differing_axes([program.get("structure") or {} for program in study["programs"]])
    columns = (
        Column[ProgramRecord]("program", lambda program: plain(program["id"]), numeric=False),
        Column[ProgramRecord]("arms", lambda program: listed(list(map(plain, program["arms"])), 24), numeric=False),
        Column[ProgramRecord]("cells", lambda program: str(len(program["cells"]))),
        Column[ProgramRecord](
            "compiled in", lambda program: structure_text(program.get("structure") or {}, differing), numeric=False
        ),
        Column[ProgramRecord]("lanes", lambda program: plain(program["lanes"])),
        Column[ProgramRecord]("devices", lambda program: plain(program["devices"])),
        Column[ProgramRecord]("strategy", lambda program: plain(program["strategy"]), numeric=False),
        Column[ProgramRecord]("why", lambda program: plain(program["why"]), numeric=False),
    )
    return grid(columns, study["programs"])


def differing_axes(structures: Sequence[Mapping[str, Any]]) -> list[str]:
    """The axes in which programs differ; all of them for a single program."""
    axes = list(dict.fromkeys(axis for structure in structures for axis in structure))
    if len(structures) < 2:
        return axes
    return [axis for axis in axes if len({str(structure.get(axis)) for structure in structures}) > 1]


def structure_text(structure: Mapping[str, Any], axes: Sequence[str]) -> str:
    """The choices compiled in on some axes."""
    parts = []
    for axis in axes:
        chosen = structure.get(axis)
        names = [chosen] if isinstance(chosen, str) else list(chosen or ())
        parts += [f"{plain(axis)}: {', '.join(plain(name) for name in names)}"] if names else []
    return "; ".join(parts) or DASH


USUAL = ("none", "never", "mean", "zeros", "before_activation", "float32")  # what needs no word in a recipe


def worth_a_word(axis: str, choice: Mapping[str, Any]) -> bool:
    """Whether a choice of the baseline is worth a word: absence is not, nor what has an entry of its own."""
    return axis not in ("model", "train", "data") and choice.get("name") not in USUAL


def provenance(study: Study, environment: Environment, progress: Progress | None) -> tuple[tuple[str, str], ...]:
    """Label and value: what it takes to repeat the study."""
    data, progress = study["data"], progress or {}
    sizes = ", ".join(f"{count(data.get(part))} {part}" for part in ("train", "validation", "test"))
    train = {name: study["train"].get(name) for name in ("steps", "batch_size", "eval_every", "lanes")}
    training = [f"{name.replace('_', ' ')} {value}" for name, value in train.items() if value]
    base = next(arm["recipe"] for arm in study["arms"] if arm["name"] == study["baseline"])
    versions = [f"{name} {version}" for name, version in sorted((environment.get("versions") or {}).items())]
    commit = environment.get("git_commit")
    seconds = progress.get("train_seconds")
    entries = {
        "command": study.get("command"),
        "design": f"{study['design'].replace('_', ' ')}, seeds {', '.join(str(seed) for seed in study['seeds'])}",
        "task": study["task"],
        "model": choice_text(base.get("model") or {}),
        f"recipe of {study['baseline']}": ", ".join(
            f"{axis}={choice_text(c)}" for axis, c in base.items() if worth_a_word(axis, c)
        ),
        "data": f"{data['name']}: {sizes} examples. {data.get('description') or ''}" if data["name"] else "",
        "data arguments": ", ".join(f"{key}={value}" for key, value in (data.get("arguments") or {}).items()),
        "training": ", ".join(training),
        "devices": ", ".join(str(device) for device in environment.get("devices") or ()),
        "processor": environment.get("processor"),
        "trained by": environment.get("engine"),
        "versions": ", ".join(versions),
        "python": environment.get("python"),
        "platform": environment.get("platform"),
        "XLA flags": environment.get("xla_flags"),
        "git commit": f"{commit}{' with uncommitted changes' if environment.get('git_dirty') else ''}"
        if commit
        else None,
        "training time": f"{short(seconds)} s in {plural(progress.get('sessions') or 1, 'session')}"
        if seconds
        else None,
        "code fingerprint": study.get("fingerprint"),
    }
    return tuple((label, plain(value)) for label, value in entries.items() if value)
