"""The only place in `report` where a file is written: whole or not at all."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes | str) -> Path:
    """Writes a file so that a reader sees the old content or the new one, never a part.

    Args:
        path: where; its directory is made if missing.
        content: bytes, or text that becomes UTF-8 (a lone surrogate becomes its backslash escape).

    Returns:
        The path.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)
    return path


def sync_directory(directory: Path) -> None:
    """Makes a rename survive a power cut, where the platform can open a directory."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
