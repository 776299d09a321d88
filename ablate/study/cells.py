"""Cells: arm x seed, with the identity that decides whether a stored result can be used again."""

import ast
import dataclasses
import functools
import hashlib
import inspect
import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ablate.study.choices import Chosen
from ablate.study.design import Arm
from ablate.study.resolving import Spec


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run: `name` is its file, `draw` the seed of its random streams."""

    arm: Arm
    seed: int
    draw: int
    identity: Mapping[str, Any]
    fingerprint: str

    @property
    def name(self) -> str:
        """`<slug>-<hash>`: readable first, unique by the hash."""
        return f"{slug(self.arm.name)}-s{self.seed}-{self.fingerprint[:10]}"


def cells_of(spec: Spec, arms: tuple[Arm, ...], content_of: Callable[[Chosen], str]) -> tuple[Cell, ...]:
    """All cells of a study, arm by arm; `content_of` gives the fingerprint of the data that a choice leads to.

    Where seeds are not paired, an arm draws its streams from seeds of its own: a hash of the seed and its name.
    """
    cells = []
    for arm in arms:
        for seed in spec.seeds:
            draw = seed if spec.paired else int(digest([seed, arm.name])[:8], 16)
            identity = _identity(spec, arm, draw, content_of)
            cells.append(Cell(arm, seed, draw, identity, digest(identity)))
    return tuple(cells)


def _identity(spec: Spec, arm: Arm, draw: int, content_of: Callable[[Chosen], str]) -> dict[str, Any]:
    """Everything that a result follows from: choices, content of the data, seed, and the code that is reached."""
    recipe = {axis: chosen.plain() for axis, chosen in arm.recipe.items()}
    for name in NO_MATTER:
        recipe["train"].pop(name)
    identity = {
        "task": spec.task.plain(),
        "recipe": recipe,
        "content": content_of(arm.recipe["data"]),
        "seed": draw,
        "code": {"source": source_fingerprint()}
        | {
            chosen.name: _code_of(chosen.choice.make)
            for chosen in (spec.task, *arm.recipe.values())
            if ":" in chosen.name
        },
    }
    return jsonable(identity)


NO_MATTER = ("checkpoint_seconds", "keep_weights")  # what is written down of a result never changes it


def jsonable(value: Any) -> Any:
    """JSON data without loss: tuples become lists, an infinite number the string "inf"."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def slug(name: str) -> str:
    """A file name that any file system takes.

    >>> slug("norm=group(groups=4)"), slug("Größe | x")
    ('norm-group-groups-4', 'Grosse-x')
    """
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.")[:60].strip("-.") or "arm"


@functools.cache
def source_fingerprint() -> str:
    """Hash of the code that a result depends on; comments, docstrings and layout do not count."""
    root = Path(__file__).parent.parent
    packages = ("tricks", "models", "data", "tasks", "train")
    files = [path for package in packages for path in sorted((root / package).rglob("*.py"))]
    files.append(root / "study" / "programs.py")  # the numbers of a lane
    return digest([_without_words(path.read_text(encoding="utf-8")) for path in files])[:16]


def _code_of(thing: Any) -> str:
    while isinstance(thing, functools.partial):
        thing = thing.func
    try:
        return digest(_without_words(inspect.getsource(inspect.getmodule(thing) or thing)))[:16]
    except (OSError, TypeError):
        return repr(thing)


def _without_words(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            node.body = body[1:]  # type: ignore[attr-defined]  # every node with a list body has it
    return ast.dump(tree)
