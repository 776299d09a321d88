"""A parser that says which command, flag or value was perhaps meant."""

import argparse
import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """`argparse.ArgumentParser`; of a flag that a command does not have, the command itself tells, with its usage."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Knows all arguments, or ends the process."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            flags = [word for word in unknown if word.startswith("-")]
            known = [flag for action in self._actions for flag in action.option_strings]
            told = [f"{word}{_meant(word.partition('=')[0], known)}" for word in flags]
            self.error(f"unrecognized arguments: {', '.join(told or unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Ends the process with the message, and with the value that comes next to one that is none."""
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)$", message)
        super().error(message + (_meant(choice[1], re.findall(r"[\w.-]+", choice[2])) if choice else ""))


def _meant(word: str, known: Iterable[str]) -> str:
    """
    >>> _meant("rnu", ["run", "report"]), _meant("x", ["run"])
    (" (did you mean 'run'?)", '')
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
