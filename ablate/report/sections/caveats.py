"""What a careful reader would object, found from the tables themselves. Pure; one small function per objection."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from ablate.report.looks import changed, gone, spent
from ablate.report.records import FAILURES, Summary, Tables, rotates
from ablate.report.section import Section
from ablate.report.sections.equal_cost import cost_caveat
from ablate.report.sections.tuning import border_caveat, failure_caveat
from ablate.report.wording import listed, p_clause, plain, plural
from ablate.results.schema import Environment, LookRecord
from ablate.stats.checks import skewness
from ablate.stats.failure import rate
from ablate.stats.paired import smallest_p_sentence

CLAIMS = ("better", "worse")
SKEWED, FEWEST_FOR_SKEW = 2.0, 6  # in standard errors; seeds
NOTICEABLE = 0.05  # Part of its best by which a curve that is no percentage must get worse to be worth a word.


def caveats(tables: Tables) -> Section:
    """Every objection that applies."""
    return Section("caveats", "Caveats", bullets=find_caveats(tables, tables.environment))


def find_caveats(tables: Tables, environment: Environment) -> tuple[str, ...]:
    """Every objection that applies, in the order of `OBJECTIONS`.

    Args:
        tables: the study.
        environment: the content of environment.json, for the state of the code.
    """
    sentences = [sentence for objection in OBJECTIONS for sentence in objection(tables)]
    if environment.get("git_dirty"):
        sentences.append("The working tree had uncommitted changes: the commit named below is not the whole code.")
    if environment.get("differs"):
        changed = "; ".join(environment.get("differs", []))
        sentences.append(f"Cells of an earlier session were used again, {changed}: last digits may differ.")
    return tuple(plain(sentence) for sentence in sentences)


def names(arms: list[Summary]) -> str:
    """The arms of a sentence."""
    return listed([arm.arm for arm in arms])


def claimed(tables: Tables) -> list[Summary]:
    """The arms whose quality makes them better or worse; failures alone are no claim about a difference."""
    return [arm for arm in tables.tricks if arm.verdict in CLAIMS and not (arm.contrast and arm.contrast.by_failure)]


def size_of(arm: Summary) -> float:
    """The size of an arm's delta; infinite where it has none, so that it never counts as small."""
    return abs(arm.contrast.mean) if arm.contrast and arm.contrast.mean is not None else math.inf


def unfinished(tables: Tables) -> Iterator[str]:
    """Cells without a result."""
    left = sum(not cell.ended for cell in tables.cells)
    if left and not tables.elsewhere:  # a table is all there will be, and says itself what it leaves out
        yield f"{left} of {plural(len(tables.cells), 'cell')} have no result yet; everything below may still change."


def looked_again(tables: Tables) -> Iterator[str]:
    """Looks that nobody planned: each of them is a chance to be wrong."""
    firsts: dict[str, LookRecord] = {}
    for look in tables.looks:
        firsts.setdefault(look["rows"], look)
    seen, level = list(firsts.values()), spent(tables.looks)
    if len(seen) < 2 or level <= tables.study["alpha"] * (1 + 1e-9):
        return
    seeds = listed([str(len(look["seeds"])) for look in seen], 12)
    first = listed([f"{arm} {verdict}" for arm, verdict in seen[0]["verdicts"].items()], 12) or "none"
    yield (
        f"Look {len(seen)} at these results (at {seeds} seeds), and not as planned: together they may call an arm "
        f"better or worse without any effect with probability up to {level:.2g}, instead of "
        f"{tables.study['alpha']:g}. Verdicts at the first look: {first}. Plan looks with report.looks."
    )


def declared_anew(tables: Tables) -> Iterator[str]:
    """What was declared before the first look, and is something else now."""
    for name, (was, now) in changed(tables.study, tables.looks).items():
        yield (
            f"Exploratory: the {name} was {'none' if was is None else was} at the first look and is "
            f"{'none' if now is None else now} now. What is chosen after looking can be chosen for its result."
        )


