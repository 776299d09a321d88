"""Which arms lead on validation while a study trains: to watch, not to decide by."""

import math
from collections.abc import Iterable

from ablate.report.records import on_validation
from ablate.report.wording import Unit, plain, shortened, unit_of
from ablate.results.schema import RowRecord
from ablate.runner.plan import Plan
from ablate.runner.study_file import metrics_json

LEADING = 2
LETTERS = 50  # of an arm's name


class Standings:
    """Means of the validation metric over the seeds that have ended, by arm."""

    def __init__(
        self, metric: str = "", unit: Unit | None = None, baseline: str = "", better: float = 1.0, seeds: int = 0
    ):
        self._metric, self._unit, self._baseline, self._better = metric, unit, baseline, better
        self._seeds = seeds
        self._values: dict[str, list[float]] = {}

    @classmethod
    def of(cls, plan: Plan, rows: Iterable[RowRecord]) -> "Standings":
        """Those of a plan, with the rows that there are."""
        decides = plan.spec.report
        metric = on_validation(decides.metric)
        better = 1.0 if decides.higher_is_better else -1.0
        unit, seeds = unit_of(metric, metrics_json(plan)), len(plan.spec.seeds)
        standings = cls(metric, unit, plan.arms[0].name, better, seeds)
        for row in rows:
            standings.add(row)
        return standings

    def add(self, row: RowRecord) -> None:
        """A row; one without a finite value of the metric takes no part."""
        value = row["metrics"].get(self._metric)
        if isinstance(value, int | float) and math.isfinite(value) and row["status"] == "done":
            self._values.setdefault(row["arm"], []).append(value)

    def lines(self) -> list[str]:
        """The arms that lead, and the baseline; empty before a cell has ended.

        >>> standings = Standings("val_accuracy", Unit("val accuracy", 100.0, "%"), "baseline", seeds=2)
        >>> for arm, value in (("baseline", 0.9), ("mixup", 0.925), ("mixup", 0.915), ("flip", 0.5)):
        ...     standings.add({"arm": arm, "status": "done", "metrics": {"val_accuracy": value}})
        >>> standings.lines()
        ['mixup 92.00 %', 'baseline 90.00 % (1 of 2 seeds)']
        >>> standings.line()
        'best validation accuracy: mixup 92.00 %, baseline 90.00 % (1 of 2 seeds)'
        """
        if not self._values:
            return []
        ranked = sorted(self._values, key=lambda arm: -self._better * _mean(self._values[arm]))
        named = [*ranked[:LEADING], *(arm for arm in ranked[LEADING:] if arm == self._baseline)]
        return [*map(self._told, named)]

    @property
    def title(self) -> str:
        """What they lead in."""
        return f"best {self._unit.validation}" if self._unit else ""

    def line(self) -> str:
        """The same as one line."""
        return f"{self.title}: {', '.join(self.lines())}" if self._values else ""

    def _told(self, arm: str) -> str:
        values = self._values[arm]
        level = f"{self._unit.level(_mean(values))} {self._unit.suffix}".rstrip() if self._unit else ""
        seeds = f" ({len(values)} of {self._seeds} seeds)" if len(values) < self._seeds else ""
        return f"{shortened(plain(arm), LETTERS)} {level}{seeds}"


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
