"""A data set is host arrays by name: a pool that a seed splits into training and validation, and a fixed test split.

What an array is called says what it is for: `image` (unsigned bytes, or floats in units of their own) or `vector` is
what a network sees, `label` a class, `target` a row of numbers to be predicted. Any other array travels along, example
by example, for whoever wants it: a teacher's logits, a group, a weight.
"""

import dataclasses
import functools
import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int

Arrays = Mapping[str, np.ndarray]
INPUTS = ("image", "vector")
EXAMPLES_AT_ONCE = 256


class DataError(ValueError):
    """A data set that cannot be used, with one line that says what to do."""


class Stats(NamedTuple):
    """Mean and sd over the pool, for each entry of an array's last axis; bytes count as numbers from 0 to 1."""

    mean: Float32[np.ndarray, " channels"]
    sd: Float32[np.ndarray, " channels"]

    @property
    def spread(self) -> Float32[np.ndarray, " channels"]:
        """The sd to divide by: 1 where nothing varies."""
        return np.where(self.sd > 0, self.sd, np.float32(1))


@dataclasses.dataclass(frozen=True, eq=False)
class DataInfo:
    """What a task may know of its data when it is traced: shapes and types of one example, statistics, names."""

    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, np.dtype]
    stats: Mapping[str, Stats]
    classes: int | None = None
    unit: str = ""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    levels: Mapping[str, int] = dataclasses.field(default_factory=dict)  # of arrays of integers [n] from 0

    @property
    def input(self) -> str:
        """The array that a network sees."""
        found = next((name for name in INPUTS if name in self.shapes), None)
        if found is None:
            raise DataError(f"data: a network sees an array image or vector, and these have {', '.join(self.shapes)}")
        return found

    def zeros(self, batch: int) -> dict[str, np.ndarray]:
        """A batch of nothing, for tracing."""
        return {name: np.zeros((batch, *shape), self.dtypes[name]) for name, shape in self.shapes.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """Named arrays with the examples along the first axis; `test` has the same names, shapes and types as `pool`.

    Args:
        name: how reports call it.
        pool: what a seed splits into training and validation. Integers and truth values become int32, floats float32;
            `image` is uint8 [n, height, width, channels] from 0 to 255, or float; `vector` float [n, features]; `label`
            integer [n] from 0 to classes - 1; `target` float [n, outputs].
        test: read once, at the end of training.
        description: one line for the report.
        classes: how many there are, if there is a `label`; 0 takes the largest label plus 1.
        unit: of the target, for the report.
        facts: what else a task may want to know, such as the `centers` of a mixture.

    Raises:
        DataError: what is given is something else.
    """

    name: str
    pool: Arrays
    test: Arrays
    description: str = ""
    classes: int = 0
    unit: str = ""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Brings types into line and says in one line what a data set of the user's own got wrong."""
        for part in ("pool", "test"):
            arrays = getattr(self, part)
            if not isinstance(arrays, Mapping) or not arrays:
                raise DataError(f"data: {part} must be arrays by name, such as {{'image': ..., 'label': ...}}")
            object.__setattr__(self, part, {str(name): _converted(arrays[name]) for name in arrays})
        labels = self.pool.get("label", np.zeros(0, np.int32))
        if labels.size and labels.dtype == np.int32 and not self.classes:
            object.__setattr__(self, "classes", int(labels.max()) + 1)
        problems = list(_problems("", self.pool, self.classes))
        others = _problems("test ", self.test, self.classes)
        problems += [problem for problem in others if problem.removeprefix("test ") not in problems]
        problems = problems or list(_differences(self.pool, self.test))
        if problems:
            raise DataError(f"data: {'; '.join(problems)}")

    @classmethod
    def from_arrays(
        cls, test: float | int | Arrays = 0.25, *, name: str = "arrays", description: str = "", classes: int = 0,
        unit: str = "", facts: Mapping[str, Any] | None = None, **arrays: Any,
    ) -> "DataSet":  # fmt: skip
        """A data set of numpy arrays.

        Args:
            test: the test arrays by name, or the share of the examples to hold out for the test (of each class,
                where there is a `label`), above 0 and below 1; always the same ones.
            name: how reports call it.
            description: one line for the report; the names of the arrays if not given.
            classes: number of classes; 0 takes the largest label plus 1.
            unit: of the target, for the report.
            facts: what else a task may want to know.
            arrays: `image=` or `vector=`, `label=` or `target=`, and whatever else goes with an example.

        Example:
            >>> x, y = np.zeros((8, 2)), np.arange(8) % 2
            >>> DataSet.from_arrays(vector=x, label=y).sizes
            (6, 2)
        """
        pool = {key: np.asarray(value) for key, value in arrays.items()}
        words = (description or f"{name}: arrays {', '.join(pool)}", classes, unit, facts or {})
        if isinstance(test, Mapping):
            return cls(name, pool, test, *words)
        if not 0 < test < 1:
            raise DataError(f"data: test={test} must lie between 0 and 1, or be arrays by name")
        sizes = {len(value) if value.ndim else 0 for value in pool.values()}
        if len(sizes) != 1:
            raise DataError("data: every array needs as many examples as the others")
        return cls(name, *split_off(pool, test), *words)

    @property
    def sizes(self) -> tuple[int, int]:
        """Examples of the pool and of the test split."""
        return len(next(iter(self.pool.values()))), len(next(iter(self.test.values())))

    @functools.cached_property
    def stacked(self) -> dict[str, np.ndarray]:
        """Pool and test examples, one behind the other: position `k` of the test split is pool size + k."""
        return {name: self.whole(name) for name in self.pool}

    def whole(self, name: str) -> np.ndarray:
        """An array of all examples, as in `stacked`."""
        return np.concatenate([self.pool[name], self.test[name]])

    def rows(self, positions: Int[np.ndarray, " examples"]) -> dict[str, np.ndarray]:
        """The examples at positions of `stacked`, without the others being put one behind the other."""
        tested = np.flatnonzero(positions >= self.sizes[0])
        behind, found = positions[tested] - self.sizes[0], {}
        for name, array in self.pool.items():
            found[name] = np.asarray(array[np.where(positions < self.sizes[0], positions, 0)])
            found[name][tested] = self.test[name][behind]
        return found

    @property
    def example_bytes(self) -> int:
        """Bytes of one example."""
        return sum(array.dtype.itemsize * math.prod(array.shape[1:]) for array in self.pool.values())

    @property
    def bytes(self) -> int:
        """Bytes of all examples."""
        return self.example_bytes * sum(self.sizes)

    @functools.cached_property
    def info(self) -> DataInfo:
        """What a task may know of the data."""
        return DataInfo(
            shapes={name: array.shape[1:] for name, array in self.pool.items()},
            dtypes={name: array.dtype for name, array in self.pool.items()},
            stats={name: _stats(array) for name, array in self.pool.items() if _has_stats(name, array)},
            classes=self.classes or None,
            unit=self.unit,
            facts=self.facts,
            levels={name: self._levels(name) for name, array in self.pool.items() if _is_label(array)},
        )

    def _levels(self, name: str) -> int:
        return self.classes if name == "label" else 1 + max(int(part[name].max()) for part in (self.pool, self.test))

    def fingerprint(self) -> str:
        """Hash of the content: results on other numbers are other results."""
        total = hashlib.sha256(f"{self.classes}".encode())
        for arrays in (self.pool, self.test):
            for name, array in sorted(arrays.items()):
                total.update(f"{name} {array.dtype} {array.shape}".encode())
                total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()[:16]


def _has_stats(name: str, array: np.ndarray) -> bool:
    return name in INPUTS or (array.dtype == np.float32 and array.ndim == 2)


def _is_label(array: np.ndarray) -> bool:
    return array.ndim == 1 and np.issubdtype(array.dtype, np.integer) and int(array.min()) >= 0


def split_off(arrays: Arrays, share: float) -> tuple[Arrays, Arrays]:
    """The examples that are kept and those held out: a share of each class, where there is a `label`."""
    held = held_out(arrays.get("label", np.zeros(len(next(iter(arrays.values()))), np.int32)), share)
    kept, tested = ({name: array[mask] for name, array in arrays.items()} for mask in (~held, held))
    return kept, tested


def held_out(labels: np.ndarray, share: float) -> np.ndarray:
    """A mask of the test examples: a share of each class, drawn by a generator that always starts alike.

    Example:
        >>> held_out(np.array([0, 0, 0, 0, 1, 1]), 0.5).sum()
        np.int64(3)
    """
    rng = np.random.default_rng(0)
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held[members[: round(share * len(members))]] = True
    return held


def _converted(array: Any) -> np.ndarray:
    array = np.asarray(array) if not isinstance(array, np.ndarray) else array
    if array.dtype == np.uint8:
        return array
    if np.issubdtype(array.dtype, np.floating):
        return array.astype(np.float32, copy=False)
    whole = np.issubdtype(array.dtype, np.integer) or array.dtype == np.bool_
    return array.astype(np.int32, copy=False) if whole else array


def _stats(array: np.ndarray) -> Stats:
    if array.dtype != np.uint8:
        axes, n = tuple(range(array.ndim - 1)), math.prod(array.shape[:-1])
        mean = np.sum([part.sum(axes, np.float64) for part in _parts(array)], 0) / n
        squares = np.sum([np.square(part - mean).sum(axes) for part in _parts(array)], 0)
        return Stats(mean.astype(np.float32), np.sqrt(squares / n).astype(np.float32))
    means, sds = zip(*map(_of_bytes, np.moveaxis(array, -1, 0)), strict=True)
    return Stats(np.array(means, np.float32), np.array(sds, np.float32))


def _parts(array: np.ndarray) -> Iterator[np.ndarray]:
    """Some examples after the other: an array may lie in a file and be larger than memory."""
    return (array[start : start + EXAMPLES_AT_ONCE] for start in range(0, len(array), EXAMPLES_AT_ONCE))


def _of_bytes(pixels: np.ndarray) -> tuple[float, float]:
    """Mean and sd of bytes as numbers from 0 to 1, by sums of whole numbers, which are exact."""
    n, total, squares = pixels.size, 0, 0
    for part in _parts(pixels):  # no copy of all of them as larger numbers
        part = part.astype(np.float64).ravel()
        total, squares = total + int(part.sum()), squares + int(part @ part)
    return total / (255 * n), math.sqrt(n * squares - total**2) / (255 * n)


def _problems(part: str, arrays: Arrays, classes: int) -> Iterator[str]:
    sizes = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(sizes.values())) > 1 or 0 in sizes.values():
        yield f"{part}arrays need one entry per example, got {', '.join(f'{n} {size}' for n, size in sizes.items())}"
        return
    for name, array in arrays.items():
        if array.dtype not in (np.uint8, np.float32, np.int32):
            yield f"{part}{name} must be bytes, integers or floats, got {array.dtype}"
        elif array.dtype == np.float32 and not all(np.isfinite(part).all() for part in _parts(array)):
            yield f"{part}{name} has numbers that are not finite; leave those examples out or fill them in"
    for name, check in CHECKS.items():
        if name in arrays:
            yield from (f"{part}{problem}" for problem in check(arrays[name], classes))


