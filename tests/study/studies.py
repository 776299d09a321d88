"""Small studies for the tests of this folder."""

from ablate import base_config
from ablate.study.cells import cells_of
from ablate.study.design import arms_of
from ablate.study.programs import programs_of
from ablate.study.resolving import resolve


def study_of(vary=None, recipe=None, seeds=1, **changes):
    """A checked study: `vary` and `recipe` by axis, the rest keys of the config."""
    cfg = base_config()
    cfg.seeds = seeds
    for axis, chosen in (recipe or {}).items():
        cfg.recipe[axis] = chosen
    for axis, choices in (vary or {}).items():
        cfg.vary[axis] = choices if isinstance(choices, tuple) else (choices,)
    with cfg.unlocked(), cfg.ignore_type():
        for key, value in changes.items():
            group, _, leaf = key.rpartition("__")
            (cfg[group] if group else cfg)[leaf] = value
    return resolve(cfg)


def cells(spec, data="data"):
    return cells_of(spec, arms_of(spec), lambda chosen: data)


def programs(spec):
    return programs_of(cells(spec))
