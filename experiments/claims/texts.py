"""Effects, conditions, costs and what was missed, as the page of answers says them. Pure."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ablate.report.comparison.grids import relative
from ablate.report.wording import DASH, Unit, interval, listed, number, unit_of
from ablate.stats.power import minimum_detectable_effect
from ablate.stats.student import quantile
from ablate.tasks import TASKS

DECIDED = ("better", "worse")  # verdicts
MISSED = "an effect below {} would have been missed"  # more than one time in five
Report = Mapping[str, Any]


class Change(NamedTuple):
    """Log ratio of what is missing to a perfect score, arm over baseline, with its 95 % interval."""

    mean: float
    low: float | None
    high: float | None


def unit_in(report: Report) -> Unit:
    """How the metric of a report is shown; a report across conditions does not say it, the tasks do."""
    name = report["metric"]["name"]
    known = [metric for task in TASKS.values() for metric in class_metrics(task)]
    if "conditions" in report:
        errors = [arm["difference"]["error"] for arm in report["arms"] if arm["difference"]]
    else:
        contrasts = [arm["contrast"] for arm in report["arms"] if arm["contrast"]]
        errors = [one["sd"] / math.sqrt(one["n"]) for one in contrasts if one["sd"] and one["n"]]
    unit = unit_of(name, report.get("metrics", known)).showing(errors)
    return dataclasses.replace(unit, higher_is_better=report["metric"]["higher_is_better"])


def class_metrics(task: type) -> Iterator[Any]:
    """Metrics that a task has whatever its data."""
    declared = vars(task).get("metrics")
    for metric in declared if isinstance(declared, tuple) else ():
        unit = "" if "{unit}" in metric.unit else metric.unit
        yield {**metric._asdict(), "unit": unit, "difference": metric.difference or unit}


def effect_text(arm: Mapping[str, Any], unit: Unit, metric: str) -> str:
    """`+1.90 points (+1.20 to +2.60)`, and how often the arm and the baseline failed where they did."""
    contrast = arm["contrast"] or {}
    if arm["identical"]:
        return "identical in every seed"
    parts = []
    if contrast.get("mean") is not None:
        bounds = interval(unit.delta(contrast["low"]), unit.delta(contrast["high"]))
        around = "" if bounds == DASH else f" ({bounds})"
        of_what = "" if metric == "test_accuracy" else f" {'of ' if unit.difference else 'in '}{unit.metric}"
        parts.append(f"{unit.points(unit.delta(contrast['mean']))}{around}{of_what}")
    lost = [contrast.get(key) or {"hits": 0} for key in ("failures", "failures_baseline")]
    if any(side["hits"] for side in lost):
        own, base = (f"{side['hits']} of {side['repeats']}" for side in lost)
        parts.append(f"failed in {own} seeds, the baseline in {base}")
    return "; ".join(parts) or "no estimate"


def average_text(arm: Mapping[str, Any], unit: Unit, sides: Sequence[tuple[Any, Any]]) -> str:
    """The mean difference and the change of shortfall with its interval, which the verdict is about."""
    parts = []
    if arm["difference"]:
        parts.append(f"{unit.points(unit.delta(arm['difference']['mean']))} on average")
    if arm["change"]:
        change = Change(*(arm["change"][key] for key in Change._fields))
        parts.append(f"{'shortfall' if unit.higher_is_better else unit.metric} {change_text(change)}")
    own, base = (sum(side[k]["failed"] for side in sides) for k in (0, 1))
    if own + base:
        parts.append(f"failed in {own} of {sum(side[0]['cells'] for side in sides)} runs, the baseline in {base}")
    return "; ".join(parts) or "no estimate"


def change_text(change: Change) -> str:
    """`−25 % (−28 to −22)`; as a factor where it has become three times as much, or more.

    >>> change_text(Change(math.log(0.75), math.log(0.72), math.log(0.78)))
    '−25 % (−28 to −22)'
    >>> change_text(Change(math.log(4), None, None))
    '×4.0'
    """
    bounds = [end for end in (change.low, change.high) if end is not None]
    ends = f" ({percent(bounds[0])} to {percent(bounds[1])})" if len(bounds) == 2 else ""
    return f"{percent(change.mean)}{'' if change.mean >= math.log(3) else ' %'}{ends}"


def percent(log_ratio: float) -> str:
    """A log ratio as a signed percentage without its sign of percent, or as a factor from ×3 on."""
    if log_ratio >= math.log(3):
        return f"×{math.exp(min(log_ratio, 20.0)):.1f}"
    share = 100 * relative(log_ratio)
    return number(share, 0 if abs(share) >= 9.95 else 1, signed=True)


def where_text(arm: Mapping[str, Any]) -> str:
    """In how many conditions the arm is better and worse, where it is worse, and where its effect departs most."""
    counts = Counter(verdict for verdict in arm["verdicts"].values() if verdict)
    rare = min(DECIDED[::-1], key=lambda word: (counts[word] == 0, counts[word]))
    places = [name for name, verdict in arm["verdicts"].items() if verdict == rare]
    named = f" ({listed(places, 3)})" if places and counts["better"] and counts["worse"] else ""
    total, told = len(arm["verdicts"]), [word for word in (*DECIDED, "equivalent") if counts[word]]
    parts = [f"{word} in {counts[word]} of {total}{named if word == rare else ''}" for word in told]
    parts = parts or [f"inconclusive in all {total}"]
    if arm["differs"]:
        most = min(arm["departures"], key=lambda one: (one["p_holm"] is None, one["p_holm"], one["p"]))
        there, elsewhere = (change_text(Change(most[key], None, None)) for key in ("there", "elsewhere"))
        others = f"at {most['others']}" if most["others"] else "elsewhere"
        parts.append(f"differs: {there} at {most['level']}, {elsewhere} {others}")
    return "; ".join(parts)


def open_text(contrast: Mapping[str, Any], unit: Unit, expects: str) -> str:
    """What a plain study could not have seen; of a claim of no difference, how large it may still be."""
    if expects == "equivalent":
        return f"less than ±{unit.points(unit.size(contrast['within']))}" if contrast.get("within") else ""
    return MISSED.format(unit.points(unit.size(contrast["mde"]))) if contrast.get("mde") else ""


def open_on_average(arm: Mapping[str, Any], report: Report, expects: str) -> str:
    """The same of a study under conditions, in shares of the shortfall, or of a mean difference in its unit."""
    tests = sum(one[key] is not None for one in report["arms"] for key in ("p_holm", "p_failure_holm"))
    level, difference, change = report["alpha"] / max(1, tests), arm["difference"] or {}, arm["change"] or {}
    if expects == "equivalent":
        unit, error = unit_in(report), difference.get("error")
        bound = abs(difference["mean"]) - quantile(level, difference["df"]) * error if error else None
        return f"less than ±{unit.points(unit.size(bound))} on average" if bound else ""
    if not change.get("error"):
        return ""
    log_ratio = minimum_detectable_effect(change["error"] * math.sqrt(2), 2, level, df_factor=change["df"])
    return MISSED.format(f"{number(-100 * relative(-(log_ratio or 0.0)), 0)} % of the shortfall")


def cost_text(sides: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    """What training costs over the baseline, `×1.07` or from least to most: operations, or time where measured."""
    ratios = [ratio for own, base in sides if (ratio := cost(own, base))]
    ends = dict.fromkeys(f"×{number(x, 2)}" for x in (min(ratios), max(ratios))) if ratios else ()
    return " to ".join(ends)


def cost(arm: Mapping[str, Any], base: Mapping[str, Any]) -> float | None:
    """Time of a step where the study measured it, else its operations; times the ratio of steps."""
    measured_ratio = (arm["step_ratio"] or {}).get("ratio")
    counted = arm["flops"] / base["flops"] if arm["flops"] and base["flops"] else None
    ratio = measured_ratio or counted
    return ratio * arm["steps"] / base["steps"] if ratio and arm["steps"] and base["steps"] else ratio
