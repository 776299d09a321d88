"""Problems of a config: collected, then reported all at once, each in one line that says what to do."""

import difflib
import os
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

# Whose lines are nobody's own: of this package, of what is installed, of Python itself.
OTHERS = (
    str(Path(__file__).parent.parent),
    *(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")),
)


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
    near = near or [name for name in allowed if given == "".join(word[:1] for word in name.split("_"))]  # lr, bs
    hint = f"; did you mean {near[0]!r}?" if near else "."
    names = ", ".join(allowed) if allowed else "nothing"
    return f"{key}: unknown {what} {given!r}{hint} Allowed: {names}"


def first_line(error: BaseException) -> str:
    """The first line of what an error says; empty where it says nothing."""
    return (str(error).strip().splitlines() or [""])[0]


def place_of(error: BaseException) -> str:
    """Where in somebody's own code an error came up, as " (file:line)"; nothing where that is none of their lines."""
    chain: BaseException | None = error
    while chain is not None:
        for frame in reversed(traceback.extract_tb(chain.__traceback__)):
            if not frame.filename.startswith(("<", *OTHERS)):
                below = os.path.relpath(frame.filename)
                return f" ({frame.filename if below.startswith(os.pardir) else below}:{frame.lineno})"
        chain = chain.__cause__ or chain.__context__
    return ""
