"""The verdicts of a study as Python users and scripts read them, without a directory."""

import dataclasses
import functools
from typing import Any

from ablate.report.formats.csv_files import summary_record
from ablate.report.formats.json_record import clean
from ablate.report.formats.notebook import fragment
from ablate.report.records import Summary, Tables
from ablate.report.sections.answers import answers, headline, status_line
from ablate.report.sections.caveats import find_caveats
from ablate.report.tables import tabulate
from ablate.report.wording import plain
from ablate.results.schema import LookRecord, RowRecord, Study

COLUMNS = (
    "arm", "n", "failed", "diverged", "collapsed", "mean", "sd", "ci_low", "ci_high",
    "delta", "delta_low", "delta_high",
    "p", "p_holm", "p_max_t", "p_exact", "p_failure_corrected", "p_tost_holm", "within", "mde", "verdict",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, repr=False)
class Verdicts:
    """Every arm of a study against its baseline; print it, iterate `arms`, or take `record()`."""

    study: Study
    rows: tuple[RowRecord, ...]
    looks: tuple[LookRecord, ...] = ()

    @functools.cached_property
    def tables(self) -> Tables:
        """Cells, arms and contrasts."""
        return tabulate(self.study, self.rows, looks=self.looks)

    @property
    def arms(self) -> list[dict[str, Any]]:
        """A dict per arm, the baseline first, with the columns of summary.csv, a missing number as None.

        Unlike there, `failed` counts every run without a usable number too; `diverged` of them diverged and `collapsed`
        ended far below their siblings.
        """
        return [arm_record(arm) for arm in self.tables.arms]

    def record(self) -> dict[str, Any]:
        """All of it as plain JSON, in which nothing is nan."""
        tables = self.tables
        return {
            "name": self.study["name"],
            "baseline": self.study["baseline"],
            "metric": tables.metric,
            "higher_is_better": tables.better > 0,
            "margin": self.study["metric"]["margin"],
            "alpha": self.study["alpha"],
            "paired": self.study["paired"],
            "status": status_line(tables),
            "headline": headline(tables),
            "arms": self.arms,
            "caveats": list(find_caveats(tables, {})),
        }

    def __str__(self) -> str:
        lines = [status_line(self.tables), headline(self.tables)]
        lines += [f"  {answer.arm}: {answer.text}" for answer in answers(self.tables)]
        return "\n".join([*lines, *map(plain, self.study.get("warnings", []))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows: the answers and the table per arm."""
        return fragment(self.study, self.rows, self.looks)


def arm_record(arm: Summary) -> dict[str, Any]:
    """One arm, as `Verdicts.arms` has it."""
    known = summary_record(arm) | {"failed": arm.failed + arm.errors}
    return clean({name: known[name] for name in COLUMNS})