def decided_otherwise(tables: Tables) -> Iterator[str]:
    """Verdicts of an earlier planned look that the seeds since then contradict."""
    for arm in tables.tricks:
        now = arm.contrast.verdict if arm.contrast else ""
        if arm.decided_at and now in CLAIMS and now != arm.verdict:
            then = f"{arm.arm} was decided {arm.verdict} at {arm.decided_at} seeds"
            yield f"{then}, and is {now} by all seeds there are now."


def arms_gone(tables: Tables) -> Iterator[str]:
    """Arms that were looked at and left out since."""
    left = gone(tables.study, tables.looks)
    if left:
        yield f"Looked at earlier and not in the study any more: {listed(list(left), 12)}. The correction counts them."


def few_seeds(tables: Tables) -> Iterator[str]:
    """Too few seeds for the exact test to reach alpha."""
    n, alpha = tables.planned, tables.level
    sentence = smallest_p_sentence(n, 1, alpha) if tables.tricks and tables.study["paired"] else None
    if sentence:
        yield sentence
    if n == 1:
        yield "With one seed there is no spread to measure: no interval, no test and no verdict."


def uneven_seeds(tables: Tables) -> Iterator[str]:
    """Arms that stand on fewer seeds than planned, and on fewer than six."""
    planned = tables.planned
    thin = [arm for arm in tables.tricks if arm.contrast and 0 < arm.contrast.n < min(6, planned)]
    if thin and planned >= 6:
        pairs = listed([f"{arm.arm} ({arm.contrast.n if arm.contrast else 0})" for arm in thin])
        yield f"Fewer than six pairs of seeds that both succeeded are left for {pairs}."


def failed(tables: Tables) -> Iterator[str]:
    """Failures are an outcome of their own, and estimates are given success."""
    hit = [arm for arm in tables.arms if arm.failed]
    if hit:
        counts = listed([f"{arm.arm} ({losses_in_words(arm)})" for arm in hit], 12)
        yield (
            f"Failed seeds: {counts}. Means and differences are over the seeds on which both sides succeeded, which "
            "flatters whoever lost its bad seeds; an arm with more failures than the baseline is not found better."
        )


def losses_in_words(arm: Summary) -> str:
    """`2 of 6: 1 diverged, 1 collapsed`."""
    kinds = [f"{count} {word}" for word in FAILURES if (count := getattr(arm, word))]
    return f"{arm.failed} of {arm.cells}: {', '.join(kinds)}"


def unseen_failures(tables: Tables) -> Iterator[str]:
    """How often an arm may fail that was not seen to fail."""
    claims = [arm for arm in claimed(tables) if arm.verdict == "better" and not arm.failed and arm.n]
    if claims:
        n = min(arm.n for arm in claims)
        most = rate(0, n, 1 - tables.level).high
        yield (
            f"No failure in {plural(n, 'seed')} does not rule failures out: an arm may fail in up to "
            f"{100 * most:.0f} % of runs and show no failure ({names(claims)})."
        )


def disputed(tables: Tables) -> Iterator[str]:
    """Claims that one of the two tests makes and the other does not."""
    claims = [arm for arm in claimed(tables) if arm.contrast and arm.contrast.disputed]
    if not claims:
        return
    if tables.study.get("test", "t") == "t":
        cases = [f"{arm.arm} ({p_clause(arm.contrast.p_max_t if arm.contrast else None)})" for arm in claims]
        yield (
            f"Carried by the t test alone: {listed(cases, 12)}. Sign flips of whole seeds, corrected over all arms, do "
            "not confirm it: the claim leans on normality."
        )
        return
    cases = [f"{arm.arm} ({p_clause(arm.contrast.p_holm if arm.contrast else None)})" for arm in claims]
    yield f"Carried by sign flips of whole seeds alone, not by the corrected t test: {listed(cases, 12)}."


def nearly(tables: Tables) -> Iterator[str]:
    """Arms that the correction alone keeps from a claim."""
    alpha = tables.level
    tested = [(arm, arm.contrast) for arm in tables.tricks if arm.contrast and arm.verdict == "inconclusive"]
    quiet = [(arm, c) for arm, c in tested if c.p is not None and c.p <= alpha < (c.p_corrected or 0.0)]
    if quiet:
        cases = listed([f"{arm.arm} ({p_clause(c.p)})" for arm, c in quiet], 12)
        yield (
            f"Inconclusive after correction for {plural(quiet[0][1].tests, 'test')}, although uncorrected they fall to "
            f"{alpha:g} or below: {cases}."
        )


