"""Numbers as text: units, digits, p-values. No number becomes text anywhere else, so nan and None never show."""

import dataclasses
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

from ablate.results.schema import MetricRecord

TIMES = " × "
DASH = "–"
MINUS = "\N{MINUS SIGN}"


@dataclasses.dataclass(frozen=True)
class Unit:
    """How one metric is shown.

    Args:
        metric: its name with spaces, say "test accuracy".
        scale: shown value per stored value: 100 for a share that is shown in percent.
        suffix: behind a level, such as "%".
        difference: behind a difference, such as "points".
        digits: decimals of a shown value.
    """

    metric: str
    scale: float
    suffix: str
    difference: str
    digits: int = 2

    @property
    def percent(self) -> bool:
        """Whether levels run from 0 to 100 %."""
        return self.suffix == "%"

    @property
    def title(self) -> str:
        """The metric with its unit in brackets, for an axis or a column."""
        return self.labelled(self.validation)

    @property
    def validation(self) -> str:
        """The metric's name, with `val` spelled out."""
        return re.sub(r"^val ", "validation ", self.metric)

    def labelled(self, name: str, *, difference: bool = False) -> str:
        """A column's or an axis's name with the unit of levels, or of differences, in brackets."""
        unit = self.difference if difference else self.suffix
        return f"{name} ({unit})" if unit else name

    def points(self, text: str) -> str:
        """A shown difference with its unit."""
        return f"{text} {self.difference}".strip()

    def level(self, value: float | None) -> str:
        """A shown level without its suffix."""
        return number(value, self.digits, self.scale)

    def delta(self, value: float | None) -> str:
        """A shown difference with its sign."""
        return number(value, self.digits, self.scale, signed=True)

    def size(self, value: float | None) -> str:
        """A shown difference without its sign."""
        return number(None if value is None else abs(value), self.digits, self.scale)


SPLITS = ("test_", "val_", "train_")


def record_of(name: str, metrics: Sequence[MetricRecord]) -> MetricRecord | None:
    """The record of the metric that a row's number or curve is about; None for a number of another kind.

    >>> accuracy = MetricRecord(name="accuracy", higher_is_better=True, scale=100.0, unit="%", difference="points")
    >>> record_of("val_accuracy", [accuracy])["unit"], record_of("critic_loss", [accuracy])
    ('%', None)
    """
    bare = next((name.removeprefix(split) for split in SPLITS if name.startswith(split)), name)
    return next((metric for metric in metrics if metric["name"] == bare), None)


def unit_of(name: str, metrics: Sequence[MetricRecord], spreads: Iterable[float | None] = ()) -> Unit:
    """The unit of a number of a row; its digits show the middle spread (as stored) with two significant figures.

    >>> accuracy = MetricRecord(name="accuracy", higher_is_better=True, scale=100.0, unit="%", difference="points")
    >>> unit_of("test_accuracy", [accuracy], [0.004]).delta(0.0191)
    '+1.91'
    """
    record = record_of(name, metrics)
    scale, suffix, difference = (record["scale"], record["unit"], record["difference"]) if record else (1.0, "", "")
    known = sorted(s * scale for s in spreads if s is not None and math.isfinite(s) and s > 0)
    middle = known[len(known) // 2] if known else 0.05 if scale == 1.0 else 0.005 * scale
    digits = min(4, max(0 if middle >= 100 else 1, 1 - math.floor(math.log10(middle))))
    return Unit(name.replace("_", " "), scale, suffix, difference, digits)


def training_title(curve: str) -> str:
    """The name of a curve of training steps, for a heading.

    >>> training_title("train_loss"), training_title("critic_loss")
    ('Training loss', 'Critic loss')
    """
    return re.sub(r"^train_", "training_", curve).replace("_", " ").capitalize()


def number(value: float | None, digits: int = 2, scale: float = 1.0, *, signed: bool = False) -> str:
    """A number with fixed decimals and a true minus sign; a dash where there is none.

    >>> number(-0.0191, 2, 100), number(None), number(0.00001, 1)
    ('−1.91', '–', '0.0')
    """
    if value is None or not math.isfinite(value):
        return DASH
    rounded = round(value * scale, digits) + 0.0
    text = f"{rounded:+.{digits}f}" if signed and rounded else f"{rounded:.{digits}f}"
    return text.replace("-", MINUS)


def probability(p: float | None) -> str:
    """A p-value in the way journals print it: no leading zero, never zero.

    >>> probability(0.00042), probability(0.031), probability(0.5), probability(1e-9), probability(1.0)
    ('.0004', '.031', '.50', '<.0001', '1')
    """
    if p is None or not math.isfinite(p):
        return DASH
    if p < 0.0001:
        return "<.0001"
    digits = 2 if p >= 0.0995 else 3 if p >= 0.00995 else 4
    text = f"{p:.{digits}f}"
    return "1" if float(text) >= 1 else text.removeprefix("0")


def p_clause(p: float | None, name: str = "p") -> str:
    """`p .0004` or `p < .0001`, for a sentence."""
    text = probability(p)
    return f"{name} < {text[1:]}" if text.startswith("<") else f"{name} {text}"


def interval(low: str, high: str) -> str:
    """Two formatted bounds as one table entry."""
    return DASH if DASH in (low, high) else f"{low} to {high}"


def count(value: float | None) -> str:
    """An integer with thin groups: 109 386; a dash where there is none."""
    return DASH if value is None or not math.isfinite(value) else f"{round(value):,}".replace(",", "\N{NO-BREAK SPACE}")


def short(value: float | None, digits: int = 3) -> str:
    """About `digits` significant figures without an exponent: speeds and durations."""
    if value is None or not math.isfinite(value):
        return DASH
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{round(value, decimals):.{min(decimals, 6)}f}".replace("-", MINUS)


def plain(text: object) -> str:
    """Text from outside on one line: white space collapsed, control and direction characters dropped.

    >>> plain("a\\n  b\\x07\\u202ec")
    'a bc'
    """
    visible = (" " if c.isspace() else c for c in str(text) if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join("".join(visible).split())


def listed(items: Sequence[str], limit: int = 8) -> str:
    """Items as an English list.

    >>> listed(["a", "b", "c"]), listed(["a"]), listed(list("abcdef"), limit=3)
    ('a, b and c', 'a', 'a, b, c and 3 more')
    """
    if len(items) > limit:
        return f"{', '.join(items[:limit])} and {len(items) - limit} more"
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def plural(n: int, word: str) -> str:
    """A count with its noun.

    >>> plural(1, "seed"), plural(6, "seed")
    ('1 seed', '6 seeds')
    """
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def shortened(text: str, limit: int) -> str:
    """Text cut to a width, with an ellipsis.

    >>> shortened("label smoothing", 8)
    'label s…'
    """
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
