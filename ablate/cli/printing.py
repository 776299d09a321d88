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


def print_plan(content: dict[str, Any], devices: str, stored: list[str]) -> None:
    """A plan with its estimate; `stored` are lines about the cells that are there already."""
    train, data, cost = content["train"], content["data"], content["estimate"]
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
        about = duration(cost["programs"][item["id"]]) if cost["programs"][item["id"]] else "stored"
        arms = escape("\n".join(_first_of(item["arms"])))
        table.add_row(item["id"], arms, *counts, item["strategy"], f"{item['parameters']:,}", about, end_section=True)
    console().print(table)
    for why in dict.fromkeys(f"{item['strategy']}: {item['why']}" for item in content["programs"]):
        print(why)
    print(*map(plain, stored), sep="\n", end="\n" if stored else "")
    _print_cost(cost, content.get("simulation"))


def _print_cost(cost: dict[str, Any], cluster: dict[str, Any] | None) -> None:
    memory = f"at most {cost['bytes'] / 2**20:.0f} MiB at once"
    if not cost["seconds"]:
        print("nothing is left to train")
    elif cluster:
        print_simulation(cluster)
        print(f"{memory} on a worker: rough")
    else:
        rough = "rough, counted from the operations of one step, within a factor of 3"
        print(f"about {duration(cost['seconds'])}, {memory}: {rough}")


def print_simulation(found: dict[str, Any]) -> None:
    """How long a cluster would take, and fewer and more nodes of its kind."""
    devices = f"{found['platform']} device"
    print(
        f"{plural(found['nodes'], 'node')} with {plural(found['devices_per_node'], devices)} each: "
        f"{plural(found['workers'], 'worker')} with {plural(found['devices_per_worker'], 'device')} each, "
        f"for {plural(found['waves'], 'wave')}"
    )
    table = wide_table("nodes", "workers", "makespan", "idle", "device-hours")
    for row in found["table"]:
        counts = (f"{row['nodes']:,}", f"{row['workers']:,}", duration(row["makespan_seconds"]))
        table.add_row(*counts, f"{100 * row['idle_share']:.0f} %", f"{row['device_hours']:,.2f}")
    console().print(table)
    print(_whence(found))
    nodes = f" ({plural(found['enough_nodes'], 'node')})" if found["enough_nodes"] != found["enough_workers"] else ""
    more = "; a smaller train.lanes makes more waves" if found["waves"] < found["workers"] else ""
    print(f"more than {plural(found['enough_workers'], 'worker')}{nodes} would shorten it by less than 5 %{more}")


def _whence(found: dict[str, Any]) -> str:
    """Where the times of a simulation come from."""
    measured, waves = found["measured_waves"], found["waves"]
    estimated = "estimated within a factor of 3, at the rate of this machine"
    if not measured:
        words = f"all times are {estimated}"
    elif measured < waves:
        share = f"{100 * found['measured_share']:.0f} % of all time"
        words = f"{measured} of {waves} waves have times of stored rows, {share}; the others are {estimated}"
    else:
        words = "all times are those of stored rows"
    return f"{words}; the start of workers is not counted"


def _first_of(lines: list[str]) -> list[str]:
    """The lines; where there are many, the first of them and how many more."""
    return lines if len(lines) <= SHOWN else [*lines[: SHOWN - 1], f"and {len(lines) - SHOWN + 1} more"]


def print_sum(contents: list[dict[str, Any]]) -> None:
    """What all conditions take together."""
    cells = sum(len(content["cells"]) + content["tuning_cells"] for content in contents)
    seconds = sum(content["estimate"]["seconds"] for content in contents)
    clusters = [content["simulation"]["makespan_seconds"] for content in contents if "simulation" in content]
    about = f"{duration(sum(clusters))} in all on the cluster" if clusters else f"{duration(seconds)} in all"
    print(f"{len(contents)} conditions: {cells} cells, about {about}")


def print_parameters(plan_: Any) -> None:
    """A table of parameters for every network that differs from those before."""
    from ablate.runner.plan import parameter_table

    owners: dict[str, list[str]] = {}
    for item in plan_.programs:
        owners.setdefault(parameter_table(item), []).append(item.program.id)
    for overview, programs in owners.items():
        print(f"\nparameters of {plural(len(programs), 'program')} {', '.join(programs)}")
        print(overview)


def _node_line(node: dict[str, Any]) -> str:
    cells = plural(node["cells"], "cell")
    return f"{node['node']}: {cells} of program {node['program']}, step {node['step']} of {node['steps']}"


def status_text(content: dict[str, Any] | None) -> str:
    if content is None:
        return "not started"
    counts = ", ".join(f"{count} {name}" for name, count in content["cells"].items())
    lines = [f"{content['directory']}: {'; '.join(filter(None, [content['state'], counts]))}"]
    if content["nodes"]:
        lines += [_node_line(node) for node in content["nodes"]]
    elif content["program"]:
        lines.append(f"program {content['program']}, step {content['step']} of {content['steps']}")
    if content["updated"]:
        lines.append(f"last heard of at {content['updated']}")
    lines += [f"{cell}: {' '.join(message)}" for cell, message in content["errors"].items()]
    return "\n".join(map(plain, lines))  # of files that anybody may have written
