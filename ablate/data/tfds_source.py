"""Any image classification set of tensorflow-datasets, read without TensorFlow and decoded once.

Preparing a set needs TensorFlow (`pip install 'ablate-jax[tfds]'`); reading a prepared one does not. Decoding runs at
some thousand images per second, so the decoded arrays are kept in the user's cache and mapped into memory.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from ablate.data.dataset import DataError, DataSet
from ablate.data.images import resized
from ablate.tricks.axis import Range


def tfds_dataset(
    name: str, size: Annotated[int, Range(0)] = 0, split: str = "train", test_split: str = "test"
) -> DataSet:
    """An image classification set by its TFDS name, prepared as ArrayRecord.

    Args:
        name: TFDS name, for example fashion_mnist or cifar10:3.0.2.
        size: edge length in pixels that every image is resized to; 0 keeps images that have one size already.
        split: the split that seeds divide into training and validation.
        test_split: the split that is read once, at the end.

    Returns:
        A `DataSet`; its facts hold the texts of the `labels`, if they are texts.

    Raises:
        DataError: not prepared, unknown, not image classification, or images of several sizes with `size` 0.

    References:
        TensorFlow Datasets. https://www.tensorflow.org/datasets
    """
    builder = _builder(name)
    cache = _cache_folder(builder, size)
    images, labels = _arrays(builder, split, cache, size)
    test_images, test_labels = _arrays(builder, test_split, cache, size)
    label = builder.info.features["label"]
    return DataSet(
        name=name,
        pool={"image": images, "label": labels},
        test={"image": test_images, "label": test_labels},
        classes=label.num_classes,
        description=f"{builder.info.full_name} of tensorflow-datasets",
        facts={"labels": names} if (names := _names(label)) else {},
    )


def _names(label: Any) -> tuple[str, ...]:
    """What the classes are called; empty where they have numbers alone."""
    names = tuple(label.names or ())
    return () if names == tuple(map(str, range(len(names)))) else names


def _builder(name: str) -> Any:
    import tensorflow_datasets as tfds
    from absl import logging

    logging.set_verbosity(logging.ERROR)  # or it advises on image decoders at every start
    try:
        builder = tfds.builder(name, file_format="array_record")
    except tfds.core.DatasetNotFoundError as error:
        raise DataError(_unknown(name)) from error
    except Exception as error:  # a misspelt name, version or config; a data set with needs of its own
        words = " ".join(str(error).splitlines()[:1])
        raise DataError(f"{_unknown(name)}: {type(error).__name__}: {words}") from error
    if not builder.data_path.exists():
        _prepare(builder, name)
    features: Any = builder.info.features or ()
    if not {"image", "label"} <= set(features) or getattr(features["label"], "num_classes", None) is None:
        raise DataError(f"data.name: {name!r} has no image and class label; ablate trains image classifiers")
    return builder


def _unknown(name: str) -> str:
    import difflib

    import tensorflow_datasets as tfds

    known = ["digits", *tfds.list_builders(with_community_datasets=False)]
    near = difflib.get_close_matches(name.lower(), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"data.name: {name!r} is neither a data set of ablate nor one that tensorflow-datasets can read{hint}"


def _prepare(builder: Any, name: str) -> None:
    import importlib.util

    if importlib.util.find_spec("tensorflow") is None:
        raise DataError(
            f"data.name: {name!r} is not prepared in {builder.data_path} (as array_record); set TFDS_DATA_DIR to the "
            "folder that has it, or pip install 'ablate-jax[tfds]' to prepare it here"
        )
    try:
        builder.download_and_prepare(file_format="array_record")
    except Exception as error:  # network, disk, checksum: the user needs the reason in one line
        raise DataError(f"data.name: preparing {name!r} failed: {type(error).__name__}: {error}") from error


def cache_root() -> Path:
    """Where decoded arrays and compiled programs are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ablate"


def _cache_folder(builder: Any, size: int) -> Path:
    return cache_root() / "arrays" / builder.info.full_name.replace("/", "-") / (f"{size}px" if size else "as-is")


def _arrays(builder: Any, split: str, cache: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    if split not in builder.info.splits:
        known = ", ".join(builder.info.splits)
        raise DataError(
            f"data: {builder.name!r} has no split {split!r}; it has {known}; set data.split, data.test_split"
        )
    count = builder.info.splits[split].num_examples
    with contextlib.suppress(OSError):
        return _cached(cache, split, count)
    with contextlib.suppress(OSError):  # a cache that cannot be written only costs time, and memory
        _fill(cache, split, count, _decoded(builder, split, size))
        return _cached(cache, split, count)
    images, labels = zip(*_decoded(builder, split, size), strict=True)
    return np.stack(images), np.array(labels, np.int32)


def _cached(cache: Path, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """What was decoded before; OSError where it is not there or not whole."""
    try:
        images = np.load(cache / f"{split}-images.npy", mmap_mode="r")
        labels = np.load(cache / f"{split}-labels.npy")
    except (ValueError, EOFError) as error:
        raise OSError(f"{cache}: {split} is damaged") from error
    if not len(images) == len(labels) == count:
        raise OSError(f"{cache}: {split} has {len(images)} images and {len(labels)} labels, not {count}")
    return images, labels


def _decoded(builder: Any, split: str, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Images and labels, one after another."""
    shape = None
    for example in builder.as_data_source(split=split):
        image = np.asarray(example["image"], np.uint8)
        image = resized(image, size) if size else image
        if shape not in (None, image.shape):
            two = " and ".join("x".join(map(str, each)) for each in (shape, image.shape))
            raise DataError(f"data.size: images of {builder.name!r} have sizes {two}; set data.size, e.g. 64")
        shape = image.shape
        yield image, int(example["label"])


def _fill(cache: Path, split: str, count: int, examples: Iterator[tuple[np.ndarray, int]]) -> None:
    """Writes a split image by image: all of them may be larger than memory. The files have their names at the end."""
    cache.mkdir(parents=True, exist_ok=True)
    temporary = {kind: cache / f".{split}-{kind}.{os.getpid()}.npy" for kind in ("images", "labels")}
    try:
        labels = np.zeros(count, np.int32)
        with temporary["images"].open("wb") as file:
            for k, (image, label) in enumerate(examples):
                if k == 0:
                    head = {"descr": "|u1", "fortran_order": False, "shape": (count, *image.shape)}
                    np.lib.format.write_array_header_1_0(file, head)
                file.write(image.tobytes())
                labels[k] = label
        np.save(temporary["labels"], labels)
        for kind, path in temporary.items():
            os.replace(path, cache / f"{split}-{kind}.npy")
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)
