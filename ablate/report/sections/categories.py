"""Category by category: what is mistaken for what, which share is right, and which test examples are won and lost."""

from collections.abc import Callable

from ablate.report.categories import ArmByCategory, ByCategory
from ablate.report.plots.confusion import MOST
from ablate.report.plots.table import plots_of
from ablate.report.records import Tables
from ablate.report.section import Column, Grid, Section, grid
from ablate.report.wording import DASH, interval, listed, number, plain, plural, shortened

COLUMNS, ARMS, EXAMPLES = 10, 20, 8  # what is readable beside each other, below each other, and in one entry
LETTERS = 24  # of a name above a column
PER_CATEGORY, CHANGED_EXAMPLES = "per_class.csv", "examples.csv"  # what holds all of it


def categories(tables: Tables) -> Section | None:
    """Confusion matrices, shares by category and examples that changed; None where predictions are not known."""
    known = tables.by_category
    if known is None:
        return None
    others = (arms_grid(known, tables),) if len(known.arms) > 1 else ()
    changed = (examples_grid(known),) if known.shared else ()
    return Section(
        "categories",
        f"By {known.one}",
        paragraphs=tuple(explanation(known, tables)),
        plots=plots_of(tables, "categories"),
        grids=(category_grid(known, tables), *others, *changed),
    )


def explanation(known: ByCategory, tables: Tables) -> list[str]:
    """How to read what follows."""
    arm, total = known.arms[0], len(known.names)
    lines = [
        f"Exploratory: where differences come from, without tests or verdicts. Intervals are {tables.confidence} ones "
        f"over seeds, each for itself: of {plural(total * len(known.arms), 'interval')} some leave out zero by chance. "
        f"The baseline is shown beside {plain(arm.arm)}, the first arm of the answers, over the "
        f"{plural(arm.seeds, 'seed')} on which both succeeded; {PER_CATEGORY} has every arm and every {known.one}."
    ]
    if total > MOST:
        lines.append(
            f"Of {total:,} {known.many}, matrices and tables show those that change most; {total - MOST:,} are left "
            f"out, and what is taken for one of them stands under others."
        )
    if known.shared:
        lines.append(
            "A test example is won where the arm is right and the baseline wrong in more than half of the seeds, and "
            f"lost the other way round. Numbers are positions among the test examples, as ablate predict counts them; "
            f"{CHANGED_EXAMPLES} has all of them."
        )
    else:
        lines.append(
            "Every seed draws its own test examples, so no example is won or lost over several seeds: counts are those "
            "of all seeds together."
        )
    return lines


def category_grid(known: ByCategory, tables: Tables) -> Grid:
    """The first arm beside the baseline, category by category."""
    arm, shown = known.arms[0], known.most_changed(MOST, known.arms[:1])
    name = plain(arm.arm)
    columns = (
        Column[int](known.one, lambda k: known.names[k], numeric=False, paper=known.one),
        Column[int]("n", lambda k: number(arm.n[k], 0 if float(arm.n[k]).is_integer() else 1), paper="n"),
        Column[int](f"{plain(tables.baseline.arm)} (%)", lambda k: percent(arm.before[k]), paper="baseline"),
        Column[int](f"{name} (%)", lambda k: percent(arm.after[k]), paper="arm"),
        Column[int]("difference (points)", lambda k: difference(arm.deltas[k].mean), paper="difference"),
        Column[int](
            f"{tables.confidence} interval",
            lambda k: interval(difference(arm.deltas[k].low), difference(arm.deltas[k].high)),
            paper="interval",
        ),
    )
    caption = (
        f"Share of the test examples of each {known.one} that are right (%), for the baseline and for {name}: means "
        f"over {plural(arm.seeds, 'seed')}, paired differences in points and their {tables.confidence} intervals, not "
        "corrected. n: test examples of a seed."
    )
    return grid(columns, shown, caption=caption)


def arms_grid(known: ByCategory, tables: Tables) -> Grid:
    """Differences of all arms, one line each."""
    arms = known.arms[:ARMS]

    def of(k: int) -> Callable[[ArmByCategory], str]:
        return lambda arm: difference(arm.deltas[k].mean)

    columns = (
        Column[ArmByCategory](f"difference (points), by {known.one}", lambda arm: plain(arm.arm), numeric=False),
        *(Column[ArmByCategory](shortened(known.names[k], LETTERS), of(k)) for k in known.most_changed(COLUMNS, arms)),
    )
    return grid(columns, arms)


def examples_grid(known: ByCategory) -> Grid:
    """How many test examples every arm won and lost, and some of them."""
    columns = (
        Column[ArmByCategory]("arm", lambda arm: plain(arm.arm), numeric=False),
        Column[ArmByCategory]("seeds", lambda arm: str(arm.seeds)),
        Column[ArmByCategory]("won", lambda arm: str(len(arm.won))),
        Column[ArmByCategory]("lost", lambda arm: str(len(arm.lost))),
        Column[ArmByCategory]("examples won", lambda arm: positions(arm.won), numeric=False),
        Column[ArmByCategory]("examples lost", lambda arm: positions(arm.lost), numeric=False),
    )
    return grid(columns, known.arms[:ARMS])


def positions(examples: list[int]) -> str:
    """The first of some positions."""
    return listed([str(k) for k in examples], EXAMPLES) or DASH


def percent(share: float | None) -> str:
    """A share in percent."""
    return number(share, 1, 100)


def difference(share: float | None) -> str:
    """A difference of shares in points."""
    return number(share, 1, 100, signed=True)
