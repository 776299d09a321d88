"""Factorial designs: from arms and cells to effects, interactions, shares and aliases. Pure; `tabulate` asks once."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ablate.report.records import Tables
from ablate.report.wording import arguments_text, choice_text, plain
from ablate.results.schema import ArmRecord, Study
from ablate.stats.attribution import Company, Shapley, company, corrected, shapley
from ablate.stats.checks import rounding_of
from ablate.stats.designs import alias_table
from ablate.stats.factorial import Effect, effects, separable, shares

DESIGNS = ("factorial", "fractional")


@dataclasses.dataclass(frozen=True)
class Factor:
    """An axis that the design varies: the labels of its levels, the baseline's first."""

    axis: str
    levels: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Losses:
    """How many of the cells with a choice failed, and of those with the baseline's choice on that axis."""

    failed: int
    cells: int
    failed_without: int
    cells_without: int

    @property
    def excess(self) -> float:
        """The share that failed with the choice, less the share without it."""
        return self.failed / max(1, self.cells) - self.failed_without / max(1, self.cells_without)


@dataclasses.dataclass(frozen=True)
class Term:
    """A main effect (one name) or an interaction (two, without `losses`), in the metric's unit as stored."""

    names: tuple[str, ...]
    effect: Effect
    losses: Losses | None

    def reading(self, better: float, alpha: float) -> str:
        """`help`, `hurt`, or empty where the corrected test or the failed cells do not carry it.

        Estimates are over cells that succeeded: a choice with which more cells fail is not said to help, nor one with
        which fewer do to hurt.
        """
        effect, excess = self.effect, self.losses.excess if self.losses else 0.0
        if effect.estimate is None or effect.p_holm is None or effect.p_holm > alpha:
            return ""
        helps = effect.estimate * better > 0
        return "" if (excess > 0 if helps else excess < 0) else "help" if helps else "hurt"


@dataclasses.dataclass(frozen=True)
class Factorial:
    """What a factorial study says beyond its arms.

    Attributes:
        factors: the axes varied.
        terms: main effects, then interactions.
        shares: axes of a term to its partial eta squared.
        shapley: axis to its part of the total gain; empty without the full grid of two-level axes.
        company: axis to the trick alone against the trick among all others; empty where those arms are missing.
        aliases: term to the terms it cannot be told from, with weights; empty for a full grid.
        assumed: whether interactions had to be assumed away to estimate main effects.
        alpha: the level at which an effect shows, for corrected p-values.
    """

    factors: tuple[Factor, ...]
    terms: tuple[Term, ...]
    shares: Mapping[tuple[str, ...], float | None]
    shapley: Mapping[str, Shapley]
    company: Mapping[str, Company]
    aliases: Mapping[tuple[str, ...], Mapping[tuple[str, ...], float]]
    assumed: bool
    alpha: float

    @property
    def names(self) -> tuple[str, ...]:
        """The choices that have a main effect, in order."""
        return tuple(term.names[0] for term in self.terms if len(term.names) == 1)

    def effect(self, a: str, b: str) -> Effect | None:
        """The interaction of two choices, the main effect where they are one, None where neither exists."""
        wanted = {a, b}
        return next((term.effect for term in self.terms if set(term.names) == wanted), None)


def analyse(tables: Tables) -> Factorial | None:
    """The factorial analysis, or None for other designs and where there are no cells to analyse yet."""
    if tables.study["design"] not in DESIGNS:
        return None
    factors = factors_of(tables.study)
    codes = codes_of(tables.study, factors)
    levels, response, seeds = observed(tables, codes)
    known = np.isfinite(response)
    if len(factors) < 2 or len(np.unique(levels[known], axis=0)) < 2:
        return None
    # Whether interactions have to be assumed away is a matter of the design, not of the cells that are left of it.
    assumed = not separable(np.array(list(codes.values())))
    estimated = effects(
        levels,
        response,
        seeds if tables.study["paired"] else None,
        interactions=not assumed,
        confidence=1 - tables.level,
    )
    two_level = all(len(factor.levels) == 2 for factor in factors)
    axes = [factor.axis for factor in factors]
    return Factorial(
        factors=factors,
        terms=tuple(Term(names_of(e, factors), e, losses_of(e, tables, codes)) for e in estimated),
        shares=shares_of(axes, levels, response, seeds, interactions=not assumed),
        shapley=shapley_of(axes, levels[known], response[known], seeds[known], 1 - tables.level) if two_level else {},
        company=company_of(axes, tables, codes) if two_level else {},
        aliases=aliases_of(axes, np.array(list(codes.values()))) if two_level else {},
        assumed=assumed,
        alpha=tables.level,
    )


def factors_of(study: Study) -> tuple[Factor, ...]:
    """The axes whose choice differs between arms."""
    levels = levels_of(study)
    return tuple(Factor(axis, tuple(labels(choices))) for axis, choices in levels.items() if len(choices) > 1)


def levels_of(study: Study) -> dict[str, list[Mapping[str, Any]]]:
    """Axis to its different choices, the baseline's first."""
    recipes = [bare_recipe(arm, study) for arm in study["arms"]]
    base = next(bare_recipe(arm, study) for arm in study["arms"] if arm["name"] == study["baseline"])
    axes = dict.fromkeys(axis for recipe in (base, *recipes) for axis in recipe)
    return {axis: distinct([recipe.get(axis, {}) for recipe in (base, *recipes)]) for axis in axes}


