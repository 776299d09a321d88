"""What a report says about a claim: supported, contradicted, mixed or undecided. Pure.

A claim is a dict of a card's `CLAIMS`: `claim`, `source`, and either `arm` with `expects` ("better", "worse" or
"equivalent", of the arm against the baseline) or `measure`, a function of the study's folder. A report is report.json
of a study, or of a study under conditions, whose verdict on average is about the change of shortfall.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from texts import (
    Change,
    Report,
    average_text,
    cost_text,
    effect_text,
    open_on_average,
    open_text,
    unit_in,
    where_text,
)

from ablate.report.wording import DASH, Unit, listed, p_clause
from ablate.stats.checks import rounding_of
from ablate.stats.datasets import average, paired_log_ratio
from ablate.stats.multiple import holm
from ablate.stats.student import upper_tail

ANSWERS = ("supported", "contradicted", "mixed", "undecided")
OPPOSITE = {"better": "worse", "worse": "better"}
Claim = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Answer:
    """A claim and what came out; texts are ready to be shown, and empty where there is nothing to say.

    `p` is corrected within the study, by the test that `test` names: quality, failure or equivalence.
    """

    claim: str
    source: str
    answer: str
    effect: str
    expects: str = ""
    arm: str = ""
    note: str = ""
    p: float | None = None
    test: str = ""
    where: str = ""
    missed: str = ""
    seeds: str = ""
    cost: str = ""
    change: Change | None = None


def answer_of(claim: Claim, report: Report) -> Answer:
    """The answer of an arm's verdict.

    Raises:
        ValueError: the report has no such arm.
    """
    arm = next((one for one in report["arms"] if one["arm"] == claim["arm"]), None)
    if arm is None:
        raise ValueError(f"{report['name']} has no arm {claim['arm']!r}; its arms: {listed(names_of(report), 40)}")
    shared = {key: claim.get(key, "") for key in ("claim", "source", "expects", "arm", "note")}
    return Answer(**shared, **(of_conditions if "conditions" in report else of_study)(arm, claim["expects"], report))


def measured(claim: Claim, result: Mapping[str, Any]) -> Answer:
    """The answer that a claim's own measure gave."""
    if result["answer"] not in ANSWERS:
        raise ValueError(f"a measure answers with one of {', '.join(ANSWERS)}; got {result['answer']!r}")
    shared = {key: claim.get(key, "") for key in ("claim", "source", "note")}
    return Answer(**shared, answer=result["answer"], effect=result["effect"])


def names_of(report: Report) -> list[str]:
    """The arms of a report, the baseline left out."""
    return [one["arm"] for one in report["arms"] if not one.get("baseline")]


def judged(expects: str, verdict: str, single: Sequence[str] = ()) -> str:
    """One of `ANSWERS`, from what is claimed, the verdict (on average), and those of single conditions.

    >>> judged("better", "better"), judged("better", "equivalent"), judged("worse", "inconclusive")
    ('supported', 'contradicted', 'undecided')
    >>> judged("better", "better", ["better", "worse"]), judged("equivalent", "equivalent", ["worse", "equivalent"])
    ('mixed', 'mixed')
    """
    claims = set(single) & OPPOSITE.keys()
    if expects == "equivalent":
        if verdict in OPPOSITE:
            return "contradicted"
        if len(claims) == 2 or (claims and (verdict == "equivalent" or "equivalent" in single)):
            return "mixed"
        return "supported" if verdict == "equivalent" else "undecided"
    if len(claims) == 2 or (verdict == expects and OPPOSITE[expects] in claims):
        return "mixed"
    if verdict in (OPPOSITE[expects], "equivalent"):
        return "mixed" if expects in claims else "contradicted"
    return "supported" if verdict == expects else "undecided"


def of_study(arm: Mapping[str, Any], expects: str, report: Report) -> dict[str, Any]:
    """The fields of an answer by a plain study."""
    contrast, unit, base = arm["contrast"] or {}, unit_in(report), baseline_of(report["arms"])
    answer = judged(expects, arm["verdict"])
    kind = test_of(arm["verdict"], expects, by_failure=bool(contrast.get("by_failure")))
    corrected = {"quality": "p_corrected", "failure": "p_failure_corrected", "equivalence": "p_tost_holm"}
    return {
        "answer": answer,
        "effect": effect_text(arm, unit, report["metric"]["name"]),
        "p": contrast.get(corrected[kind]),
        "test": kind,
        "missed": open_text(contrast, unit, expects) if answer == "undecided" else "",
        "seeds": str(arm["cells"]),
        "cost": cost_text([(arm, base)]),
        "change": change_in(arm, base, unit, report["alpha"]),
    }


