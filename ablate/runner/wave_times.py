"""What every wave of a plan that has no rows yet takes on a worker: measured where rows say so, else estimated.

    stored rows ──seconds per step of a lane on a device, by program and by work──> WaveTime, measured
    nothing stored ──────────────────────────────estimate──────────────────────────> WaveTime

A row speaks for its program. Where the program is another, since arms came or went or steps became more, it speaks for
the cells whose choices are its own but for the number of steps: a short study tells how long the long one takes.
"""

import statistics
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ablate.results.schema import Environment, RowRecord, read_record
from ablate.results.store import FINAL, Store
from ablate.runner.estimate import (
    CELL_SECONDS,
    COMPILE_SECONDS,
    rate_of,
    seconds_of_wave,
    waves_left,
    with_evaluation,
)
from ablate.runner.interrupts import Between, go_on
from ablate.runner.plan import Plan, ProgramPlan
from ablate.runner.simulation import WaveTime
from ablate.study.labels import digest
from ablate.train.strategy import Wave

HOW_LONG = ("steps", "eval_every")  # of training: what a step takes does not follow from them


class Measured(NamedTuple):
    """What a stored row says of time.

    Args:
        step_seconds: of a step of as many lanes as a device had.
        lanes: of the wave, padding included.
        devices: of the wave.
        steps: that were planned.
        share: of these that were trained; below 1 where an arm stopped early.
        whole: seconds of the whole wave over those of its steps; None where that is not known.
        compile_seconds: of its program.
    """

    step_seconds: float
    lanes: int
    devices: int
    steps: int
    share: float
    whole: float | None
    compile_seconds: float


def wave_times(
    plan: Plan, kept: Container[str], rows: Iterable[RowRecord], between: Between = go_on
) -> Iterator[WaveTime]:
    """Waves that are left of a plan, in the order in which they would train.

    Args:
        plan: made for the place of a worker.
        kept: names of cells that are stored.
        rows: trained on the platform of the plan.
        between: called between two programs; what it raises ends it there.
    """
    known, rate = _by_key(rows), rate_of(plan.place)
    for item in plan.programs:
        between()
        found = known.get(item.program.id) or [each for key in _works(item) for each in known.get(key, ())]
        for wave in waves_left(item, kept):
            if found:
                yield _measured(item, wave, found)
            else:
                seconds = seconds_of_wave(item, wave, rate)
                yield WaveTime(item.program.id, seconds, COMPILE_SECONDS[item.convolutions])


def rows_of_time(directory: Path, platform: str) -> list[RowRecord]:
    """The rows of a run directory and of its tuning, where they were trained on such a platform."""
    devices = (read_record(directory / "environment.json", Environment) or {}).get("devices") or []
    if devices and not devices[0].startswith(f"{platform}:"):
        return []
    stores = (Store(directory), Store(directory / "tuning"))
    return [row for store in stores for row in store.read(path.stem for path in store.cells.glob("*.json")).values()]


def _measured(item: ProgramPlan, wave: Wave, found: list[Measured]) -> WaveTime:
    """Lanes of a device take turns or share it: twice as many count as twice the time."""
    per_lane = statistics.median(each.step_seconds * each.devices / each.lanes for each in found)
    steps = item.training.steps * max(each.share for each in found)
    seconds = _whole(item, wave, found, per_lane * steps * wave.width / item.place.devices)
    return WaveTime(item.program.id, seconds, statistics.median(each.compile_seconds for each in found), measured=True)


def _whole(item: ProgramPlan, wave: Wave, found: list[Measured], seconds: float) -> float:
    """Seconds of a wave from those of its steps; what else there is to do grows in another way with their number."""
    same = [each.whole for each in found if each.whole and each.steps == item.training.steps]
    if same:
        return seconds * statistics.median(same)
    return CELL_SECONDS * len(wave.members) + seconds * with_evaluation(item)


def _by_key(rows: Iterable[RowRecord]) -> dict[str, list[Measured]]:
    """What rows say, by id of their program and by digest of their work."""
    known: dict[str, list[Measured]] = {}
    for row in rows:
        measured = _of_row(row)
        if measured:
            for key in (row["costs"].get("program", ""), work_of(row.get("identity") or {})):
                known.setdefault(key, []).append(measured)
    return known


def _of_row(row: RowRecord) -> Measured | None:
    costs, planned = row["costs"], _training(row.get("identity") or {}).get("steps")
    rate, lanes, devices = costs.get("steps_per_second"), costs.get("lanes"), costs.get("devices")
    if row["status"] not in FINAL or not rate or not lanes or not devices:
        return None
    steps = planned if isinstance(planned, int) and planned else costs.get("steps", 0)
    share = min(1.0, costs.get("steps", 0) / steps) if steps else 1.0
    train, wave = costs.get("train_seconds"), costs.get("wave_seconds")
    whole = wave / train if wave and train else None
    return Measured(1 / rate, lanes, devices, steps, share, whole, costs.get("compile_seconds", 0.0))


def _works(item: ProgramPlan) -> dict[str, None]:
    return dict.fromkeys(work_of(lane.cell.identity) for lane in item.program.lanes)


def work_of(identity: Mapping[str, Any]) -> str:
    """Tells apart cells whose steps may take another time: by task and choices, whatever the steps are."""
    recipe = identity.get("recipe") or {}
    train = {name: value for name, value in _training(identity).items() if name not in HOW_LONG}
    return digest([identity.get("task"), recipe | {"train": train}])


def _training(identity: Mapping[str, Any]) -> Mapping[str, Any]:
    train = (identity.get("recipe") or {}).get("train")
    return train if isinstance(train, dict) else {}
