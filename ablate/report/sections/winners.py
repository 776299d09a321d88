"""Which of the winners wins: the arms that are better than the baseline, against each other."""

from collections.abc import Mapping

from ablate.report.records import Summary, Tables, ranked
from ablate.report.section import Column, Section, grid
from ablate.report.wording import DASH, plain, plural, probability
from ablate.stats.pairs import Pair, all_pairs

MOST = 12  # columns that a page takes


def winners(tables: Tables) -> Section | None:
    """A small matrix of the arms that are better; None for fewer than two."""
    better = [arm for arm in ranked(tables) if arm.verdict == "better" and arm.n > 1 and not by_failure(arm)]
    arms = better[:MOST]
    if len(arms) < 2:
        return None
    values = {arm.arm: arm.values for arm in arms}
    pairs = all_pairs(values, higher_is_better=tables.better > 0, paired=tables.study["paired"])

    def against(other: Summary) -> Column[Summary]:
        return Column(plain(other.arm), lambda arm: cell(pairs.get((arm.arm, other.arm)), tables))

    columns = (Column[Summary]("arm", lambda arm: plain(arm.arm), numeric=False), *map(against, arms))
    return Section(
        "winners",
        "Which of the winners wins",
        paragraphs=(note(pairs, len(better), tables),),
        grids=(grid(columns, arms),),
    )


def cell(pair: Pair | None, tables: Tables) -> str:
    """The delta of the row's arm from the column's, and a star where it is significant."""
    if pair is None or pair.mean is None:
        return DASH
    star = "*" if pair.p_holm is not None and pair.p_holm <= tables.level else ""
    return f"{tables.unit.delta(pair.mean)}{star} ({probability(pair.p_holm)})"


def by_failure(arm: Summary) -> bool:
    """Whether an arm is better by its failures alone, so that its quality has won nothing."""
    return arm.contrast is not None and arm.contrast.by_failure


def note(pairs: Mapping[tuple[str, str], Pair], better: int, tables: Tables) -> str:
    """How to read the matrix."""
    tested = plural(sum(pair.p_holm is not None for pair in pairs.values()) // 2, "pair")
    first = f"The first {MOST} of {better} better arms. " if better > MOST else ""
    unit = f" in {tables.unit.difference}" if tables.unit.difference else ""
    return (
        f"{first}Row minus column{unit}, with p corrected over {tested} by Holm's method; a star marks p at or below "
        f"{tables.level:g}. The arms were picked for being better than the baseline; p is that of pairs named before."
    )