def bare_recipe(arm: ArmRecord, study: Study) -> dict[str, dict[str, Any]]:
    """An arm's recipe without the numbers that tuning set for it: these are no levels of a factor."""
    tuning = study.get("tuning")
    tuned = {axis: set(values) for axis, values in tuning["points"][0].items()} if tuning else {}
    return {
        axis: {key: value for key, value in choice.items() if key not in tuned.get(axis, ())}
        for axis, choice in arm["recipe"].items()
    }


def distinct(choices: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choices without repeats, in order."""
    return [choice for i, choice in enumerate(choices) if choice not in choices[:i]]


def labels(choices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of choices; where one name stands for several, with their arguments."""
    names = [choice.get("name") for choice in choices]
    return [plain(label_of(choice, choices, unique=names.count(choice.get("name")) == 1)) for choice in choices]


def label_of(choice: Mapping[str, Any], choices: Sequence[Mapping[str, Any]], *, unique: bool) -> str:
    """A choice among others; the numbers of training and of the data have no name, only arguments that differ."""
    if "name" in choice:
        return choice_text(choice, arguments=not unique)
    differing = {key: x for key, x in choice.items() if any(other.get(key) != x for other in choices)}
    return arguments_text(differing) or "as given"


def codes_of(study: Study, factors: Sequence[Factor]) -> dict[str, tuple[int, ...]]:
    """Arm to the level of each factor, 0 being the baseline's."""
    levels = levels_of(study)
    recipes = {arm["name"]: bare_recipe(arm, study) for arm in study["arms"]}
    return {
        name: tuple(levels[factor.axis].index(recipe.get(factor.axis, {})) for factor in factors)
        for name, recipe in recipes.items()
    }


def observed(tables: Tables, codes: Mapping[str, tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Levels, metric (nan without a finite result) and seed of every cell; one block where seeds are not shared."""
    values = [cell.value(tables.metric) for cell in tables.cells]
    levels = np.array([codes[cell.arm] for cell in tables.cells], dtype=int)
    response = np.array([math.nan if value is None else value for value in values], dtype=float)
    seeds = np.array([cell.seed if tables.study["paired"] else 0 for cell in tables.cells], dtype=int)
    return levels, response, seeds


def losses_of(effect: Effect, tables: Tables, codes: Mapping[str, tuple[int, ...]]) -> Losses | None:
    """Failed cells with and without the choice of a main effect; None for an interaction."""
    if len(effect.factors) != 1:
        return None
    factor, level = effect.factors[0], effect.levels[0]
    groups = [[arm for arm in tables.arms if codes[arm.arm][factor] == at] for at in (level, 0)]
    counts = [(sum(arm.failed for arm in arms), sum(arm.n + arm.failed for arm in arms)) for arms in groups]
    return Losses(*counts[0], *counts[1])


def names_of(effect: Effect, factors: Sequence[Factor]) -> tuple[str, ...]:
    """`axis=choice` of each factor of a term."""
    return tuple(
        f"{plain(factors[factor].axis)}={factors[factor].levels[level]}"
        for factor, level in zip(effect.factors, effect.levels, strict=True)
    )


def shares_of(axes: Sequence[str], levels, response, seeds, *, interactions: bool) -> dict:
    """Axes of a term to its partial eta squared."""
    explained = shares(levels, response, seeds, interactions=interactions)
    return {tuple(plain(axes[i]) for i in share.factors): share.partial_eta_squared for share in explained}


def shapley_of(axes: Sequence[str], levels, response, seeds, confidence: float) -> dict[str, Shapley]:
    """Axis to its Shapley value; empty where no seed has the full grid, or where seeds are not shared."""
    keys = [(*row, seed) for row, seed in zip(levels.tolist(), seeds.tolist(), strict=True)]
    values = shapley(levels, response, seeds, confidence) if len(set(keys)) == len(keys) else None
    return dict(zip(map(plain, axes), values, strict=True)) if values else {}


def company_of(axes: Sequence[str], tables: Tables, codes: Mapping[str, tuple[int, ...]]) -> dict[str, Company]:
    """Axis to the trick alone against the trick among all others, over the seeds that the four arms share."""
    values = {codes[arm.arm]: arm.values for arm in tables.arms}
    k, companies = len(axes), {}
    for i, axis in enumerate(axes):
        alone = tuple(int(j == i) for j in range(k))
        corners = [alone, (0,) * k, (1,) * k, tuple(1 - x for x in alone)]
        if k < 2 or not tables.study["paired"] or not all(corner in values for corner in corners):
            continue
        single, none, everything, rest = (values[corner] for corner in corners)
        common = [seed for seed in single if seed in none and seed in everything and seed in rest]
        if common:
            only, base, whole, others = (
                np.array([arm[seed] for seed in common]) for arm in (single, none, everything, rest)
            )
            companies[plain(axis)] = company(
                only - base,
                whole - others,
                higher_is_better=tables.better > 0,
                alpha=tables.level,
                rounding=rounding_of(only, base, whole, others),
            )
    readings = corrected(list(companies.values()), higher_is_better=tables.better > 0, alpha=tables.study["alpha"])
    return dict(zip(companies, readings, strict=True))


def aliases_of(axes: Sequence[str], matrix: np.ndarray) -> dict[tuple[str, ...], dict[tuple[str, ...], float]]:
    """Term to the terms it cannot be told from; only terms that have any."""
    return {
        tuple(plain(axes[i]) for i in term): {tuple(plain(axes[j]) for j in other): w for other, w in others.items()}
        for term, others in alias_table(matrix).items()
        if others
    }
