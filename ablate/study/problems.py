"""Problems of a config: collected, then reported all at once, each in one line that says what to do."""

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """A config that cannot run; `problems` holds one line per problem."""

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def unknown(key: str, what: str, given: object, allowed: Iterable[str]) -> str:
    """One line for a name that does not exist: where, what, the near match and the allowed names.

    >>> unknown("recipe.norm.name", "choice", "bath", ["batch", "group"])
    "recipe.norm.name: unknown choice 'bath'; did you mean 'batch'? Allowed: batch, group"
    """
    allowed = list(allowed)
    near = difflib.get_close_matches(str(given), allowed, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    names = ", ".join(allowed) if allowed else "nothing"
    return f"{key}: unknown {what} {given!r}{hint} Allowed: {names}"
