"""The promises of the statistics beside what simulated studies with a known truth gave, and whether they are kept.

A rate keeps its promise unless its Monte Carlo interval lies wholly on the wrong side of it. The intervals hold with
99.9 %: of the hundreds of rates some would miss a promise that is exact by chance alone.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ablate.stats.failure import Rate, rate
from ablate.stats.power import minimum_detectable_effect
from ablate.stats.scenarios import GIVEN_SUCCESS, SCENARIOS, Scenario
from ablate.stats.simulate import simulate_power, simulate_verdicts
from ablate.stats.simulate_examples import simulate_resampled_errors, simulate_two_errors
from ablate.stats.simulate_looks import LOOKS, seeds_for_power, simulate_looks
from ablate.stats.simulate_others import (
    simulate_departures,
    simulate_equivalence,
    simulate_main_effects,
    simulate_welch_power,
)
from ablate.stats.simulate_scenarios import Outcome, simulate_scenario, simulate_wild_seed

CONFIDENCE = 0.999
SEEDS, ARMS = (3, 4, 6, 10, 20), (1, 5)
PROMISES: dict[str, Callable[[Rate], bool]] = {
    "at most .05": lambda rate: rate.low <= 0.05,
    "at least .95": lambda rate: rate.high >= 0.95,
    "at least .80": lambda rate: rate.high >= 0.8,
}
ERROR, COVERAGE, POWER = PROMISES
INTRODUCTION = """\
{t:,} studies per rate of the t test, {few:,} of max-T to 10 seeds, {fewest:,} beyond and of looks by max-T, {slow:,}
where code runs study by study; seed {seed}. Verdicts are those of `ablate.stats.verdict`, after the rule for runs that
collapsed, as in reports, computed for many studies at once by code that tests hold to the original. "False verdict":
any arm better or worse although none differs. Intervals of rates are exact and hold with 99.9 %; a promise counts as
kept unless the whole interval lies beyond it. Units are standard deviations of one cell. Max-T gives no p below 2 /
2^n: it finds nothing with 3 seeds, nor where failures leave five pairs or fewer."""
WELCH_REASON = (
    "Satterthwaite's degrees of freedom, estimated from so few seeds, are fewer on average than those of the true "
    "variances that the effect is computed from. The test errs on the safe side; the effect named is too small."
)

Row = Sequence[str]
Rows = Callable[["Repeats", np.random.Generator], Iterator[Row]]


class Repeats(NamedTuple):
    """Studies per rate: `t` for what is vectorised, `few` and `fewest` for max-T, `slow` for what runs one by one."""

    t: int
    few: int
    fewest: int
    slow: int


class Section(NamedTuple):
    """A table with its title, a sentence on what it shows, and why its promises are not kept where they are not."""

    title: str
    what: str
    header: Row
    rows: Rows
    reason: str = ""


def simulation_report(repeats: int, seed: int = 0, smallest: bool = False) -> str:
    """The report of all simulations, in Markdown.

    Args:
        repeats: studies per rate of the t tests; max-T has a quarter to 10 seeds and a tenth beyond, what runs the code
            of a report study by study a fortieth.
        seed: of the generator.
        smallest: show the smallest number of seeds and arms of each scenario alone.

    Returns:
        A title, a summary and one table per promise.

    Example:
        >>> simulation_report(repeats=5, smallest=True).splitlines()[0]
        '# What the statistics promise, and what they keep'
    """
    rng, many = np.random.default_rng(seed), _repeats(repeats)
    scenarios = [_scenario_section(s, smallest) for s in SCENARIOS]
    given = [_given_success_section(s, smallest) for s in GIVEN_SUCCESS]
    tables = [(section, list(section.rows(many, rng))) for section in (*scenarios, *given, *OTHERS)]
    introduction = INTRODUCTION.format(t=many.t, few=many.few, fewest=many.fewest, slow=many.slow, seed=seed)
    lines = ["# What the statistics promise, and what they keep", "", introduction, "", *_summary(tables)]
    for section, rows in tables:
        lines += ["", f"## {section.title}", "", section.what, "", *_table(section.header, rows)]
        if _broken(rows):
            lines += ["", f"Not kept: {section.reason or 'no reason is known.'}"]
    return "\n".join(lines) + "\n"


def _repeats(repeats: int) -> Repeats:
    return Repeats(repeats, max(repeats // 4, 5), max(repeats // 10, 5), max(repeats // 40, 5))


def _summary(tables: Sequence[tuple[Section, Sequence[Row]]]) -> Iterator[str]:
    """How many promises are kept, and where the others stand."""
    total = sum(cell in ("yes", "**no**") for _, rows in tables for row in rows for cell in row)
    broken = {section.title: _broken(rows) for section, rows in tables if _broken(rows)}
    yield f"Kept: {total - sum(broken.values())} of {total}." + (" Not kept:" if broken else "")
    if broken:
        yield ""
        yield from (f"- {title}: {count}" for title, count in broken.items())


def _broken(rows: Sequence[Row]) -> int:
    return sum(cell == "**no**" for row in rows for cell in row)


def _scenario_section(scenario: Scenario, smallest: bool) -> Section:
    header = ["seeds", "arms", *_judged("t: false verdict"), *_judged("max-T: false verdict"), *_judged("95 % covers")]
    header = header if scenario.paired else [*header[:2], "Welch: false verdict", "kept", *header[-2:]]

    def rows(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
        for n, arms, t, flips in _outcomes(scenario, repeats, rng, smallest):
            claims = [*_kept(t.claims, ERROR), *(_kept(flips.claims, ERROR) if flips else ())]
            yield str(n), str(arms), *claims, *_kept(t.coverage, COVERAGE)

    return Section(scenario.name, scenario.what, header, rows, scenario.reason)


def _given_success_section(scenario: Scenario, smallest: bool) -> Section:
    known = not math.isnan(scenario.truth)
    header = ["seeds", "arms", "t: better", "t: worse", "max-T: better", "max-T: worse", *["95 % covers"] * known]

    def rows(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
        for n, arms, t, flips in _outcomes(scenario, repeats, rng, smallest):
            tests = (t, flips) if flips else (t,)
            verdicts = [_shown(rate) for test in tests for rate in (test.better, test.worse)]
            yield str(n), str(arms), *verdicts, *[_shown(t.coverage)] * known

    return Section(scenario.name, scenario.what, header, rows)


def _outcomes(
    scenario: Scenario, repeats: Repeats, rng: np.random.Generator, smallest: bool
) -> Iterator[tuple[int, int, Outcome, Outcome | None]]:
    """Seeds, arms, and what t and max-T make of them; no max-T without shared seeds."""
    for n in scenario.seeds[: 1 if smallest else None]:
        for arms in scenario.arms[: 1 if smallest else None]:
            t = simulate_scenario(scenario, n, arms, repeats.t, rng, confidence=CONFIDENCE)
            studies, flips = repeats.few if n <= 10 else repeats.fewest, None
            if scenario.paired:
                flips = simulate_scenario(scenario, n, arms, studies, rng, test="max_t", confidence=CONFIDENCE)
            yield n, arms, t, flips


def _verdicts(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
    for n, arms, diverges, paired in ((6, 1, 0.0, True), (6, 5, 0.1, True), (10, 5, 0.1, True), (4, 5, 0.1, False)):
        shared = 0.5 if paired else 0.0
        rates = simulate_verdicts(n, arms, repeats.slow, rng, diverges=diverges, paired=paired, shared=shared)
        claims = rates["better or worse"]
        yield str(n), str(arms), f"{diverges:g}", "shared" if paired else "unshared", *_kept(_wide(claims), ERROR)


def _wild_seed(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
    for n in (6, 8, 10):
        for collapses in (True, False):
            powers = simulate_wild_seed(n, repeats.few, rng, collapses=collapses)
            yield str(n), "yes" * collapses or "not applied", *(f"{rate.rate:.3f}" for rate in powers.values())


def _looks(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
    for test, studies in (("t", repeats.t), ("max_t", repeats.fewest)):
        for arms in ARMS:
            shared, whole = (
                simulate_looks(arms, studies, rng, planned=planned, test=test, confidence=CONFIDENCE).studies
                for planned in (True, False)
            )
            yield test.replace("max_t", "max-T"), str(arms), *_kept(shared, ERROR), _shown(whole)


def _stopping(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
    for arms in ARMS:
        for effect in (0.5, 0.75, 1.0, 1.25):
            looked = simulate_looks(arms, repeats.few, rng, effect=effect)
            fixed = simulate_looks(arms, repeats.few, rng, effect=effect, looks=LOOKS[-1:])
            same = seeds_for_power(looked.arms.rate, arms, repeats.few, rng, effect=effect)
            saved = "–" if same is None else f"{1 - looked.seeds / same:+.0%}".replace("-", "−")
            powers = f"{looked.arms.rate:.3f}", f"{looked.seeds:.1f}", f"{fixed.arms.rate:.3f}"
            yield str(arms), f"{effect:g}", *powers, str(same or "–"), saved


def _main_effects(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
    for factors, n in ((2, 3), (2, 6), (4, 6), (4, 10)):
        errors, covers = simulate_main_effects(factors, n, repeats.slow, rng, confidence=CONFIDENCE)
        yield str(n), str(factors), *_kept(errors, ERROR), *_kept(covers, COVERAGE)


TWO = {"data": ("a", "b")}
SIX = {"data": ("a", "a", "a", "b", "b", "b"), "model": ("x", "y", "z", "x", "y", "z")}


def _departures(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
    for levels, words in ((TWO, "2"), (SIX, "2 × 3")):
        for n in (3, 6, 10, 20):
            for tricks in ARMS:
                t, flips = simulate_departures(n, tricks, repeats.slow, rng, levels=levels, confidence=CONFIDENCE)
                yield words, str(n), str(tricks), *_kept(t, ERROR), *_kept(flips, ERROR)


def _equivalence(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
    for paired in (True, False):
        for n in SEEDS:
            for arms in ARMS:
                at, inside = (
                    simulate_equivalence(
                        n, arms, repeats.few, rng, margin=1.0, effect=x, paired=paired, confidence=CONFIDENCE
                    )
                    for x in (1.0, 0.0)
                )
                yield str(n), str(arms), "shared" if paired else "unshared", *_kept(at, ERROR), _shown(inside)


def _two_errors(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
    for n in SEEDS:
        for examples in (200, 450):
            seeds, both = simulate_two_errors(n, examples, repeats.slow, rng, confidence=CONFIDENCE)
            yield "the same for all seeds", str(n), str(examples), _shown(seeds), *_kept(both, COVERAGE)
    for n in SEEDS:
        truth = 20 * repeats.slow
        seeds, both = simulate_resampled_errors(n, repeats.slow, rng, truth=truth, confidence=CONFIDENCE)
        yield "drawn anew by each seed", str(n), "40", _shown(seeds), *_kept(both, COVERAGE)


def _power(repeats: Repeats, rng: np.random.Generator) -> Iterator[Row]:
    for n in SEEDS:
        effect = minimum_detectable_effect(1.0, n)
        if effect is not None:
            yield str(n), "paired", "–", *_kept(_wide(simulate_power(effect, 1.0, n, repeats.t, rng)), POWER)
    for n in SEEDS:
        for sd in (1.0, 3.0):
            yield (
                str(n),
                "Welch",
                f"{sd:g}",
                *_kept(simulate_welch_power(sd, n, repeats.t, rng, confidence=CONFIDENCE), POWER),
            )


def _judged(name: str) -> tuple[str, str]:
    return name, "kept"


def _wide(found: Rate) -> Rate:
    """Return the rate with the wider interval of this report."""

    return rate(found.hits, found.repeats, CONFIDENCE)


def _shown(rate: Rate | None) -> str:
    return "–" if rate is None else f"{rate.rate:.4f} ({rate.low:.4f} to {rate.high:.4f})"


def _kept(rate: Rate | None, promise: str) -> tuple[str, str]:
    """Return the rate and whether it keeps the promise."""
    return _shown(rate), "–" if rate is None else "yes" if PROMISES[promise](rate) else "**no**"


def _table(header: Row, rows: Sequence[Row]) -> Iterator[str]:
    yield from (_line(row) for row in (header, ["---:"] * len(header), *rows))


def _line(cells: Row) -> str:
    return "| " + " | ".join(cells) + " |"


OTHERS = (
    Section(
        "False verdicts of the verdict code itself",
        "The same, study by study, by the function that reports call.",
        ("seeds", "arms", "diverging", "seeds are", *_judged("false verdict")),
        _verdicts,
    ),
    Section(
        "One wild seed of the baseline",
        "Power with 5 arms whose true effects are 3, where one seed of the baseline lies 8 below: share of arms called "
        "better. Where the rule for collapsed runs finds that seed, its pairs are left out; 6 seeds then leave 5, of "
        "which max-T gives no p below .06.",
        ("seeds", "rule for collapsed runs", "t", "max-T"),
        _wild_seed,
    ),
    Section(
        "Looking again: false verdicts over all looks",
        "Looks at 6, 12 and 24 seeds, any false verdict at any of them: planned, they share .05; unplanned, each has "
        ".05, of which reports warn. The first planned look has .025, which max-T cannot reach with 6 seeds.",
        ("test", "arms", *_judged("planned"), "unplanned"),
        _looks,
    ),
    Section(
        "Looking again: seeds saved by stopping early",
        "t test with Holm; all arms have the effect, in standard deviations of a difference. An arm stops at the first "
        "planned look that decides it; power is the share of arms called better or worse. Saved: mean seeds of an arm "
        "against a fixed number with the same power.",
        ("arms", "effect", "power, looks", "mean seeds", "power, 24 seeds", "fixed seeds of the same power", "saved"),
        _stopping,
    ),
    Section(
        "Main effects of a grid",
        "`stats.factorial.effects` where each trick does something else on every seed (standard deviation 1) and "
        "nothing on average: any significant main effect, and coverage of the interval of one.",
        ("seeds", "factors", *_judged("false effect"), *_judged("95 % covers")),
        _main_effects,
    ),
    Section(
        "Effects that differ between conditions",
        "`stats.conditions.departures` where every trick does the same under all conditions, but scatters up to four "
        "times as much under some, and half of the variance of a seed is common to its conditions: any effect that is "
        "said to differ.",
        ("conditions", "seeds", "arms", *_judged("t: false difference"), *_judged("max-T: false difference")),
        _departures,
    ),
    Section(
        "Equivalence",
        "Any arm called equivalent with a margin of 1: true effects at the margin, where it is an error, and of 0.",
        ("seeds", "arms", "seeds are", *_judged("at the margin"), "without effect"),
        _equivalence,
    ),
    Section(
        "Two standard errors, over new test examples",
        "Coverage of 95 % intervals by the error over seeds, and by the second one, over studies whose test examples "
        "are drawn anew from a population: test examples of which a third favours either side; and linear classifiers "
        "that every seed trains and tests on its own two thirds and third of a pool of 120.",
        ("test examples are", "seeds", "examples", "over seeds alone", *_judged("second error")),
        _two_errors,
    ),
    Section(
        "Power at the minimum detectable effect",
        "Share of studies that find an effect of that size; the promise is .80. Welch: the standard deviation of the "
        "arm is given, that of the baseline is 1.",
        ("seeds", "test", "sd", *_judged("found")),
        _power,
        WELCH_REASON,
    ),
)
