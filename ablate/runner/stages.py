"""Seeds until it is decided: stages of more seeds, at each a look, and further seeds only for arms still undecided.

    seeds of stage k ──for the baseline and every undecided arm──> execute ──a report is a look──> decided arms ──┐
         ^────────────────────────────────────────────────────────────────────────────────────────────────────────┘

Alpha is spent over the looks (`stats.spending`), so that stopping at the first look which decides errs no more often
than alpha. A stage is an ordinary study of the directory: killed, the same call goes on where it was.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ablate.report.looks import declared
from ablate.report.rows import Rows
from ablate.report.tables import tabulate
from ablate.results.schema import LookRecord, read_record
from ablate.runner.execute import execute
from ablate.runner.interrupts import go_on
from ablate.runner.plan import Plan, replan
from ablate.runner.study_file import study_json
from ablate.study.problems import ConfigError
from ablate.study.resolving import Spec

MOST = 24  # seeds, where nobody says how many
Say = Callable[[str], None]


def staged(spec: Spec, most: int | None = None) -> Spec:
    """The config of the first stage: its looks are those of the config, or its seeds doubled until there are `most`.

    Args:
        spec: the resolved config.
        most: seeds at the last look; None takes the last of the config's looks, or 24 where it has none.

    Raises:
        ConfigError: there is no room for a second look.
    """
    first = spec.report.looks[0] if spec.report.looks else len(spec.seeds)
    last = most or max((spec.report.looks or (max(MOST, len(spec.seeds)),))[-1], first)
    doubled = itertools.takewhile(lambda n: n < last, (first * 2**k for k in itertools.count()))
    planned = spec.report.looks or (*doubled, last)
    looks = tuple(n for n in planned if n <= last)
    looks = looks if looks[-1:] == (last,) else (*looks, last)
    problems = []
    if first < 2:
        problems.append(f"seeds: stages begin with two seeds or more, got {first}")
    elif last <= first:
        problems.append(f"--max-seeds: must be above the {first} seeds of the first stage, got {last}")
    if problems:
        raise ConfigError(problems)
    report = dataclasses.replace(spec.report, looks=looks)
    return dataclasses.replace(spec, seeds=seeds_of(spec, last)[: looks[0]], report=report)


def seeds_of(spec: Spec, count: int) -> tuple[int, ...]:
    """The config's seeds, and as many further ones as it takes: the smallest that it does not name."""
    further = (seed for seed in itertools.count() if seed not in spec.seeds)
    return tuple(itertools.islice(itertools.chain(spec.seeds, further), count))


def run_until_decided(plan: Plan, directory: Path, *, say: Say = lambda words: None, **options: Any) -> Rows:
    """Runs a plan of the first stage, and further stages until every arm has a verdict or the seeds are used up.

    Args:
        plan: of a `staged` config.
        directory: where it runs.
        say: is told, after each stage, how far it is.
        options: of `execute`.

    Returns:
        The rows of the last stage that ran.

    Raises:
        InUseError, Interrupted, StorageError: as `execute`.
    """
    looks, decided = plan.spec.report.looks, dict[str, int]()
    between = options["stop"].check if options.get("stop") else go_on
    for n in looks:
        spec = dataclasses.replace(plan.spec, seeds=seeds_of(plan.spec, n), fewer=dict(decided))
        stage = replan(plan, plan.arms, spec, between=between)
        verdicts = _seen(directory, stage) if n < looks[-1] and not options.get("retry_failed") else {}
        if _undecided(verdicts) == 0:  # not seen; or all was decided, and the report is to be of this stage
            rows = execute(stage, directory, **options)
            verdicts = {arm.arm: arm.verdict for arm in tabulate(rows.study, rows, looks=rows.looks).tricks}
        for arm, verdict in verdicts.items():
            if verdict not in ("", "inconclusive"):
                decided.setdefault(arm, n)
        say(f"{n} seeds: {len(decided)} of {len(verdicts)} arms decided")
        if len(decided) == len(verdicts):
            break
    return rows


def _undecided(verdicts: Mapping[str, str]) -> int:
    return sum(verdict in ("", "inconclusive") for verdict in verdicts.values())


def _seen(directory: Path, stage: Plan) -> dict[str, str]:
    """The verdicts of a stage that an earlier call ended, and that further seeds followed; empty where none did.

    It is not run again: that would replace the report of a later stage, and its checkpoints.
    """
    cells: dict[str, list[str]] = {}
    for cell in stage.cells:
        cells.setdefault(cell.arm.name, []).append(cell.name)
    looks: list[LookRecord] = read_record(directory / "looks.json", list[LookRecord]) or []
    now = declared(study_json(stage))
    same = [look for look in looks if look["cells"] == cells and all(look[key] == now[key] for key in now)]
    return dict(same[-1]["verdicts"]) if same else {}
