"""Cells: arm x seed, with the identity that decides whether a stored result can be used again."""

import dataclasses
import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any

from ablate.study.choices import RECORDING, TRAIN, Chosen
from ablate.study.design import Arm
from ablate.study.identity import coder
from ablate.study.labels import digest, slug
from ablate.study.resolving import Spec
from ablate.tasks.keys import Seeds, varied


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run: `name` is its file, `draw` the seed of its random streams, or one for each of them."""

    arm: Arm
    seed: int
    draw: int | Seeds
    identity: Mapping[str, Any]
    fingerprint: str

    @functools.cached_property
    def name(self) -> str:
        """`<slug>-<hash>`: readable first, unique by the hash."""
        return f"{slug(self.arm.name)}-s{self.seed}-{self.fingerprint[:10]}"


def cells_of(spec: Spec, arms: tuple[Arm, ...], content_of: Callable[[Chosen], str]) -> tuple[Cell, ...]:
    """All cells of a study, arm by arm; `content_of` gives the fingerprint of the data that a choice leads to."""
    cells, code_of, content_of_file = [], coder(), functools.cache(_sha256_of)
    for arm in arms:
        shared = _identity(spec, arm, content_of, code_of, content_of_file)
        for seed in spec.seeds[: spec.fewer.get(arm.name)]:
            draw = _draw(spec, arm, seed)
            identity = {**shared, "seed": draw if isinstance(draw, int) else draw._asdict()}
            cells.append(Cell(arm, seed, draw, identity, digest(identity)))
    return tuple(cells)


def _draw(spec: Spec, arm: Arm, seed: int) -> int | Seeds:
    """What a cell's streams are drawn from: the seed, or a hash of it and the arm's name where none are to be shared.

    An arm that varies some of the streams shares none with the arm that varies all, so that they are independent.
    """
    if spec.paired and not arm.varies:
        return seed
    own = int(digest([seed, arm.name])[:8], 16)
    return varied(arm.varies, seed if arm.varies == Seeds._fields else own) if arm.varies else own


def _identity(
    spec: Spec,
    arm: Arm,
    content_of: Callable[[Chosen], str],
    code_of: Callable[[Any], str],
    content_of_file: Callable[[str], str],
) -> dict[str, Any]:
    """What a result follows from beside its seed: choices, content of data and files, and the code that is reached."""
    recipe = {axis: _with_content(chosen, content_of_file) for axis, chosen in arm.recipe.items()}
    for name in RECORDING:
        recipe["train"].pop(name)
    identity = {
        "task": spec.task.plain(),
        "recipe": recipe,
        "content": content_of(arm.recipe["data"]),
        "code": {
            "train": digest([code_of(path) for path in TRAINING])[:16],
            "task": code_of(spec.task.choice.make),
            **{axis: _code(chosen, code_of) for axis, chosen in arm.recipe.items() if axis != TRAIN.name},
        },
    }
    return jsonable(identity)


def _code(chosen: Chosen, code_of: Callable[[Any], str]) -> str:
    """Of a choice and of all that stand behind it."""
    return "+".join(code_of(each.choice.make) for each in chosen.chain)


def _with_content(chosen: Chosen, content_of_file: Callable[[str], str]) -> dict[str, Any]:
    """A choice as data, where files stand for what is in them."""
    known = chosen.arguments_of()
    files = {name: value for name, value in chosen.arguments.items() if name in known and known[name].file}
    behind = {"then": _with_content(chosen.then, content_of_file)} if chosen.then else {}
    return chosen.plain() | {name: f"sha256:{content_of_file(path)}" for name, path in files.items()} | behind


def _sha256_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# What trains a cell whatever it chose, by path: imported here, it would import this module or JAX.
TRAINING = (
    "ablate.train.loop:Loop",
    "ablate.train.lanes:Lanes",
    "ablate.train.batches:split_of",
    "ablate.study.programs:programs_of",
)


def jsonable(value: Any) -> Any:
    """JSON data without loss: tuples become lists, an infinite number the string "inf"."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def restored(value: Any) -> Any:
    """What `jsonable` was given, up to lists for tuples.

    >>> restored(jsonable({"max": math.inf}))
    {'max': inf}
    """
    if isinstance(value, Mapping):
        return {key: restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restored(item) for item in value]
    return float(value) if value in ("inf", "-inf") else value
