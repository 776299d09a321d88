"""Numbers as text: units, digits, p-values. No number becomes text anywhere else, so nan and None never show."""

import dataclasses
import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ablate.results.schema import TaskMetric

TIMES = " × "
DASH = "–"
MINUS = "\N{MINUS SIGN}"


@dataclasses.dataclass(frozen=True)
class Unit:
    """How one number of the rows is shown.

    Args:
        metric: its name with spaces, say "test error".
        scale: shown value per stored value: 100 for shares that are stored as fractions and shown in percent.
        suffix: behind a level ("%", "m"); empty for a bare number.
        difference: behind a difference ("points", "m").
        digits: decimals of a shown value.
        higher_is_better: the direction; a number that no metric describes counts as one to bring down.
    """

    metric: str
    scale: float = 1.0
    suffix: str = ""
    difference: str = ""
    digits: int = 2
    higher_is_better: bool = False

    @property
    def percent(self) -> bool:
        """Whether levels are percentages, which end at 0 and 100."""
        return self.suffix == "%"

    @property
    def title(self) -> str:
        """The metric with its unit in brackets, for an axis or a column."""
        return self.labelled(self.validation)

    @property
    def validation(self) -> str:
        """The metric's name, with `val` spelled out."""
        return re.sub(r"^val ", "validation ", self.metric)

    @property
    def training(self) -> str:
        """The name of a training curve as the start of a sentence, with `train` spelled out."""
        words = plain(re.sub(r"^train ", "training ", self.metric))
        return words[:1].upper() + words[1:]

    def labelled(self, name: str, *, difference: bool = False) -> str:
        """A column's or an axis's name with the unit of levels, or of differences, in brackets."""
        unit = self.difference if difference else self.suffix
        return f"{name} ({unit})" if unit else name

    def points(self, text: str) -> str:
        """A shown difference with its unit."""
        return f"{text} {self.difference}".strip()

    def of_metric(self, text: str) -> str:
        """A shown difference with its unit and its metric: `1.90 points of test error`, `0.40 in test score`."""
        return f"{text} {f'{self.difference} of' if self.difference else 'in'} {self.metric}"

    def level(self, value: float | None) -> str:
        """A shown level without its suffix."""
        return number(value, self.digits, self.scale)

    def delta(self, value: float | None) -> str:
        """A shown difference with its sign."""
        return number(value, self.digits, self.scale, signed=True)

    def size(self, value: float | None) -> str:
        """A shown difference without its sign."""
        return number(None if value is None else abs(value), self.digits, self.scale)

    def showing(self, spreads: Iterable[float | None], differences: Iterable[float] = ()) -> "Unit":
        """The same unit with the digits that show the middle spread, and every difference, with two figures.

        >>> Unit("test error").showing([0.004]).delta(0.0191), Unit("score").showing([0.4], [0.0004]).delta(0.0004)
        ('+0.0191', '+0.00040')
        """
        sizes = sorted(s * self.scale for s in spreads if s is not None and math.isfinite(s) and s > 0)
        middle = sizes[len(sizes) // 2] if sizes else (0.5 if self.percent else 0.05)
        smallest = min((d * self.scale for d in differences if math.isfinite(d) and d > 0), default=middle)
        return dataclasses.replace(self, digits=decimals(min(middle, smallest), figures=2, least=1))

    def between(self, low: float | None, high: float | None) -> str:
        """An interval of levels; a percentage ends at 0 and 100 whatever a t interval says.

        >>> Unit("test score", 100.0, "%").between(0.91, 1.04)
        '91.00 to 100.00'
        """
        shown = (None if x is None else self.inside(self.scale * x) for x in (low, high))
        return interval(*(number(x, self.digits) for x in shown))

    def inside(self, shown: float) -> float:
        """A shown level, a percentage cut at 0 and 100, where it ends whatever an interval says.

        >>> Unit("test score", 100.0, "%").inside(104.2), Unit("test loss").inside(104.2)
        (100.0, 104.2)
        """
        return min(max(shown, 0.0), 100.0) if self.percent else shown

    def showing_levels(self, levels: Iterable[float | None]) -> "Unit":
        """The same unit with the digits that show the largest level (as stored) with four significant figures."""
        largest = max((abs(x) * self.scale for x in levels if x is not None and math.isfinite(x)), default=0.0)
        return dataclasses.replace(self, digits=decimals(largest, figures=4, least=0)) if largest else self


MOST_DECIMALS = 7  # What a float32 holds.
HUGE = 1e9  # from here on a number is told by its power of ten
LEVELS = (0.1, 0.05, 0.01)  # of tests: a p above one of them is not to read as if it were that level


def decimals(value: float, *, figures: int, least: int) -> int:
    """The decimals that show a positive value with so many significant figures; `least` for one that is none.

    >>> decimals(92.258, figures=4, least=0), decimals(0.0031, figures=2, least=1)
    (2, 4)
    """
    if not 0 < value < math.inf:
        return least
    return min(MOST_DECIMALS, max(least, figures - 1 - math.floor(math.log10(value))))


def unit_of(name: str, metrics: Iterable[TaskMetric]) -> Unit:
    """The unit of a number of the rows: that of metric `x` for `test_x`, `val_x` and `train_x`, none for any other.

    Args:
        name: key of a row's `metrics` or `curves`.
        metrics: those of the study.
    """
    split, _, described = name.partition("_")
    words = name.replace("_", " ")
    for metric in metrics if split in ("test", "val", "train") else ():
        if metric["name"] == described:
            unit = Unit(words, metric["scale"], metric["unit"], metric["difference"])
            return dataclasses.replace(unit, higher_is_better=metric["higher_is_better"]).showing(())
    return Unit(words).showing(())


def number(value: float | None, digits: int = 2, scale: float = 1.0, *, signed: bool = False) -> str:
    """A number with fixed decimals and a true minus sign; a dash where there is none.

    >>> number(-0.0191, 2, 100), number(None), number(0.00001, 1)
    ('−1.91', '–', '0.0')
    """
    if value is None or not math.isfinite(value):
        return DASH
    if abs(value * scale) >= HUGE:
        return f"{value * scale:+.2e}".removeprefix("" if signed else "+").replace("-", MINUS)
    rounded = round(value * scale, digits) + 0.0
    text = f"{rounded:+.{digits}f}" if signed and rounded else f"{rounded:.{digits}f}"
    return text.replace("-", MINUS)


def probability(p: float | None) -> str:
    """A p-value in the way journals print it: no leading zero, never zero.

    >>> probability(0.00042), probability(0.031), probability(0.5), probability(1e-9), probability(1.0)
    ('.0004', '.031', '.50', '<.0001', '1')
    >>> probability(0.0502)  # not significant at .05
    '.0502'
    """
    if p is None or not math.isfinite(p):
        return DASH
    if p < 0.0001:
        return "<.0001"
    digits = 2 if p >= 0.0995 else 3 if p >= 0.00995 else 4
    text = f"{p:.{digits}f}"
    while float(text) in LEVELS and float(text) < p and digits < MOST_DECIMALS:
        digits += 1
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


def tick_text(value: float) -> str:
    """A round number with a true minus sign."""
    return f"{value:g}".replace("-", MINUS)


def value_text(value: float) -> str:
    """A value that a reader asks for, with four figures."""
    return f"{value:.4g}".replace("-", MINUS)


def step_text(value: float) -> str:
    """A training step."""
    return f"{value:.0f}" if value == round(value) else tick_text(value)


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


def duration(seconds: float) -> str:
    """A rough length of time.

    >>> duration(0.2), duration(75), duration(600), duration(9000)
    ('1 s', '75 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def shortened(text: str, limit: int) -> str:
    """Text cut to a width, with an ellipsis.

    >>> shortened("label smoothing", 8)
    'label s…'
    """
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def squeezed(text: str, limit: int) -> str:
    """Text cut in its middle, since names end with the number that matters.

    >>> squeezed("optimizer=adam(learning_rate=0.001)", 24)
    'optimizer=ad…rate=0.001)'
    """
    head = limit // 2
    return text if len(text) <= limit else f"{text[:head]}…{text[len(text) - (limit - head - 1) :]}"


def told_apart(names: Sequence[str], limit: int) -> list[str]:
    """Names of at most so many letters: where some are longer, what all begin and end with is left out first.

    >>> told_apart(["momentum(rate=0.1, beta=0.9)", "momentum(rate=0.25, beta=0.9)"], 16)
    ['…rate=0.1…', '…rate=0.25…']
    """
    if max(map(len, names), default=0) <= limit:
        return list(names)
    start = re.sub(r"[^(, ]*$", "", _common_start(names))
    end = re.sub(r"^[^), ]*", "", _common_start([name[len(start) :][::-1] for name in names])[::-1])
    own = [name[len(start) : len(name) - len(end)] for name in names]
    kept = [f"{'…' * bool(start)}{part}{'…' * bool(end)}" for part in own] if all(own) else names
    return [squeezed(name, limit) for name in kept]


def _common_start(names: Sequence[str]) -> str:
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike)


def choice_text(choice: Mapping[str, Any], *, arguments: bool = True) -> str:
    """A choice as reports write it, one behind the other where there are several of one axis.

    >>> choice_text({"name": "flip", "then": {"name": "random_crop", "padding": 4}})
    'flip then random_crop(padding=4)'
    """
    inside = arguments_text(choice) if arguments else ""
    own = f"{choice.get('name')}({inside})" if inside else str(choice.get("name") or "")
    return f"{own} then {choice_text(choice['then'], arguments=arguments)}" if "then" in choice else own


def arguments_text(choice: Mapping[str, Any]) -> str:
    """The arguments of a choice, `rate=0.2, scale=3`."""
    return ", ".join(f"{key}={value}" for key, value in choice.items() if key not in ("name", "then"))
