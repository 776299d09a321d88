"""One arm in several studies: which of its runs meet one of the baseline, and which studies are independent. Pure."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from ablate.report.records import Summary, Tables
from ablate.report.wording import plain
from ablate.results.schema import Study


@dataclasses.dataclass(frozen=True)
class Match:
    """One arm in one study, with the baseline there."""

    tables: Tables
    arm: Summary

    @property
    def baseline(self) -> Summary:
        """The arm it is compared with."""
        return self.tables.baseline

    @property
    def paired(self) -> bool:
        """Whether the two share their seeds."""
        return self.tables.study["paired"]

    @property
    def pairs(self) -> frozenset[int]:
        """The seeds of which both runs succeeded; empty where seeds are not shared."""
        return frozenset(self.arm.values.keys() & self.baseline.values.keys() if self.paired else ())

    @property
    def ended(self) -> frozenset[int]:
        """The seeds of which both runs ended, in a number or by failing; empty where seeds are not shared."""
        own, theirs = ({*side.values, *side.failed_seeds} for side in (self.arm, self.baseline))
        return frozenset(own & theirs if self.paired else ())

    @property
    def estimated(self) -> bool:
        """Whether there is a difference at all."""
        return bool(self.pairs) if self.paired else bool(self.arm.values and self.baseline.values)


@dataclasses.dataclass(frozen=True)
class Block:
    """Studies that are independent of all others, with the seeds that they have in common; none where not shared."""

    matches: tuple[Match, ...]
    seeds: frozenset[int]


def blocks(matches: Sequence[Match], *, ended: bool = False) -> list[Block]:
    """Studies with an estimate (or with runs that ended), those of the same data joined over their common seeds.

    The same seed draws the same splits of the same data, so that differences of such studies correlate.
    """
    joined: list[Block] = []
    for match in matches:
        seeds = match.ended if ended else match.pairs
        if not (seeds if ended else match.estimated):
            continue
        same = (i for i, block in enumerate(joined) if data_of(block.matches[0]) == data_of(match))
        home = next((i for i in same if len(joined[i].seeds & seeds) > 1), None)
        if home is None:
            joined.append(Block((match,), seeds))
        else:
            joined[home] = Block((*joined[home].matches, match), joined[home].seeds & seeds)
    return joined


def data_of(match: Match) -> str:
    """What tells the data of a study from those of another, whatever a study does to their examples."""
    return source_of(match.tables.study)


def source_of(study: Study) -> str:
    """What tells the data of a study from those of another, whatever it does to their examples."""
    data = study["data"]
    return data.get("source") or repr((data["name"], sorted(data.get("arguments", {}).items(), key=str)))


def name_of_data(match: Match) -> str:
    """How the data of a study are called."""
    return plain(match.tables.study["data"]["name"])


def sides(block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Metrics of arm and baseline: (studies, seeds) where seeds are shared, otherwise all runs of the one study."""
    if not block.matches[0].paired:
        match = block.matches[0]
        return np.array(list(match.arm.values.values())), np.array(list(match.baseline.values.values()))
    seeds = sorted(block.seeds)
    arm = np.array([[match.arm.values[seed] for seed in seeds] for match in block.matches])
    return arm, np.array([[match.baseline.values[seed] for seed in seeds] for match in block.matches])


def failures(block: Block) -> np.ndarray:
    """Failed runs of the arm less those of the baseline, seed by seed over the studies of a block."""
    lost = [(match.arm.failed_seeds, match.baseline.failed_seeds) for match in block.matches]
    return np.array([sum((s in arm) - (s in base) for arm, base in lost) for s in sorted(block.seeds)], dtype=float)


def scores(side: Summary, better: float) -> np.ndarray:
    """All runs of an arm that ended; more is better, -inf where one failed."""
    return np.array([better * value for value in side.values.values()] + [-math.inf] * len(side.failed_seeds))


def perfect(tables: Tables) -> float | None:
    """The perfect value of the metric as stored: 100 % of a percentage to bring up, 0 of anything to bring down."""
    if tables.better < 0:
        return 0.0
    return 100 / tables.unit.scale if tables.unit.percent else None


def shortfall(values: np.ndarray, tables: Tables) -> np.ndarray:
    """What is missing to the perfect value, as stored."""
    return tables.better * ((perfect(tables) or 0.0) - values)


def measurable(arms: Sequence[Sequence[Match]]) -> bool:
    """Whether ratios can be taken: all studies have a perfect value, nothing beats it, and no mean reaches it."""
    return all(perfect(match.tables) is not None for matches in arms for match in matches) and all(
        bool((missing >= 0).all() and (missing.mean(axis=-1) > 0).all()) for missing in shortfalls(arms)
    )


def shortfalls(arms: Sequence[Sequence[Match]]) -> Iterator[np.ndarray]:
    """What is missing in all runs that a ratio would be taken of, study by study and joined ones together."""
    for matches in arms:
        for block in (*blocks(matches), *(Block((m,), m.pairs) for m in matches if m.estimated)):
            yield from (shortfall(side, block.matches[0].tables) for side in sides(block))
