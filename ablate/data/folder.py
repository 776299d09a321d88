"""A folder of pictures, one folder per label.

cat/1.png, dog/1.png, ... ──prepared.py──> pixels, what cannot be read ──lists──> DataSet
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np

from ablate.data.classes import stratified
from ablate.data.dataset import DataError, DataSet
from ablate.data.prepared import Prepared, prepare, write_lines
from ablate.tricks.axis import Range

TRAIN, TEST = "train.txt", "test.txt"
SHOWN = 20  # labels whose counts a description names one by one


def folder(
    path: str,
    size: Annotated[int, Range(0)] = 0,
    test: Annotated[float, Range(0, 1, above=True, below=True)] = 0.1,
) -> DataSet:
    """Pictures that lie in one folder per label: `path/cat/1.png`, `path/dog/a.jpg`, also in folders below those.

    Labels are the names of the folders in alphabetical order. The test split has the same share of every label, by
    largest remainders, and is the same for every seed and study as long as the files are. It is written down:
    `train.txt` and `test.txt` hold one path per line, in the order of the examples. Where two such files lie in `path`
    itself, they are obeyed. Files that cannot be read are left out and listed with the reason in `unreadable.txt`. All
    of this stands beside the pixels in the user's cache, in the folder that the fact `prepared` names: pictures are
    decoded once, and again when one of the files has changed. Hidden files and empty folders do not count. Where grey
    and colour are mixed, all become colour.

    Args:
        path: the folder.
        size: edge length in pixels that every picture is resized to; 0 keeps pictures that have one size already.
        test: share of the pictures that is held out for the test, above 0 and below 1; not used where lists say it.

    Returns:
        A `DataSet` of images; its facts hold the `labels`, the `counts` of readable pictures and the folder `prepared`.

    Raises:
        DataError: there are no such folders, no picture can be read, several sizes with `size` 0, or lists that do not
            fit the files.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as path:
        ...     for k in range(20):
        ...         file = Path(path, ("cat", "dog")[k % 2], f"{k}.png")
        ...         file.parent.mkdir(exist_ok=True)
        ...         Image.new("RGB", (8, 8), (k, 0, 0)).save(file)
        ...     folder(path).description
        '20 pictures: cat 10, dog 10'
    """
    root = Path(path)
    lists = _lists(root)
    files = sorted(file for part in lists for file in part) if lists else _files(root)
    prepared = prepare(root, files, size)
    split = _readable(lists, prepared) if lists else _drawn(prepared.files, test)
    counts = dict(sorted(Counter(map(_label, prepared.files)).items()))
    for name, part in zip((TRAIN, TEST), split):
        write_lines(prepared.place / name, part)
        if not part:
            raise DataError(f"data.test: of {len(prepared.files)} pictures in {path!r} none is left for {name}")
    pool, tested = (_arrays(prepared, part, tuple(counts)) for part in split)
    return DataSet(
        name=root.resolve().name,
        pool=pool,
        test=tested,
        description=_described(counts, len(prepared.unreadable)),
        classes=len(counts),
        facts={"labels": tuple(counts), "counts": counts, "prepared": str(prepared.place)},
    )


def _label(file: str) -> str:
    return file.partition("/")[0]


def _files(root: Path) -> list[str]:
    """Paths below the folder, `label/.../name`, sorted."""
    if not root.is_dir():
        raise DataError(f"data.path: there is no folder {str(root)!r}")
    labels = [entry for entry in root.iterdir() if entry.is_dir()]
    files = [file.relative_to(root) for label in labels for file in label.rglob("*") if file.is_file()]
    names = sorted(file.as_posix() for file in files if not any(part.startswith(".") for part in file.parts))
    if not names:
        raise DataError(f"data.path: {str(root)!r} needs a folder of pictures per label, such as cat/1.png, dog/1.png")
    return names


def _lists(root: Path) -> tuple[list[str], list[str]] | None:
    """The training and test files that lists in the folder name; None where there are no lists."""
    there = [name for name in (TRAIN, TEST) if (root / name).is_file()]
    if not there:
        return None
    if len(there) == 1:
        raise DataError(f"data.path: {str(root)!r} has {there[0]} alone; give both {TRAIN} and {TEST}, or none")
    train, test = (_lines(root / name) for name in there)
    twice = [f"{file!r} twice" for file, times in Counter([*train, *test]).items() if times > 1]
    foreign = [f"{file!r}, which is no file of a label" for file in train + test if not _is_below(root, file)]
    problems = [*twice, *foreign, *([] if train and test else ["no file on one side"])]
    if problems:
        raise DataError(f"data.path: {TRAIN} and {TEST} in {str(root)!r} name {problems[0]}")
    return train, test


def _lines(path: Path) -> list[str]:
    lines = path.read_text("utf-8-sig", "surrogateescape").split("\n")
    return [Path(line.rstrip("\r")).as_posix() for line in lines if line.strip()]


def _is_below(root: Path, file: str) -> bool:
    parts = Path(file).parts
    return len(parts) > 1 and ".." not in parts and not Path(file).is_absolute() and (root / file).is_file()


def _readable(lists: tuple[list[str], list[str]], prepared: Prepared) -> tuple[list[str], list[str]]:
    train, test = ([file for file in part if file not in prepared.unreadable] for part in lists)
    return train, test


def _drawn(files: list[str], share: float) -> tuple[list[str], list[str]]:
    """Training and test files in no order: whoever looks at the first few should see every label."""
    labels = np.unique([_label(file) for file in files], return_inverse=True)[1].astype(np.int32)
    order = np.random.default_rng(0).permutation(len(files)).astype(np.int32)
    held = stratified(order, labels, round(share * len(files)))
    return [files[k] for k in order[~held]], [files[k] for k in order[held]]


def _arrays(prepared: Prepared, files: Sequence[str], labels: tuple[str, ...]) -> dict[str, np.ndarray]:
    place, number = ({name: k for k, name in enumerate(names)} for names in (prepared.files, labels))
    return {
        "image": prepared.images[[place[file] for file in files]],
        "label": np.array([number[_label(file)] for file in files], np.int32),
    }


def _described(counts: dict[str, int], unreadable: int) -> str:
    """One line: how many pictures, of which labels, and how many files were left out."""
    words = ", ".join(f"{label} {count}" for label, count in counts.items())
    if len(counts) > SHOWN:
        words = f"{len(counts)} labels with {min(counts.values())} to {max(counts.values())} each"
    left_out = f"; {unreadable} that cannot be read left out" if unreadable else ""
    return f"{sum(counts.values()):,} pictures: {words}{left_out}"
