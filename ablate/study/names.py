"""How an arm is called that makes another choice than the baseline: in tables, figures, headlines and file names.

A choice's name stands alone where it says what it is, `smooth_labels(alpha=0.1)`: it is the whole name of the
function and no other axis has it. Short ones need their axis, `norm=batch`, and so do those of axes whose names are
read behind it only, `init=normal` (`Axis.bare`), and absence, `norm=none`.
"""

import functools
from collections import Counter

from ablate.study.choices import DATA, TRAIN, Chosen, in_small_letters
from ablate.tricks import AXES


def title(chosen: Chosen, base: Chosen) -> str:
    """The name of a choice instead of the baseline's on its axis.

    Where only numbers of training or data differ they are named: `train(batch_size=8)`.
    """
    if chosen.axis in (TRAIN.name, DATA.name) and chosen.name == base.name:
        return f"{chosen.axis}({chosen.given_text()})"
    return chosen.label() if _says_what_it_is(chosen) else f"{chosen.axis}={chosen.label()}"


def _says_what_it_is(chosen: Chosen) -> bool:
    table, name = chosen.table, chosen.name
    whole = name in table.choices and in_small_letters(getattr(chosen.choice.make, "__name__", "")) == name
    absent = name == table.identity and not chosen.arguments_of()  # plain SGD is no absence
    return whole and table.bare and not absent and _tables_with()[name] == 1


@functools.cache
def _tables_with() -> Counter[str]:
    """In how many tables of the catalogue a name stands."""
    return Counter(name for table in AXES.values() for name in table.choices)
