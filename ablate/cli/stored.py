"""What of a study is stored already, in lines: for a plan and a run; light, since a plan needs no statistics."""

from collections.abc import Iterable

from ablate.report.wording import plain, shortened
from ablate.runner.reuse import NEW, Reuse

NAMED = 3  # arms and reasons that a line names


def stored_lines(reuse: Reuse) -> Iterable[str]:
    """What is used again, and why the rest is not; nothing where nothing is stored."""
    if reuse.kept:
        yield f"{len(reuse.kept)} stored, used again; {reuse.missing} to train{_why(reuse)}"
    elif reuse.reasons.keys() - {NEW}:
        yield f"nothing stored can be used again{_why(reuse)}"
    if reuse.failed:
        yield f"{reuse.failed} of those stored failed and stay so; --retry-failed trains them again"


def _why(reuse: Reuse) -> str:
    """The reasons with most cells."""
    by_size = sorted(reuse.reasons.items(), key=lambda reason: -len(reason[1]))
    told = [f"{len(cells)} {NEW}" if reason == NEW else _told(reason, cells) for reason, cells in by_size[:NAMED]]
    rest = sum(len(cells) for _, cells in by_size[NAMED:])
    parts = [*told, *([f"{rest} for other reasons"] if rest else [])]
    return f": {'; '.join(parts)}" if parts else ""


def _told(reason: str, cells: tuple) -> str:
    arms = dict.fromkeys(cell.arm.name for cell in cells)
    return plain(f"{len(cells)} of {first_of(tuple(arms))} because {reason}")


def first_of(arms: tuple[str, ...]) -> str:
    """The arms, or how they begin."""
    if len(arms) <= NAMED:
        return ", ".join(arms)
    return f"{', '.join(shortened(arm, 30) for arm in arms[: NAMED - 1])} and {len(arms) - NAMED + 1} more arms"
