"""What a run happened on: recorded beside the results, never part of what decides re-use."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from ablate.results.schema import Environment
from ablate.version import version

PACKAGES = ("ablate", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections", "clu", "numpy", "scipy")
VARIABLES = ("XLA_FLAGS", "JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")


def environment(results: Path | None = None) -> Environment:
    """Versions, devices, git state; allow-listed variables only, so that no secret is written down.

    Args:
        results: a folder whose files may differ from the commit: what a run writes is no change of its code.
    """
    import jax

    return {
        "versions": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()],
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", ":/", *_without(results))),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def differences(now: Environment, earlier: Environment | None) -> list[str]:
    """What has changed since `earlier` was written, in words; rows of then are used again, and reports say so."""
    if not earlier:
        return []
    changed = [
        f"{name} {earlier.get('versions', {}).get(name)} then, {version} now"
        for name, version in now.get("versions", {}).items()
        if earlier.get("versions", {}).get(name) != version
    ]
    changed += [
        f"{key} {earlier.get(key)} then, {now.get(key)} now"
        for key in ("python", "platform", "devices")
        if earlier.get(key) != now.get(key)
    ]
    return sorted({*changed, *earlier.get("differs", ())})


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
