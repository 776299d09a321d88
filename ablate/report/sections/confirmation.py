"""The first estimate of an arm beside that of fresh seeds, in a study that `ablate confirm` ran."""

from collections.abc import Iterator
from typing import NamedTuple

from ablate.report.records import Summary, Tables
from ablate.report.section import Column, Section, grid
from ablate.report.wording import DASH, Unit, interval, plain, plural
from ablate.results.schema import FirstEstimate

CAPTION = "What the first study estimated, and what fresh seeds give; intervals are t intervals, one arm at a time."


class Pair(NamedTuple):
    """An arm as the first study saw it, and as this one does."""

    arm: Summary
    first: FirstEstimate

    @property
    def delta(self) -> float | None:
        """The estimate of this study."""
        return self.arm.contrast.mean if self.arm.contrast else None

    def interval(self, unit: Unit) -> str:
        """The interval of this study."""
        contrast = self.arm.contrast
        return interval(unit.delta(contrast.low), unit.delta(contrast.high)) if contrast else DASH

    def first_interval(self, unit: Unit) -> str:
        """The interval of the first study."""
        return interval(unit.delta(self.first["low"]), unit.delta(self.first["high"]))


def pairs_of(tables: Tables) -> list[Pair]:
    """Every arm that the study repeats; none in a study that repeats none."""
    record = tables.study.get("confirms")
    return [Pair(arm, record["arms"][arm.arm]) for arm in tables.tricks if record and arm.arm in record["arms"]]


def confirmation(tables: Tables) -> Section | None:
    """Both estimates of every arm side by side; None for studies that confirm nothing."""
    if not tables.study.get("confirms"):
        return None
    unit = tables.unit
    first, confirmed = (unit.labelled(name, difference=True) for name in ("first", "confirmed"))
    columns = (
        Column[Pair]("arm", lambda pair: plain(pair.arm.arm), numeric=False, paper="Arm"),
        Column[Pair](first, lambda pair: unit.delta(pair.first["delta"]), paper="First"),
        Column[Pair]("first interval", lambda pair: pair.first_interval(unit), paper="interval"),
        Column[Pair]("first seeds", lambda pair: str(pair.first["n"]), paper="seeds"),
        Column[Pair]("first verdict", lambda pair: plain(pair.first["verdict"]) or DASH, numeric=False),
        Column[Pair](confirmed, lambda pair: unit.delta(pair.delta), paper="Confirmed"),
        Column[Pair]("interval", lambda pair: pair.interval(unit), paper="interval"),
        Column[Pair]("seeds", lambda pair: str(pair.arm.contrast.n if pair.arm.contrast else 0), paper="seeds"),
        Column[Pair]("verdict", lambda pair: pair.arm.verdict or DASH, numeric=False, paper="verdict"),
    )
    table = grid(columns, pairs_of(tables), caption=CAPTION)
    paragraphs = (explained(tables), *shrunk(tables))
    return Section("confirmation", "Confirmed on fresh seeds", paragraphs=paragraphs, grids=(table,))


def confirmed_lines(tables: Tables) -> Iterator[str]:
    """`norm=batch: first +2.1 points (1.0 to 3.2), confirmed +1.4 points (0.3 to 2.5)`, for a terminal."""
    unit = tables.unit
    for pair in pairs_of(tables):
        first = around(unit.points(unit.delta(pair.first["delta"])), pair.first_interval(unit))
        confirmed = around(unit.points(unit.delta(pair.delta)), pair.interval(unit))
        yield f"{plain(pair.arm.arm)}: first {first}, confirmed {confirmed}"


def explained(tables: Tables) -> str:
    """Whose estimates these are, and why there are two."""
    record = tables.study.get("confirms")
    name, then = (plain(record["study"]), len(record["seeds"])) if record else ("", 0)
    fresh = plural(len(tables.study["seeds"]), "fresh seed")
    return (
        f"{name} had {plural(then, 'seed')}; these are {fresh}, which neither it nor its tuning used. An arm that is "
        "picked for its estimate is picked for its luck too, so that the first estimate is too large on average. The "
        "confirmed one is not: its seeds picked nothing. Its verdict is that of these arms and seeds alone."
    )


def shrunk(tables: Tables) -> Iterator[str]:
    """What became of the gain, on average over the arms that were picked for being better."""
    better = [pair for pair in pairs_of(tables) if pair.first["verdict"] == "better"]
    sizes = [(pair.first["delta"], pair.delta) for pair in better]
    known = [(then, now) for then, now in sizes if then is not None and now is not None]
    if len(known) < 2 or tables.interim:
        return
    unit = tables.unit
    then, now = (unit.points(unit.delta(tables.better * sum(column) / len(known))) for column in zip(*known))
    yield f"Over the {len(known)} arms that were better, the mean gain was {then} at first and is {now} confirmed."


def around(estimate: str, limits: str) -> str:
    """An estimate with its interval behind it, where it has one."""
    return estimate if limits == DASH else f"{estimate} ({limits})"
