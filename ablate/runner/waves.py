"""Waves of a program: which cells advance together, and that those which have begun stay as they were."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ablate.results.files import write_json
from ablate.results.schema import WaveRecord, read_record
from ablate.runner.plan import ProgramPlan, data_key
from ablate.study.programs import Lane
from ablate.train.strategy import Wave, waves


class WaveLanes(NamedTuple):
    """Lanes that advance together: how many with their padding, and how many in a row have one data key."""

    members: list[Lane]
    width: int
    together: int


def waves_of(
    item: ProgramPlan, missing: list[Lane], directory: Path, running: Sequence[WaveRecord] = ()
) -> list[WaveLanes]:
    """Every wave with missing cells; they are written down, beside those of other cells that are `running`.

    Waves that an earlier session wrote down stay as they were, since another shape rounds differently; cells in none
    of them get new ones. What is written there and is no wave of these cells is left out: it costs their checkpoints.
    """
    path = directory / "checkpoints" / f"{item.program.id}.json"
    by_name = {lane.cell.name: lane for lane in item.program.lanes}
    left = {lane.cell.name for lane in missing}
    begun: set[str] = set()
    records: list[WaveRecord] = []
    for wave in read_record(path, list[WaveRecord]) or []:
        if left.intersection(wave["cells"]) and begun.isdisjoint(wave["cells"]) and _is_wave(item, wave):
            records.append(wave)
            begun.update(wave["cells"])
    rest = [lane for lane in missing if lane.cell.name not in begun]
    new = item.split(rest) if rest else ()
    records += [_record([rest[k] for k in wave.members], wave) for wave in new]
    write_json(path, [*records, *running])
    return [
        WaveLanes([by_name[name] for name in wave["cells"]], wave["width"], wave.get("together", 1)) for wave in records
    ]


def _record(lanes: list[Lane], wave: Wave) -> WaveRecord:
    return WaveRecord(width=wave.width, cells=[lane.cell.name for lane in lanes], together=wave.together)


def _is_wave(item: ProgramPlan, wave: WaveRecord) -> bool:
    """Whether these devices could run such a wave of the program's cells."""
    keys = {lane.cell.name: data_key(lane.cell) for lane in item.program.lanes}
    cells, width, together = wave["cells"], wave["width"], wave.get("together", 1)
    devices, most = item.place.devices, item.most_lanes
    if not cells or len(set(cells)) < len(cells) or not keys.keys() >= set(cells):
        return False
    if not 0 < together <= most or len(cells) % together or width % together:
        return False
    # A width beyond all cells and a padding block per device was never written here, and would not fit into memory.
    if not len(cells) <= width < len(keys) + together * devices:
        return False
    blocks = (cells[k : k + together] for k in range(0, len(cells), together))
    alike = all(len({keys[name] for name in block}) == 1 for block in blocks)
    return alike and waves(width, devices, item.strategy, most, together)[0].width == width