def of_conditions(arm: Mapping[str, Any], expects: str, report: Report) -> dict[str, Any]:
    """The fields of an answer by a study under conditions."""
    verdicts = list(arm["verdicts"].values())
    sides = [(arm_in(one, arm["arm"]), baseline_of(one["arms"])) for one in report["conditions"]]
    equivalence = equivalent_on_average(report)[arm["arm"]]
    shown = arm["p_holm"] is not None and arm["p_holm"] <= report["alpha"]
    # As in a plain study: what fails more often than the baseline is not equivalent.
    alike = not shown and sum(own["failed"] / own["cells"] - base["failed"] / base["cells"] for own, base in sides) <= 0
    equivalent = alike and equivalence is not None and equivalence <= report["alpha"]
    verdict = "equivalent" if arm["verdict"] == "inconclusive" and equivalent else arm["verdict"]
    answer = judged(expects, verdict, verdicts)
    kind = test_of(verdict, expects, by_failure=not shown)
    return {
        "answer": answer,
        "effect": average_text(arm, unit_in(report), sides),
        "p": {"quality": arm["p_holm"], "failure": arm["p_failure_holm"], "equivalence": equivalence}[kind],
        "test": kind,
        "where": where_text(arm),
        "missed": open_on_average(arm, report, expects) if answer == "undecided" else "",
        "seeds": f"{max(own['cells'] for own, _ in sides)} × {len(sides)}",
        "cost": cost_text(sides),
        "change": Change(*(arm["change"][key] for key in Change._fields)) if arm["change"] else None,
    }


def test_of(verdict: str, expects: str, *, by_failure: bool) -> str:
    """Which test a verdict rests on; an open one is that of what was claimed."""
    if verdict in OPPOSITE:
        return "failure" if by_failure else "quality"
    return "equivalence" if "equivalent" in (verdict, expects) else "quality"


def baseline_of(arms: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The arm that all others are compared with."""
    return next(one for one in arms if one["baseline"])


def arm_in(condition: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An arm of one condition."""
    return next(one for one in condition["arms"] if one["arm"] == name)


def equivalent_on_average(report: Report) -> dict[str, float | None]:
    """Of every arm, p that its mean difference over the conditions lies beyond the margin, by Holm over the arms."""
    margin = report["metric"]["margin"]
    return dict(zip(names_of(report), holm([tost(arm, margin) for arm in report["arms"]]), strict=True))


def tost(arm: Mapping[str, Any], margin: float | None) -> float | None:
    """P(T > (margin - |mean|) / error) of an average over conditions."""
    found = arm["difference"] or {}
    if margin is None or not found.get("error"):
        return None
    return upper_tail((margin - abs(found["mean"])) / found["error"], found["df"])


def change_in(arm: Mapping[str, Any], base: Mapping[str, Any], unit: Unit, alpha: float) -> Change | None:
    """The change of shortfall of a plain study's arm, as a report across conditions has it; None where there is none.

    Ratios need a perfect score, 100 % or a loss of 0, that no mean reaches.
    """
    shared = sorted(arm["values"].keys() & base["values"].keys())
    perfect = 100 / unit.scale if unit.percent else None if unit.higher_is_better else 0.0
    if perfect is None or not shared:
        return None
    own, theirs = (np.array([[one["values"][seed] for seed in shared]], dtype=float) for one in (arm, base))
    missing = [(perfect - x) if unit.higher_is_better else x - perfect for x in (own, theirs)]
    if any((x < 0).any() or x.mean() <= 0 for x in missing):
        return None
    ratio = average([paired_log_ratio(*missing, rounding=rounding_of(own, theirs))], 1, 1 - alpha)
    return Change(ratio.mean, ratio.low, ratio.high)


def tests_of(report: Report) -> dict[tuple[str, str], float]:
    """Every test of a report, uncorrected: (arm, quality, failure or equivalence) -> p."""
    if "conditions" in report:
        margin = report["metric"]["margin"]
        columns = [(one["arm"], one["p"], one["p_failure"] if one["p_failure_holm"] is not None else None,
                    tost(one, margin)) for one in report["arms"]]  # fmt: skip
    else:
        contrasts = [(one["arm"], one["contrast"]) for one in report["arms"] if one["contrast"]]
        columns = [(arm, one["p"], one["p_failure"] if one["p_failure_corrected"] is not None else None, one["p_tost"])
                   for arm, one in contrasts]  # fmt: skip
    kinds = ("quality", "failure", "equivalence")
    return {(arm, kind): p for arm, *own in columns for kind, p in zip(kinds, own, strict=True) if p is not None}


def corrected_over_all(reports: Mapping[str, Report]) -> dict[tuple[str, str, str], float | None]:
    """Holm's method over every test of every study at once: (study, arm, test) -> p; equivalence is a family apart."""
    every = {(name, *key): p for name, report in reports.items() for key, p in tests_of(report).items()}
    families = [[key for key in every if (key[2] == "equivalence") is apart] for apart in (False, True)]
    return {k: p for keys in families for k, p in zip(keys, holm([every[k] for k in keys]), strict=True)}


def p_text(answer: Answer) -> str:
    """The corrected p, and of what where it is not of quality."""
    if answer.p is None:
        return DASH
    of_what = {"failure": " of failures", "equivalence": " of equivalence"}.get(answer.test, "")
    return p_clause(answer.p, "").strip() + of_what
