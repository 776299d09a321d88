"""Two versions of one study, arm by arm: other code or other settings, the same data and seeds. Pure."""

import dataclasses
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ablate.report.comparison.matching import source_of
from ablate.report.comparison.studies import LoadedStudy
from ablate.report.records import Summary, Tables, rotates
from ablate.report.tables import tabulate
from ablate.report.wording import Unit, listed, plain, shortened
from ablate.stats.versions import Change, compare_versions

MOST_DIFFERENCES = 40


@dataclasses.dataclass(frozen=True)
class Versions:
    """A study before and after a change.

    Attributes:
        names: of the two versions.
        before: the first version.
        after: the second one.
        changes: by arm, of those that both have, in the order of the first version.
        only: arms that the first version alone has, and those of the second one.
        differences: what differs between the versions, in words.
        unit: of the deciding metric.
        alpha: family-wise level, the smaller of the two.
    """

    names: tuple[str, str]
    before: Tables
    after: Tables
    changes: Mapping[str, Change]
    only: tuple[tuple[str, ...], tuple[str, ...]]
    differences: tuple[str, ...]
    unit: Unit
    alpha: float

    @property
    def interim(self) -> bool:
        """Whether cells of a version are left to train: there are no verdicts before all have ended."""
        return self.before.interim or self.after.interim

    @property
    def confidence(self) -> str:
        """The level of the intervals, "95 %"."""
        return f"{100 * (1 - self.alpha):.4g} %"


def versions(before: LoadedStudy, after: LoadedStudy, names: tuple[str, str]) -> Versions:
    """Pairs the runs of two versions of a study by arm and seed.

    Args:
        before: the first version.
        after: the second one.
        names: what to call them.

    Raises:
        ValueError: they are not of one study.
    """
    tables = tuple(
        tabulate(loaded.study, loaded.rows, looks=getattr(loaded, "looks", ())) for loaded in (before, after)
    )
    problems = list(why_not(*tables))
    if problems:
        raise ValueError("; ".join(problems))
    first, second = ({arm.arm: runs_of(arm) for arm in one.arms} for one in tables)
    alpha = min(one.study["alpha"] for one in tables)
    changes = compare_versions(first, second, higher_is_better=tables[0].better > 0, alpha=alpha)
    if any(one.interim for one in tables):
        changes = {arm: untested(change) for arm, change in changes.items()}
    return Versions(
        names=(plain(names[0]), plain(names[1])),
        before=tables[0],
        after=tables[1],
        changes=changes,
        only=(tuple(a for a in first if a not in second), tuple(a for a in second if a not in first)),
        differences=tuple(differences(before, after)),
        unit=tables[0].unit.showing([arm.sd for one in tables for arm in one.arms], differences_of(changes)),
        alpha=alpha,
    )


def same_study(before: LoadedStudy, after: LoadedStudy) -> bool:
    """Whether two studies look like two versions of one: arms, data and seeds in common, and the same baseline."""
    tables = tuple(tabulate(loaded.study, loaded.rows) for loaded in (before, after))
    names = [{arm.arm for arm in one.arms} for one in tables]
    return not any(why_not(*tables)) and names[0] == names[1] and before.study["name"] == after.study["name"]


def why_not(before: Tables, after: Tables) -> Iterator[str]:
    """Why the runs of two studies are no pairs."""
    a, b = before.study, after.study
    for what, own, other in (
        ("metric", a["metric"]["name"], b["metric"]["name"]),
        ("task", a["task"], b["task"]),
        ("data", source_of(a), source_of(b)),
        ("rule for test examples", rotates(a), rotates(b)),
        ("direction of the metric", a["metric"]["higher_is_better"], b["metric"]["higher_is_better"]),
    ):
        if own != other:
            yield f"the versions differ in their {what}: {own} and {other}"
    if any(one.elsewhere and not one.study["paired"] for one in (before, after)):
        yield "the runs of a table share no seeds, so that none is a pair"
    shared = {(cell.arm, cell.seed) for cell in before.cells} & {(cell.arm, cell.seed) for cell in after.cells}
    if not shared:
        yield "the versions have no arm in common on a common seed"