def skewed(tables: Tables) -> Iterator[str]:
    """Deltas with a tail: no test of means holds its level at few seeds against them."""
    tails = [arm for arm in claimed(tables) if is_skewed(list(arm.deltas.values()))]
    if tails:
        yield (
            f"The differences of {names(tails)} have a long tail on one side: with so few seeds neither test holds its "
            "level against a tail that the baseline does not share. More seeds, or the spread of the dots, decide."
        )


def is_skewed(deltas: list[float]) -> bool:
    """Whether there are enough deltas to tell a tail, and they have one."""
    return len(deltas) >= FEWEST_FOR_SKEW and abs(skewness(np.array(deltas))) > SKEWED


def one_seed_decides(tables: Tables) -> Iterator[str]:
    """Claims whose sign falls when a single seed is left out."""
    ranges = [(arm, arm.contrast.drop_one) for arm in claimed(tables) if arm.contrast and arm.contrast.drop_one]
    weak = [arm for arm, (low, high) in ranges if low <= 0 <= high]
    if weak:
        yield f"Leaving out a single seed can turn the sign for {names(weak)}."


def wide_baseline(tables: Tables) -> Iterator[str]:
    """Effects smaller than the baseline's own uncertainty."""
    base = tables.baseline
    if base.low is None or base.high is None:
        return
    half, paired = (base.high - base.low) / 2, tables.study["paired"]
    small = [arm for arm in claimed(tables) if size_of(arm) < half]
    if small:
        yield (
            f"The baseline's own mean is known to ±{tables.unit.points(tables.unit.size(half))}, which is more "
            f"than the effect of {names(small)}{': only the pairing by seed shows it' if paired else ''}."
        )


def coarse_test_set(tables: Tables) -> Iterator[str]:
    """Effects of fewer than three test examples, where the metric is a percentage of them."""
    examples, unit = tables.study["data"].get("test"), tables.unit
    if not examples or not unit.percent:
        return
    worth = 100 / examples
    small = [arm for arm in claimed(tables) if unit.scale * size_of(arm) < 3 * worth]
    if small:
        yield (
            f"The test set has {examples} examples, so one of them weighs {unit.points(f'{worth:.2g}')}: the effect of "
            f"{names(small)} is fewer than three examples per seed."
        )


def rests_on_the_test_set(tables: Tables) -> Iterator[str]:
    """Claims that hold on these test examples, and not beyond two standard errors on new ones."""
    known = [(arm, arm.examples) for arm in claimed(tables) if arm.examples]
    weak = [arm for arm, errors in known if abs(errors.mean) < 2 * errors.of_both]
    if weak:
        yield (
            f"On new examples of the same kind the difference of {names(weak)} is within two standard errors of none: "
            f"the claim is about {'these data' if rotates(tables.study) else 'these test examples'}."
        )


def best_of_many(tables: Tables) -> Iterator[str]:
    """The winner's curse."""
    gains = [arm for arm in tables.tricks if arm.verdict == "better" and not tables.study.get("confirms")]
    if gains and len(tables.tricks) > 1:
        yield (
            f"The best of {len(tables.tricks)} arms looks better than it is: the largest estimate is picked because it "
            "is large. Repeat it on fresh seeds before relying on its size; `ablate confirm` does."
        )


def unequal_budgets(tables: Tables) -> Iterator[str]:
    """Arms that saw more examples or took more steps than others."""
    for name in ("steps", "examples"):
        seen = {arm.arm: {c.costs[name] for c in tables.cells_of(arm.arm) if c.costs.get(name)} for arm in tables.arms}
        amounts = sorted({amount for spent in seen.values() for amount in spent})
        if len(amounts) > 1:
            less = [arm for arm, spent in seen.items() if spent and max(spent) < amounts[-1]]
            some = f" Less than the most: {listed(less)}." if less else ""
            yield f"Unequal budgets: between {amounts[0]:,} and {amounts[-1]:,} {name} per cell.{some}"