def _image(images: np.ndarray, classes: int) -> Iterator[str]:
    if images.dtype == np.int32 or images.ndim != 4:
        yield (
            "image must be uint8 or float [n, height, width, channels], got "
            f"{images.dtype} {images.shape}{_remedy(images)}"
        )


def _remedy(images: np.ndarray) -> str:
    """What would make images of these."""
    remedies = []
    if images.ndim == 3:
        remedies.append("grey images take image[..., None]")
    if images.ndim == 2:
        remedies.append("pixels take image.reshape(n, height, width, channels), features the name vector")
    if images.dtype == np.int32 and images.size and images.min() >= 0 and images.max() <= 255:
        remedies.append("integers from 0 to 255 take image.astype('uint8')")
    return "".join(f"; {remedy}" for remedy in remedies)


def _vector(vectors: np.ndarray, classes: int) -> Iterator[str]:
    if vectors.dtype != np.float32 or vectors.ndim != 2:
        yield f"vector must be float [n, features], got {vectors.dtype} {vectors.shape}"


def _label(labels: np.ndarray, classes: int) -> Iterator[str]:
    if labels.dtype != np.int32 or labels.ndim != 1:
        yield f"label must be one integer per example, got {labels.dtype} {labels.shape}"
    elif labels.min() < 0 or labels.max() >= classes:
        yield f"label must lie from 0 to {classes - 1}, got {labels.min()} to {labels.max()}"


def _target(targets: np.ndarray, classes: int) -> Iterator[str]:
    if targets.dtype != np.float32 or targets.ndim != 2:
        yield f"target must be float [n, outputs], got {targets.dtype} {targets.shape}"


CHECKS = {"image": _image, "vector": _vector, "label": _label, "target": _target}


def _differences(pool: Arrays, test: Arrays) -> Iterator[str]:
    if pool.keys() != test.keys():
        yield f"pool has {', '.join(sorted(pool))} and test {', '.join(sorted(test))}; give both the same arrays"
        return
    for name in pool:
        if (pool[name].shape[1:], pool[name].dtype) != (test[name].shape[1:], test[name].dtype):
            mine, theirs = (f"{array.dtype} {array.shape[1:]}" for array in (pool[name], test[name]))
            yield f"{name} is {mine} in the pool and {theirs} in the test split; make them alike"