def runs_of(arm: Summary) -> dict[int, float]:
    """Seed to metric of the runs that ended; nan where one failed."""
    return {**arm.values, **dict.fromkeys(arm.failed_seeds, math.nan)}


def untested(change: Change) -> Change:
    """The estimates alone."""
    return change._replace(p=None, p_holm=None, p_failure=None, p_failure_holm=None, verdict="")


def differences_of(changes: Mapping[str, Change]) -> list[float]:
    """What the digits must show: the middle one of half the widths of the intervals."""
    widths = [(c.high - c.low) / 2 for c in changes.values() if c.high is not None and c.low is not None]
    return [statistics.median(widths)] if widths else []


def differences(before: LoadedStudy, after: LoadedStudy) -> Iterator[str]:
    """What differs between two versions: settings, recipes of shared arms, packages, devices, code."""
    pairs = [*settings_of(before, after), *surroundings(before, after)]
    told = [f"{plain(name)}: {value_text(a)} before, {value_text(b)} after" for name, a, b in pairs]
    yield from told[:MOST_DIFFERENCES]
    if len(told) > MOST_DIFFERENCES:
        yield f"and {len(told) - MOST_DIFFERENCES} more"
    code = before.study.get("fingerprint"), after.study.get("fingerprint")
    cells = [{(c["arm"], c["seed"]): c["cell"] for c in loaded.study["cells"]} for loaded in (before, after)]
    changed = dict.fromkeys(arm for (arm, seed), name in cells[0].items() if cells[1].get((arm, seed), name) != name)
    if changed:
        yield f"code, data or choices of {listed([plain(arm) for arm in changed])}: not the same, by their hashes"
    elif code[0] == code[1]:
        yield "code: the same, by the hash of what cells reach"


def value_text(value: Any) -> str:
    """A value on part of a line."""
    return shortened(plain(value), 80)


def settings_of(before: LoadedStudy, after: LoadedStudy) -> Iterator[tuple[str, Any, Any]]:
    """Keys of the config, and of the recipes of shared arms, whose values differ."""
    a, b = flattened(before.study["config"]), flattened(after.study["config"])
    yield from ((name, a.get(name, "none"), b.get(name, "none")) for name in {**a, **b} if a.get(name) != b.get(name))
    recipes = {arm["name"]: flattened(arm["recipe"]) for arm in after.study["arms"]}
    for arm in before.study["arms"]:
        own, other = flattened(arm["recipe"]), recipes.get(arm["name"], {})
        for name in own:
            said = {name, f"recipe.{name}"} & {*a, *b}
            if name in other and own[name] != other[name] and not said:
                yield f"{name} of {arm['name']}", own[name], other[name]


def surroundings(before: LoadedStudy, after: LoadedStudy) -> Iterator[tuple[str, Any, Any]]:
    """Packages, devices and commits that differ."""
    a, b = (environment_of(loaded) for loaded in (before, after))
    for name in {**a, **b}:
        if a.get(name) != b.get(name):
            yield name, a.get(name) or "unknown", b.get(name) or "unknown"


def environment_of(loaded: LoadedStudy) -> dict[str, Any]:
    """What is known of where a study ran, flat."""
    where: Mapping[str, Any] = getattr(loaded, "environment", {}) or {}
    known = {name: where.get(name) for name in ("python", "platform", "processor", "git_commit", "xla_flags")}
    devices = ", ".join(str(device) for device in where.get("devices") or ())
    return {**(where.get("versions") or {}), **known, "devices": devices}


def flattened(value: Any, key: str = "") -> dict[str, Any]:
    """Nested mappings by dotted keys."""
    if not isinstance(value, Mapping):
        return {key: value}
    parts: Sequence[dict[str, Any]] = [flattened(v, f"{key}.{k}" if key else str(k)) for k, v in value.items()]
    return {name: item for part in parts for name, item in part.items()}