def stopped_early(tables: Tables) -> Iterator[str]:
    """Arms that stopped themselves."""
    early = [arm.arm for arm in tables.arms if any(c.stopped_step is not None for c in tables.cells_of(arm.arm))]
    if early:
        yield f"Stopped before the last step by their own rule: {listed(early)}."


def mixed_hardware(tables: Tables) -> Iterator[str]:
    """Cells that ran in different ways, which makes timings incomparable."""
    for name, words in (("devices", "numbers of devices"), ("strategy", "strategies")):
        kinds = sorted({plain(cell.costs[name]) for cell in tables.cells if cell.costs.get(name) is not None})
        if len(kinds) > 1:
            yield f"Cells ran with different {words} ({listed(kinds)}): do not compare their speeds."


def unpaired(tables: Tables) -> Iterator[str]:
    """Arms that share no seeds."""
    if not tables.study["paired"]:
        yield "The arms do not share their seeds: differences are unpaired and their intervals wider."


def no_margin(tables: Tables) -> Iterator[str]:
    """Nothing can be called equivalent."""
    if tables.study["metric"]["margin"] is None and tables.tricks:
        yield "No margin was declared, so no arm can be called equivalent: inconclusive is not the same as no effect."


def tuned_at_border(tables: Tables) -> Iterator[str]:
    """The grid of the tuning was too small, or not all of it was tried."""
    for sentence in (failure_caveat(tables.study.get("tuning")), border_caveat(tables.study.get("tuning"))):
        if sentence:
            yield sentence


def warned(tables: Tables) -> Iterator[str]:
    """What the plan of the study warned of."""
    yield from tables.study.get("warnings") or ()


def declining_baseline(tables: Tables) -> Iterator[str]:
    """A baseline that trained past its best: an arm may look better only by getting there later."""
    name, cells = tables.validation_curve, [c for c in tables.cells_of(tables.baseline.arm) if c.status == "done"]
    unit = tables.unit_of(name)
    curves = [cell.curves.get(name) or [] for cell in cells]
    if not curves or not curves[0] or any(len(c) != len(curves[0]) or None in c for c in curves):
        return
    means = [sum(values) / len(values) for values in zip(*curves)]  # type: ignore[arg-type]  # no None is left
    peak, verb = (max(means), "fell") if unit.higher_is_better else (min(means), "rose")
    best, loss = means.index(peak), abs(peak - means[-1])
    if loss and loss >= (1 / unit.scale if unit.percent else NOTICEABLE * abs(peak)):
        size = unit.points(unit.showing([loss]).size(loss))
        yield (
            f"The baseline's {unit.validation} {verb} by {size} from its best, at step "
            f"{cells[0].curves['step'][best]}, to the end: an arm may be better only by passing its own best later."
        )


def one_data_set(tables: Tables) -> Iterator[str]:
    """Always, for a single study."""
    if tables.elsewhere:
        yield (
            "How the runs were trained, on which data and by which model, is not known here: that arms differ in "
            "nothing but what they are called after is taken on trust, and seeds say how sure this result is for these "
            "runs, not whether it holds elsewhere."
        )
        return
    rest = "one model" if tables.study.get("tuning") else "one model, with hyperparameters tuned for no arm"
    yield (
        f"One data set ({tables.study['data']['name']}) and {rest}: seeds say how sure this result is here, not "
        "whether it holds elsewhere."
    )


OBJECTIONS: tuple[Callable[[Tables], Iterator[str]], ...] = (
    unfinished,
    declared_anew,
    looked_again,
    decided_otherwise,
    arms_gone,
    few_seeds,
    uneven_seeds,
    failed,
    unseen_failures,
    disputed,
    nearly,
    skewed,
    one_seed_decides,
    wide_baseline,
    coarse_test_set,
    rests_on_the_test_set,
    warned,
    declining_baseline,
    best_of_many,
    unequal_budgets,
    cost_caveat,
    stopped_early,
    mixed_hardware,
    unpaired,
    no_margin,
    tuned_at_border,
    one_data_set,
)
