"""What rests on the test examples: the second standard error of every difference, and examples won and lost."""

from collections.abc import Callable

from ablate.report.records import Summary, Tables, rotates
from ablate.report.section import Column, Section, grid
from ablate.report.wording import number, plain
from ablate.stats.examples import TwoErrors


def test_examples(tables: Tables) -> Section | None:
    """The two errors of every arm of which it is known which examples were right; None where there is none."""
    arms = [arm for arm in tables.tricks if arm.examples]
    if not arms:
        return None
    unit = tables.unit

    def of(text: Callable[[TwoErrors], str]) -> Callable[[Summary], str]:
        return lambda arm: text(arm.examples) if arm.examples else ""

    drawn = "new" if rotates(tables.study) else "test"
    columns = (
        Column[Summary]("arm", lambda arm: plain(arm.arm), numeric=False),
        Column(unit.labelled("delta", difference=True), of(lambda errors: unit.delta(errors.mean))),
        Column("error over seeds", of(lambda errors: unit.size(errors.of_seeds))),
        Column(
            f"error over seeds and {drawn} examples",
            of(lambda errors: unit.size(errors.of_both)),
        ),
        Column("won per seed", of(lambda errors: number(errors.won, 1))),
        Column("lost per seed", of(lambda errors: number(errors.lost, 1))),
    )
    return Section(
        "examples", "New test examples", paragraphs=(explanation(arms, tables),), grids=(grid(columns, arms),)
    )


def explanation(arms: list[Summary], tables: Tables) -> str:
    """How to read the table."""
    examples = next(arm.examples.examples for arm in arms if arm.examples)
    won = "Won and lost count test examples that one side had right and the other wrong."
    if rotates(tables.study):
        return (
            f"Every seed draws its own {examples:,} test examples, which its arms share: the intervals above are over "
            "seeds that draw from these data. The training examples of two seeds overlap, so that they say less about "
            "other data than independent ones would; the second standard error allows for that (Nadeau and Bengio, "
            f"2003). {won}"
        )
    return (
        f"All seeds are judged by the same {examples:,} test examples, and the intervals above are over seeds: they "
        "speak of these examples. The second standard error is that of new seeds and new examples of the same kind; it "
        f"does not shrink with more seeds alone. {won}"
    )
