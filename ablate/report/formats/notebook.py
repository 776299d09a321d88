"""What a notebook shows of a loaded study: status, answers, and the table per arm."""

from collections.abc import Iterable, Sequence
from html import escape

from ablate.report.sections.answers import answers, status_line
from ablate.report.sections.arms import arm_grid
from ablate.report.tables import tabulate
from ablate.results.schema import LookRecord, RowRecord, Study


def fragment(study: Study, rows: Iterable[RowRecord], looks: Sequence[LookRecord] = ()) -> str:
    """A piece of HTML without style or script; every string is escaped."""
    tables = tabulate(study, rows, looks=looks)
    table = arm_grid(tables)
    lines = [f"<li><b>{escape(answer.arm)}</b>: {escape(answer.text)}</li>" for answer in answers(tables)]
    head = _line("th", table.header)
    body = "".join(_line("td", row) for row in table.rows)
    return (
        f"<p><b>{escape(str(study['name']))}</b>: {escape(status_line(tables))}</p><ul>{''.join(lines)}</ul>"
        f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"
    )


def _line(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
