"""What is random in a recipe: the streams that it draws from, and what each of them decides."""

from collections.abc import Iterable, Mapping, Sequence

from ablate.study.choices import sampling_of
from ablate.study.design import Recipe


def streams_drawn(recipes: Iterable[Recipe], own: Sequence[str]) -> dict[str, list[str]]:
    """By purpose, in words, what two cells with another seed differ in; purposes that decide nothing are left out.

    Args:
        recipes: of the arms; what one of them draws counts.
        own: what the task draws from streams that it names itself.
    """
    recipes = list(recipes)
    samplings = [sampling_of(recipe["data"]) for recipe in recipes]
    decided: Mapping[str, Mapping[str, bool]] = {
        "init": {"initial weights": True},
        "order": {"batch order": True},
        "augment": {"augmentation": any(_names(recipe, "augment") - {"none"} for recipe in recipes)},
        "dropout": {
            "dropout": any(_names(recipe, "dropout") - {"none"} for recipe in recipes),
            "gradient noise": any("gradient_noise" in _names(recipe, "gradient") for recipe in recipes),
        },
        "split": {
            "the test examples": any(sampling.rotate_test for sampling in samplings),
            "the train/validation split": any(sampling.validation for sampling in samplings),
            "the training examples": any(sampling.selects for sampling in samplings),
        },
        "noise": {
            "label noise": any(sampling.label_noise for sampling in samplings),
            "input noise": any(sampling.input_noise for sampling in samplings),
            "outliers": any(sampling.outliers for sampling in samplings),
        },
        "own": dict.fromkeys(own, True),
    }
    words = {purpose: [what for what, varies in parts.items() if varies] for purpose, parts in decided.items()}
    return {purpose: parts for purpose, parts in words.items() if parts}


def _names(recipe: Recipe, axis: str) -> set[str]:
    return {chosen.name for chosen in recipe[axis].chain} if axis in recipe else set()
