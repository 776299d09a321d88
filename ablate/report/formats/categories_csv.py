"""per_class.csv and examples.csv: every category of every arm, and every test example that an arm wins or loses."""

from collections.abc import Iterator
from typing import Any

from ablate.report.categories import ArmByCategory, ByCategory
from ablate.report.formats.csv_files import delimited
from ablate.stats.categories import mistaken_for

PER_CATEGORY = ("arm", "number", "class", "n", "seeds", "baseline", "right", "delta", "delta_low", "delta_high")
EXAMPLES = ("arm", "index", "class", "outcome", "seeds", "won", "lost", "mistaken_for")


def per_category_csv(known: ByCategory) -> str:
    """per_class.csv: a line per arm and category; shares of its test examples that are right, means over seeds."""
    return delimited(PER_CATEGORY, [record for arm in known.arms for record in _categories(arm, known)])


def examples_csv(known: ByCategory) -> str:
    """examples.csv: a line per arm and test example that is won, or lost, in more than half of the seeds.

    The side that is wrong takes it for `mistaken_for` in most of the seeds in which it is.
    """
    return delimited(EXAMPLES, [record for arm in known.arms for record in _examples(arm, known)])


def _categories(arm: ArmByCategory, known: ByCategory) -> Iterator[dict[str, Any]]:
    for k, name in enumerate(known.names):
        delta = arm.deltas[k]
        yield {
            "arm": arm.arm, "number": k, "class": name, "n": arm.n[k], "seeds": arm.seeds, "baseline": arm.before[k],
            "right": arm.after[k], "delta": delta.mean, "delta_low": delta.low, "delta_high": delta.high,
        }  # fmt: skip


def _examples(arm: ArmByCategory, known: ByCategory) -> Iterator[dict[str, Any]]:
    won, lost = arm.flips
    sides = {"won": (arm.won, arm.baseline), "lost": (arm.lost, arm.own)}
    for outcome, (indices, wrong) in sides.items():
        taken_for = mistaken_for(arm.truth[:, indices], wrong[:, indices])
        for index, other in zip(indices, taken_for.tolist(), strict=True):
            yield {
                "arm": arm.arm, "index": index, "class": known.names[arm.truth[0, index]], "outcome": outcome,
                "seeds": arm.seeds, "won": int(won[index]), "lost": int(lost[index]),
                "mistaken_for": known.names[other],
            }  # fmt: skip
