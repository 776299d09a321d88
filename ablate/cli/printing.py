"""What commands print on stdout: results, plans, states, tables."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ablate.report.wording import duration, plain, plural

SHOWN = 30  # arms in a terminal, so that a thousand of them are not a thousand lines


def console() -> Console:
    """Wide where nobody's window limits it, so that a pipe gets whole names."""
    return Console(width=None if sys.stdout.isatty() else 160)


def wide_table(*names: str) -> Table:
    """On a narrow terminal names and headers go over several lines; nothing is cut off."""
    return Table(*(Column(name, overflow="fold") for name in names))


def say_results(rows: Any, directory: Path) -> None:
    from ablate.report.variance import DESIGN

    if rows.study["design"] == DESIGN:
        say_variance(rows, directory)
        return
    from ablate.report.sections.answers import answers, status_line
    from ablate.report.sections.confirmation import confirmed_lines
    from ablate.report.sections.tuning import tuned_lines
    from ablate.report.tables import tabulate

    tables = tabulate(rows.study, list(rows), looks=rows.looks)
    print(status_line(tables))
    for line in _first_of([f"{answer.arm}: {answer.text}" for answer in answers(tables)]):
        print(f"  {line}")
    for line in (*confirmed_lines(tables), *tuned_lines(rows.study.get("tuning"))):
        print(f"  {line}")
    print(reports(directory))


def say_across(found: Any) -> None:
    """Status, one line of generality per arm, and where the reports are."""
    from ablate.report.comparison.across import across, answers, headline, status_line

    lined_up = across(found.record, dict(found.items()))
    print(status_line(lined_up))
    print(headline(lined_up))
    for answer in answers(lined_up):
        print(f"  {answer.arm}: {answer.text}")
    print(*(found.directory / name for name in ("report.md", "report.html", "conditions.csv")), sep="  ")


def say_variance(rows: Any, directory: Path) -> None:
    from ablate.report.variance import analyse, answer, seed_grids, source_grid

    found = analyse(rows.study, rows)
    for shown in (source_grid(found), *seed_grids(found)):
        print_grid(shown)
    print(*answer(found), sep="\n")
    print(*(directory / f"variance.{kind}" for kind in ("md", "csv", "json")), sep="  ")


def print_grid(shown: Any) -> None:
    table = Table(
        *(
            Column(escape(name), overflow="fold", justify="right" if numeric else "left")
            for name, numeric in zip(shown.header, shown.numeric, strict=True)
        )
    )
    for row in shown.rows:
        table.add_row(*map(escape, row))
    console().print(table)


def reports(directory: Path) -> str:
    return f"{directory / 'report.md'}  {directory / 'report.html'}  {directory / 'summary.csv'}"


def print_plan(content: dict[str, Any], cost: dict[str, Any], devices: str) -> None:
    train, data = content["train"], content["data"]
    arms, seeds, cells, programs = (
        plural(len(content[name]), name.removesuffix("s")) for name in ("arms", "seeds", "cells", "programs")
    )
    steps = f"{train['steps']} steps of {train['batch_size']}"
    print(f"{content['name']}: {arms} x {seeds} = {cells} in {programs}; {steps}; {devices}")
    sizes = ", ".join(f"{data[part]:,} {part}" for part in ("train", "validation", "test"))
    print(f"{data['name']}: {sizes} examples. {data['description']}")
    if content["tuning_cells"]:
        print(
            f"before that, {content['tuning_cells']} cells tune the same numbers for every arm; not in the times below"
        )
    table = wide_table("program", "arms", "cells", "lanes", "waves", "strategy", "parameters", "about")
    for item in content["programs"]:
        counts = [str(n) for n in (len(item["cells"]), item["lanes"], item["waves"])]
        about = duration(cost["programs"][item["id"]])
        arms = escape("\n".join(_first_of(item["arms"])))
        table.add_row(item["id"], arms, *counts, item["strategy"], f"{item['parameters']:,}", about, end_section=True)
    console().print(table)
    for why in dict.fromkeys(f"{item['strategy']}: {item['why']}" for item in content["programs"]):
        print(why)
    print(
        f"about {duration(cost['seconds'])}, at most {cost['bytes'] / 2**20:.0f} MiB at once: rough, counted from the "
        "operations of one step, within a factor of 3"
    )


def _first_of(lines: list[str]) -> list[str]:
    """The lines; where there are many, the first of them and how many more."""
    return lines if len(lines) <= SHOWN else [*lines[: SHOWN - 1], f"and {len(lines) - SHOWN + 1} more"]


def print_sum(contents: list[dict[str, Any]]) -> None:
    """What all conditions take together."""
    cells = sum(len(content["cells"]) + content["tuning_cells"] for content in contents)
    seconds = sum(content["estimate"]["seconds"] for content in contents)
    print(f"{len(contents)} conditions: {cells} cells, about {duration(seconds)} in all")


def print_parameters(plan_: Any) -> None:
    """A table of parameters for every network that differs from those before."""
    from ablate.runner.plan import parameter_table

    owners: dict[str, list[str]] = {}
    for item in plan_.programs:
        owners.setdefault(parameter_table(item), []).append(item.program.id)
    for overview, programs in owners.items():
        print(f"\nparameters of {plural(len(programs), 'program')} {', '.join(programs)}")
        print(overview)


def _node_line(node: dict[str, Any], steps: int) -> str:
    cells = plural(node["cells"], "cell")
    return f"{node['node']}: {cells} of program {node['program']}, step {node['step']} of {steps}"


def status_text(content: dict[str, Any] | None) -> str:
    if content is None:
        return "not started"
    counts = ", ".join(f"{count} {name}" for name, count in content["cells"].items())
    lines = [f"{content['directory']}: {'; '.join(filter(None, [content['state'], counts]))}"]
    if content["nodes"]:
        lines += [_node_line(node, content["steps"]) for node in content["nodes"]]
    elif content["program"]:
        lines.append(f"program {content['program']}, step {content['step']} of {content['steps']}")
    if content["updated"]:
        lines.append(f"last heard of at {content['updated']}")
    lines += [f"{cell}: {' '.join(message)}" for cell, message in content["errors"].items()]
    return "\n".join(map(plain, lines))  # of files that anybody may have written
