"""results/claims.md: what every card of this folder found, with a picture of all effects.

python experiments/claims/answers.py [RESULTS_DIR]      from RESULTS_DIR/<card>/report.json, beside which it is written

A card is a file with `get_config` and `CLAIMS`. One whose study has not run is listed as such. What an answer is stands
in judge.py, the picture in picture.py.
"""

import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from judge import ANSWERS, Answer, answer_of, corrected_over_all, measured, p_text
from picture import LIMIT, picture

from ablate.report.formats.markdown import escape
from ablate.report.wording import DASH, listed, plural
from ablate.tricks.articles import ARTICLES

FOLDER = Path(__file__).parent
RESULTS = Path("results/claims")
# Theme -> words in the name of a card; the first that fits.
THEMES = {
    "Transfer and resolution": ("transfer", "bilinear", "resolution", "layerwise"),
    "Weights at the start": ("init",),
    "Normalisation": ("norm",),
    "Generative models": ("gan",),
    "Optimizers, rates and clipping": ("optim", "clip", "schedule", "rate", "cycl", "restart", "adam", "momentum"),
    "Architecture": ("skip", "conv", "kernel", "pool", "squeeze", "separable", "resid", "depth", "shrink", "thresh"),
    "Several models asked together": ("clean", "mine", "mining", "fus", "ensembl"),
    "Overfitting": ("overfit", "regular", "dropout", "decay", "averag", "stop", "penalt"),
    "Losses and labels": ("label", "loss", "focal", "flood", "smooth", "task", "center", "centre", "outlier"),
    "Data": ("data", "imbalance", "sampl", "augment", "mean", "scal", "noise", "input"),
}
OTHERS = "Other claims"
PLACES = (
    "unsigned, on a site that collects essays; a checklist from labelling data to smaller networks",
    "a series on computer vision; transfer, resolution and weight decay tried on 200 kinds of birds",
    "passed on by a forum of Python programmers; from scaling inputs to choosing an optimizer",
    "a collection of answers on Zhihu by DOTA, 永无止境 and DLing; the last is about models fused to clean data",
    "unsigned; lecture notes on weights at the start, batch norm, dropout and fine-tuning",
)
COLUMNS = ("claim", "source", "answer", "effect (95 % interval)", "p", "conditions", "seeds", "cost", "report")


class Card(NamedTuple):
    """A file of claims, the folder of its study, and the study's report where it has run."""

    name: str
    claims: Sequence[Mapping[str, Any]]
    folder: Path
    report: Mapping[str, Any] | None

    @property
    def theme(self) -> str:
        """Where its claims stand."""
        return next((theme for theme, words in THEMES.items() if any(word in self.name for word in words)), OTHERS)


class Line(NamedTuple):
    """A claim with its answer."""

    card: Card
    answer: Answer


def card_files() -> list[Path]:
    """Every card of this folder, by name."""
    return sorted(path for path in FOLDER.glob("*.py") if "\nCLAIMS" in path.read_text(encoding="utf-8"))


def cards(results: Path) -> list[Card]:
    """Every card with its report."""
    return [card(path, results / path.stem) for path in card_files()]


def card(path: Path, folder: Path) -> Card:
    """One of them."""
    file = folder / "report.json"
    report = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    ended = report if report and whole(report) else None
    return Card(path.stem, module_of(path).CLAIMS, folder, ended)


def whole(report: Mapping[str, Any]) -> bool:
    """Whether a study has come to its end, under all of its conditions."""
    if "conditions" in report:
        return all(one["ended"] for one in report["conditions"])
    return not any(arm["pending"] for arm in report["arms"])


