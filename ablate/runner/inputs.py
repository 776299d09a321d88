"""Pictures of a few training examples as every arm presents them at its first step: what augmentation and noise do.

The functions, keys and batches are those of training; pixels are only rounded to bytes, and thinned where images are
large. Arms that present examples in the same way have one row together, and only those that see the same ones have any.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ablate.report.plots.pixels import in_bytes
from ablate.results.inputs import InputRow, cells_of_inputs, write_inputs
from ablate.runner.interrupts import Between, go_on
from ablate.runner.plan import Plan, ProgramPlan
from ablate.study.choices import sampling_of
from ablate.study.design import Arm
from ablate.study.programs import Lane
from ablate.tasks.task import Categories
from ablate.train.batches import BatchOrder
from ablate.train.lanes import presenting
from ablate.tricks import AXES

EXAMPLES, SPOILT, ROWS = 8, 4, 10  # columns, of them with a label that is wrong, rows
NOISE = ("label_noise", "noise_kind", "input_noise")


class Way(NamedTuple):
    """How an arm presents its first batch: positions in the data, what the data say of them, and the batch."""

    arm: str
    item: ProgramPlan
    lane: Lane
    batch: dict[str, np.ndarray]
    truth: np.ndarray

    @property
    def spoilt(self) -> np.ndarray:
        """Which examples of the batch have a label that is wrong."""
        return self.batch[categories_of(self.item.task).truth] != self.truth


def store_inputs(plan: Plan, directory: Path, between: Between = go_on) -> None:
    """Writes inputs.npz, unless that of the same cells is there; none where there is nothing to see.

    Args:
        plan: the study.
        directory: where it runs.
        between: called before each row; what it raises ends it there.

    Raises:
        StorageError: the file could not be written.
    """
    ways = list(ways_of(plan)) if has_pictures(plan) else []
    ways = [] if len(ways) == 1 and is_plain(plan.arms[0]) else ways
    cells = [way.lane.cell.name for way in ways]
    if not ways or cells != cells_of_inputs(directory):
        write_inputs(directory, cells, rows_of(ways, between))


def has_pictures(plan: Plan) -> bool:
    """Whether the data are images, and the task tells what it presents and what that is labelled as."""
    names = ("presented", "captions", "categories")
    return plan.dataset.info.input == "image" and all(hasattr(plan.task, name) for name in names)


def is_plain(arm: Arm) -> bool:
    """Whether an arm presents the examples as they are."""
    augment, sampling = arm.recipe.get("augment"), sampling_of(arm.recipe["data"])
    augmented = augment is not None and [each.name for each in augment.chain] != [AXES["augment"].identity]
    return not (augmented or sampling.label_noise or sampling.input_noise)


def ways_of(plan: Plan) -> Iterator[Way]:
    """The baseline and every arm that presents the same examples in another way."""
    lanes = plan.first_lanes()
    seen: list[Any] = []
    for arm in plan.arms:
        item, lane = lanes[arm.name]
        if (setting := setting_of(arm)) in seen or len(seen) == ROWS or item.dataset is not plan.dataset:
            continue
        way = way_of(arm.name, item, lane)
        first = way if not seen else first
        if np.array_equal(way.batch["index"], first.batch["index"]):
            seen.append(setting)
            yield way


def setting_of(arm: Arm) -> list[Any]:
    """What decides how an arm presents an example."""
    chosen = [arm.recipe[axis].plain() for axis in ("augment", "scale") if axis in arm.recipe]
    sampling = sampling_of(arm.recipe["data"])
    return [*chosen, *(getattr(sampling, name) for name in NOISE)]


def way_of(arm: str, item: ProgramPlan, lane: Lane) -> Way:
    """The first batch of a lane, in the order in which its first step sees it."""
    cell = item.inputs[lane.cell.name]
    places = BatchOrder(cell.data_key, len(cell.split.train), item.training.batch_size).at(0)
    index = cell.split.train[places]
    batch = item.dataset.rows(index)
    truth = batch[categories_of(item.task).truth]
    planted = {name: array[places] for name, array in cell.split.planted.items()}
    return Way(arm, item, lane, {**batch, **planted, "index": index}, truth)


def rows_of(ways: Sequence[Way], between: Between = go_on) -> list[InputRow]:
    """A row per way, those of the data first where the baseline changes them; none where no way changes anything."""
    if not ways:
        return []
    first, columns, programs = ways[0], columns_of(ways), {way.item.program.id: way.item for way in ways}
    presented = {name: presenting(item.task, item.training.steps, item.evaluations) for name, item in programs.items()}
    as_they_are, ends = untouched(first, columns)
    rows = []
    for way in ways:
        between()
        cell, scaled = way.item.inputs[way.lane.cell.name], scale_of(way) != scale_of(first)
        shown = presented[way.item.program.id](cell.seed, cell.hp, way.batch)
        images = np.asarray(shown.scaled if scaled else shown.inputs)[columns]
        pictures = in_bytes(images, *((float(images.min()), float(images.max())) if scaled else ends))
        rows.append(labelled(way, pictures, np.asarray(shown.targets)[columns], columns, as_they_are.captions))
    changed = [not same(row, as_they_are) for row in rows]
    return ([as_they_are] if changed[0] else []) + rows if any(changed) else []


def scale_of(way: Way) -> Any:
    """What scales an arm's inputs."""
    return way.lane.cell.arm.recipe.get("scale")


def untouched(way: Way, columns: np.ndarray) -> tuple[InputRow, tuple[float, float]]:
    """The examples as the data have them, and between which values pictures go from black to white."""
    pixels, truth = way.batch["image"][columns], way.truth[columns]
    images = pixels / np.float32(255) if pixels.dtype == np.uint8 else pixels
    ends = (0.0, 1.0) if pixels.dtype == np.uint8 else (float(pixels.min()), float(pixels.max()))
    captions = tuple(categories_of(way.item.task).names[k] for k in truth)
    return InputRow("", in_bytes(images, *ends), captions, (False,) * len(columns)), ends


def categories_of(task: Any) -> Categories:
    """What predictions of the task choose among."""
    return task.categories


def labelled(
    way: Way, pictures: np.ndarray, targets: np.ndarray, columns: np.ndarray, names: Sequence[str]
) -> InputRow:
    """Pictures with what they are labelled as; a label that is wrong stands behind the true one."""
    task: Any = way.item.task
    spoilt = way.spoilt[columns].tolist()
    captions = zip(names, task.captions(targets), spoilt, strict=True)
    texts = tuple(f"{name} → {text}" if wrong else text for name, text, wrong in captions)
    return InputRow(way.arm, pictures, texts, tuple(spoilt))


def same(row: InputRow, other: InputRow) -> bool:
    """Whether two rows show the same."""
    return row.captions == other.captions and np.array_equal(row.pictures, other.pictures)


def columns_of(ways: Sequence[Way]) -> np.ndarray:
    """Places in the batch that are shown: the first ones, but up to four with a label that some arm spoils."""
    spoilt = np.any([way.spoilt for way in ways], axis=0)
    chosen = np.flatnonzero(spoilt)[:SPOILT]
    return np.sort(np.concatenate([chosen, np.flatnonzero(~spoilt)[: EXAMPLES - len(chosen)]]))
