"""`ablate report --to`: stored studies to a tracker, with whatever goes wrong there in one line."""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping

from ablate.report.rows import Rows
from ablate.report.variance import DESIGN
from ablate.report.wording import plural
from ablate.runner.interrupts import Interrupted, Stop
from ablate.study.problems import ConfigError
from ablate.trackers import missing, sender_of
from ablate.trackers.runs import TrackedRun, tracked_runs
from ablate.trackers.senders import project_of


def check_installed(tracker: str) -> None:
    """Asked before anything is written.

    Raises:
        ConfigError: the tracker's package is not installed.
    """
    if missing(tracker):
        raise ConfigError([missing(tracker)])


def send(studies: Mapping[str, Rows], name: str, tracker: str, stop: Stop) -> str:
    """Sends a study, or those of all conditions, and says in words what and where to.

    Args:
        studies: by condition; one of the name "" where there are none.
        name: of the study, which becomes that of a project.
        tracker: a name of `TRACKERS`.
        stop: who may ask to stop between two runs.

    Raises:
        ConfigError: what the tracker's library raised, in one line, or there are no verdicts.
        Interrupted: somebody asked to stop; what was sent stays.
    """
    for rows in studies.values():
        if rows.study["design"] == DESIGN:
            raise ConfigError([f"--to: {rows.directory} holds runs of one recipe, which have no verdicts"])
    runs = [run for condition, rows in studies.items() for run in tracked_runs(rows, condition)]
    project = project_of(name)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what libraries print is no result of ours
            where = sender_of(tracker)(project, _one_by_one(runs, stop))
    except (Interrupted, ConfigError):
        raise
    except (Exception, SystemExit) as error:  # a library that speaks to a server may raise anything
        lines = str(error).strip().splitlines() or [""]
        raise ConfigError([f"--to={tracker}: {type(error).__name__}: {lines[0]}"]) from error
    cells = len(runs) - len(studies)
    return f"sent {plural(cells, 'cell')} and the verdicts to {tracker}, project {project}: {where}"


def _one_by_one(runs: Iterable[TrackedRun], stop: Stop) -> Iterator[TrackedRun]:
    for run in runs:
        stop.check()
        yield run
