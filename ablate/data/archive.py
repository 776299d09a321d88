"""Arrays from an .npz file, as `numpy.savez` writes it: the names of the arrays say what they are for."""

from pathlib import Path

import numpy as np

from ablate.data.dataset import INPUTS, Arrays, DataError, DataSet, split_off

TEST = "test_"  # begins the names of arrays that hold the test split


def is_archive(path: str) -> bool:
    """Whether a file is read as an archive of arrays, by the end of its name.

    Example:
        >>> is_archive("own/Digits.NPZ"), is_archive("houses.csv")
        (True, False)
    """
    return path.lower().endswith(".npz")


def archive(path: str, test: float = 0.25, unit: str = "") -> DataSet:
    """The arrays of an .npz file: `image` or `vector`, `label` or `target`, and whatever else goes with an example.

    Arrays called `test_image`, `test_label` and so on are the test split; without them a share is held out. Labels are
    numbers from 0, or texts, which are classes in alphabetical order. Nothing is scaled.

    Args:
        path: the file.
        test: share of the examples (of each class, where there is a label) that is held out for the test.
        unit: of the targets, for the report.

    Returns:
        A `DataSet`; its facts hold the texts of the `labels`, if they are texts.

    Raises:
        DataError: in one line, what is wrong with the file.
    """
    arrays = _read(path)
    texts = _texts(arrays)
    arrays |= {key: _numbered(path, arrays[key], texts) for key in ("label", f"{TEST}label") if key in arrays and texts}
    tested = {key.removeprefix(TEST): value for key, value in arrays.items() if key.startswith(TEST)}
    pool = {key: value for key, value in arrays.items() if not key.startswith(TEST)}
    if not set(INPUTS) & set(pool):
        raise DataError(f"data: {path}: no array image or vector to predict from; it has {', '.join(arrays) or 'none'}")
    if not tested:
        whole = _data_set(path, pool, pool, texts, unit)  # what is wrong with it shows before it is split
        pool, tested = split_off(whole.pool, test)
    return _data_set(path, pool, tested, texts, unit, _classes(arrays))


def _data_set(
    path: str, pool: Arrays, test: Arrays, texts: tuple[str, ...], unit: str = "", classes: int = 0
) -> DataSet:
    description, facts = f"{Path(path).name}: arrays {', '.join(pool)}", {"labels": texts} if texts else {}
    try:
        return DataSet(Path(path).stem, pool, test, description, len(texts) or classes, unit, facts)
    except DataError as error:
        raise DataError(f"data: {path}: {str(error).removeprefix('data: ')}") from error


def archive_rows(path: str, dataset: DataSet) -> dict[str, np.ndarray]:
    """The examples of an .npz file in their order there, those of its test split last, for networks of a data set.

    Args:
        path: the file; what is predicted need not be in it.
        dataset: what the networks were trained on; arrays that it does not have are left out.

    Raises:
        DataError: the file cannot be read, its examples do not look like those of the data set, or a label is new.
    """
    parts = _read(path)
    texts = dataset.facts.get("labels", ())
    arrays = {}
    for name in dataset.pool:
        given = [parts[key] for key in (name, f"{TEST}{name}") if key in parts]
        if given and len({array.shape[1:] for array in given}) == 1:
            whole = np.concatenate(given)
            arrays[name] = _numbered(path, whole, texts) if name == "label" and _is_text(whole) else whole
    if dataset.info.input not in arrays:
        raise DataError(f"data: {path}: no array {dataset.info.input!r}; it has {', '.join(parts) or 'none'}")
    return dict(_data_set(path, arrays, arrays, (), classes=dataset.classes).pool)


def class_of(path: str, text: str, labels: tuple[str, ...]) -> int:
    """The number of a class whose text stands in a file.

    Raises:
        DataError: it is none of those that are known.
    """
    if text not in labels:
        raise DataError(f"data: {path}: the label {text!r} is none of {', '.join(map(repr, labels)) or 'numbers'}")
    return labels.index(text)


def _read(path: str) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                raise ValueError("it holds a single array without a name")
            return {name: np.asarray(content[name]) for name in content.files}  # what is no array comes as bytes
    except Exception as error:  # what a torn or foreign file raises: zipfile, zlib, numpy and the system have their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"data.path: cannot read {path!r}, which numpy.savez could write: {reason}") from error


def _is_text(array: np.ndarray) -> bool:
    return array.dtype.kind in "US" and array.ndim == 1


def _texts(arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    """The texts of the classes, in alphabetical order; none where labels are numbers."""
    labels = [arrays[key] for key in ("label", f"{TEST}label") if key in arrays]
    return tuple(sorted({text for array in labels for text in _strings(array)})) if all(map(_is_text, labels)) else ()


def _strings(labels: np.ndarray) -> list[str]:
    return labels.astype(str).tolist()


def _numbered(path: str, labels: np.ndarray, texts: tuple[str, ...]) -> np.ndarray:
    return np.array([class_of(path, text, texts) for text in _strings(labels)], np.int32)


def _classes(arrays: dict[str, np.ndarray]) -> int:
    """One more than the largest label of either split; 0 where there is none."""
    labels = [arrays[key] for key in ("label", f"{TEST}label") if key in arrays]
    return max((int(array.max()) + 1 for array in labels if array.size and array.dtype.kind in "iu"), default=0)
