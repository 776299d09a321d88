"""What a run happened on: recorded beside the results, never part of what decides re-use."""

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path

from ablate.report.wording import plural
from ablate.results.schema import Environment, read_record
from ablate.runner.processor import model_name, rounding_instructions
from ablate.version import version

PACKAGES = ("ablate", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections", "clu", "numpy", "scipy")
VARIABLES = ("XLA_FLAGS", "JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")


def environment(results: Path | None = None, trains_on: Environment | None = None) -> Environment:
    """Versions, devices, git state; allow-listed variables only, so that no secret is written down.

    Args:
        results: a folder whose files may differ from the commit: what a run writes is no change of its code.
        trains_on: versions and hardware of what trains, as `machine` tells them there; of this machine if not given.
    """
    return {
        **(trains_on or machine()),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", ":/", *_without(results))),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def machine() -> Environment:
    """Versions and hardware: what the last digits of results may depend on."""
    import jax

    return {
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()],
        "processor": model_name(),
        "instructions": rounding_instructions(),
    }


def versions() -> dict[str, str | None]:
    """Of the packages that results may depend on."""
    return {name: _version(name) for name in PACKAGES}


def unlike(there: Mapping[str, str | None], here: Mapping[str, str | None]) -> str:
    """Versions that another process has otherwise, in words; empty where it has none.

    >>> unlike({"jax": "1", "numpy": "2"}, {"jax": "3", "numpy": "2"})
    'jax 1 there, 3 here'
    """
    others = ((name, there.get(name), own) for name, own in here.items() if there.get(name) != own)
    return "; ".join(f"{name} {other} there, {own} here" for name, other, own in others)


def differences(now: Environment, earlier: Environment | None) -> list[str]:
    """What has changed since `earlier` was written, in words; rows of then are used again, and reports say so."""
    if not earlier:
        return []
    changed = [
        f"trained with {name} {earlier.get('versions', {}).get(name)}, now {version}"
        for name, version in now.get("versions", {}).items()
        if earlier.get("versions", {}).get(name) != version
    ]
    changed += [
        f"trained {how} {earlier.get(key)}, now {now.get(key)}"
        for key, how in {"python": "with Python", "platform": "on", "processor": "on"}.items()
        if key in earlier and earlier.get(key) != now.get(key)
    ]
    changed += _changed_devices(now.get("devices", []), earlier.get("devices", []))
    if "instructions" in earlier:
        changed += _changed_instructions(now.get("instructions", []), earlier["instructions"])
    return sorted({*changed, *earlier.get("differs", ())})


def reused_elsewhere(
    directory: Path, cells: Iterable[str], trains_on: Callable[[], Environment] = machine
) -> str | None:
    """A warning where stored cells of a plan are about to be used again, and were trained elsewhere or otherwise.

    Args:
        directory: where the plan runs.
        cells: the names of its cells.
        trains_on: gives versions and hardware of what would train the others; asked only where cells are stored.
    """
    kept = sum((directory / "cells" / f"{name}.json").exists() for name in cells)
    differs = differences(trains_on(), read_record(directory / "environment.json", Environment)) if kept else []
    if not differs:
        return None
    cells_are = f"{plural(kept, 'stored cell')} {'is' if kept == 1 else 'are'}"
    return f"{cells_are} used again, {'; '.join(differs)}: last digits may differ"


def _changed_devices(now: list[str], earlier: list[str]) -> list[str]:
    if len(now) != len(earlier):
        return [f"trained on {_counted(earlier)}, now {_counted(now)}"]
    return [] if now == earlier else [f"trained on {', '.join(earlier)}, now {', '.join(now)}"]


def _counted(devices: list[str]) -> str:
    kinds = Counter(device.split(":")[0] for device in devices)
    words = (plural(count, f"{kind} device") for kind, count in sorted(kinds.items()))
    return ", ".join(words) or "no device"


def _changed_instructions(now: list[str], earlier: list[str]) -> list[str]:
    gone, new = sorted({*earlier} - {*now}), sorted({*now} - {*earlier})
    words = [f"trained with {', '.join(gone)}, now without"] if gone else []
    return words + ([f"trained without {', '.join(new)}, now with"] if new else [])


def _version(name: str) -> str | None:
    if name == "ablate":  # a package whose distribution is called otherwise
        return version()
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _without(folder: Path | None) -> list[str]:
    """A pathspec that leaves a folder of the repository out; none where it is elsewhere, or holds code."""
    top = _git("rev-parse", "--show-toplevel")
    if folder is None or top is None or not folder.resolve().is_relative_to(Path(top).resolve()):
        return []
    inside = folder.resolve().relative_to(Path(top).resolve()).as_posix()
    if any(name.endswith(".py") for name in (_git("ls-files", "--", f":(top,literal){inside}") or "").splitlines()):
        return []
    return [f":(exclude,top,literal){inside}"]


def _git(*arguments: str) -> str | None:
    """Of the directory the command was given in: that is where the experiment lives."""
    try:
        process = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip() or None if process.returncode == 0 else None