def module_of(path: Path) -> ModuleType:
    """A card as a module, under a name that no other module has."""
    spec = importlib.util.spec_from_file_location(f"claims_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(card: Card) -> Iterator[Line]:
    """The claims of a card that has run, answered."""
    assert card.report is not None
    for claim in card.claims:
        by_measure = "measure" in claim
        answer = measured(claim, claim["measure"](card.folder)) if by_measure else answer_of(claim, card.report)
        yield Line(card, answer)


def by_theme(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Claims by theme, the most frequent answers of a theme in the order of `ANSWERS`."""
    grouped = {theme: [line for line in lines if line.card.theme == theme] for theme in (*sorted(THEMES), OTHERS)}
    return {theme: own for theme, own in grouped.items() if own}


def page(every: Sequence[Card]) -> str:
    """claims.md."""
    run, waiting = ([one for one in every if (one.report is not None) is ran] for ran in (True, False))
    lines = [line for one in run for line in lines_of(one)]
    parts = [
        "# The articles answered",
        *opening(run, lines),
        "![Every claim's effect on one axis](claims.svg)",
        caption(),
        *(part for theme, own in by_theme(lines).items() for part in (f"## {theme}", table(own))),
        "## How to read this",
        *reading(),
        *(["## Not run here", bullets(not_run(one) for one in waiting)] if waiting else []),
        "## Sources",
        "In Chinese; what they say is told here in other words.",
        bullets(f"**S{k}** {a.told()}: {place}." for k, (a, place) in enumerate(zip(ARTICLES, PLACES, strict=True))),
    ]
    return "\n\n".join(parts) + "\n"


def opening(run: Sequence[Card], lines: Sequence[Line]) -> Iterator[str]:
    """How many claims got which answer, and how many of the definite ones stay when all studies share one level."""
    counts = Counter(line.answer.answer for line in lines)
    told = listed([f"**{counts[word]} {word}**" for word in ANSWERS])
    yield (
        f"Five articles that beginners read say how networks are trained. {plural(len(lines), 'claim')} of theirs, put "
        f"to {len(run)} studies that two CPU cores train in minutes: {told}. Undecided means that so few cores cannot "
        "tell; what they would have missed stands beside it."
    )
    definite = [line for line in lines if line.answer.answer in ("supported", "contradicted") and line.answer.test]
    corrected = corrected_over_all({one.name: one.report for one in run if one.report})
    kept = Counter(line.answer.answer for line in definite if stays(line, corrected))
    total = Counter(line.answer.answer for line in definite)
    yield (
        "Every study corrects for its own tests, not for those of the others. If all tests of all studies are "
        f"corrected together by Holm's method, {kept['supported']} of {total['supported']} supported and "
        f"{kept['contradicted']} of {total['contradicted']} contradicted claims keep their answer at .05"
        f"{uncounted(counts, total)}."
    )


def stays(line: Line, corrected: Mapping[tuple[str, str, str], float | None]) -> bool:
    """Whether an answer's test is at or below .05 among the tests of all studies."""
    p = corrected.get((line.card.name, line.answer.arm, line.answer.test))
    return p is not None and p <= 0.05


def uncounted(counts: Counter[str], total: Counter[str]) -> str:
    """The definite answers that rest on a measure of their own."""
    apart = sum(counts[word] - total[word] for word in ("supported", "contradicted"))
    return f"; {plural(apart, 'answer')} by a measure without a test of an arm left aside" if apart else ""


def caption() -> str:
    """What the picture shows."""
    return (
        "Each line is a claim: by how much what is missing to a perfect score (error, or loss) changes, arm against "
        "baseline, with its 95 % interval; under conditions the geometric mean over them. Left of zero the arm is "
        f"better. What lies beyond a factor of {LIMIT:g}, or never trained, is an arrow at the edge; a claim without a "
        "mark is answered by a measure of its own. The grey column is what the article says: ◁ better, ▷ worse, = no "
        "difference."
    )


def table(lines: Sequence[Line]) -> str:
    """The claims of one theme."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *map(row, lines)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def row(line: Line) -> list[str]:
    """One claim."""
    card, answer = line
    claim = escape(answer.claim) + (f" ({escape(answer.note)})" if answer.note else "")
    effect = "; ".join(filter(None, (answer.effect, answer.missed)))
    texts = (claim, answer.source, f"**{answer.answer}**", escape(effect), p_text(answer), escape(answer.where) or DASH)
    folder = card.folder.name
    link = f"[{escape(folder)}]({card.folder.parent.name}/{folder}/report.md)"
    return [*texts, answer.seeds or DASH, answer.cost or DASH, link]


def reading() -> Iterator[str]:
    """The rules, in words."""
    yield bullets((
        "**supported**: the verdict is as claimed; under several conditions on average, and nowhere the opposite.",
        "**contradicted**: the opposite verdict, or shown to lie within the study's margin where a difference was "
        "claimed; where none was claimed, a difference.",
        "**mixed**: as claimed in some conditions, and in others, or on average, the opposite or within the margin.",
        "**undecided**: neither was shown. The smallest effect that the study finds four times in five, at the "
        "strictest level of its correction, stands with it.",
        "Effects are arm minus baseline over shared seeds; of a study under conditions, also the change of shortfall "
        "(100 % minus accuracy, or the loss), which its verdict is about. p is corrected within its study. Equivalence "
        "on average over conditions is two one-sided t tests of the mean difference, corrected by Holm's method over "
        "the arms, of an arm that does not fail more often than the baseline.",
        "seeds: per arm, × conditions. cost: operations of the whole training over the baseline's, or time where it "
        "was measured; over conditions, from least to most.",
        "An answer is about these small networks and data sets. Cards with designs and sentences: "
        "[experiments/claims](../experiments/claims). `make claims` runs them one by one.",
    ))  # fmt: skip


def not_run(card: Card) -> str:
    """A card without results, with what it would answer."""
    return f"{escape(card.name)}: {'; '.join(escape(claim['claim']) for claim in card.claims)}"


def bullets(items: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {item}" for item in items)


def main(results: Path = RESULTS) -> None:
    """Writes the page and the picture beside the folder of results."""
    every = cards(results)
    lines = [line for one in every if one.report is not None for line in lines_of(one)]
    beside = results.parent
    (beside / "claims.md").write_text(page(every), encoding="utf-8")
    for kind, content in picture({theme: [a for _, a in own] for theme, own in by_theme(lines).items()}).items():
        (beside / f"claims.{kind}").write_bytes(content)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
