"""Recipes as flat names and plain values: `{"norm": "group", "norm.groups": 4}`."""

from collections.abc import Iterable, Mapping
from typing import Any

Recipe = Mapping[str, Mapping[str, Any]]


def flat(recipe: Recipe) -> dict[str, Any]:
    """A recipe by axis and by argument of its choices.

    >>> flat({"norm": {"name": "group", "groups": 4}})
    {'norm': 'group', 'norm.groups': 4}
    >>> flat({"augment": {"name": "flip", "then": {"name": "crop", "padding": 2}}})
    {'augment': 'flip', 'augment.then': 'crop', 'augment.then.padding': 2}
    """
    return {key: value for axis, choice in recipe.items() for key, value in _flat(axis, choice).items()}


def differing(recipes: Mapping[str, Recipe]) -> dict[str, dict[str, Any]]:
    """Of every arm, what it chose on the axes in which arms differ, and the arguments in which choices differ.

    An argument counts where those choices that have it differ in it; arms whose choice has none hold None.

    >>> adam, sgd = {"name": "adam", "rate": 0.1, "b1": 0.9}, {"name": "sgd", "rate": 0.2}
    >>> differing({"base": {"optimizer": adam, "norm": {"name": "none"}}, "sgd": {"optimizer": sgd}})["sgd"]
    {'optimizer': 'sgd', 'optimizer.rate': 0.2, 'norm': None}
    """
    flats = {arm: flat(recipe) for arm, recipe in recipes.items()}
    keys = dict.fromkeys(key for own in flats.values() for key in own)
    axes = {axis for axis in keys if "." not in axis and _differ(recipe.get(axis) for recipe in recipes.values())}
    shown = [
        key
        for key in keys
        if key in axes or (key.split(".")[0] in axes and _differ(own[key] for own in flats.values() if key in own))
    ]
    return {arm: {key: own.get(key) for key in shown} for arm, own in flats.items()}


def _differ(values: Iterable[Any]) -> bool:
    first, *others = values
    return any(value != first for value in others)


def _flat(axis: str, choice: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {axis: choice.get("name")}
    for name, value in choice.items():
        if name == "then":  # another choice of the same axis, behind this one
            values |= _flat(f"{axis}.then", value)
        elif name != "name":
            values[f"{axis}.{name}"] = value
    return values
