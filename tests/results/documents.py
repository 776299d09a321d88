"""The tables of records in ARCHITECTURE.md, made from `ablate/results/schema.py`.

python -m tests.results.documents      writes them anew
"""

from pathlib import Path

from ablate.results.schema import FILES
from ablate.results.shapes import explained, records_in

PAGE = Path(__file__).parents[2] / "ARCHITECTURE.md"
BEGIN, END = "<!-- records: made from ablate/results/schema.py -->\n", "<!-- end of records -->\n"


def tables() -> str:
    """A table per record, in the order in which the files need them."""
    place = {records_in(kind)[0]: path for path, kind in FILES.items()}
    kinds = dict.fromkeys(record for kind in FILES.values() for record in records_in(kind))
    return "\n".join(_table(kind, place.get(kind, "")) for kind in kinds)


def _table(kind: type, path: str) -> str:
    file = f" (`{path}`)" if path else ""
    optional = kind.__optional_keys__
    lines = [f"**{kind.__name__}**{file}: {kind.__doc__}\n", "| key | type | what it holds |", "|---|---|---|"]
    for key, (written, words) in explained(kind).items():
        lines.append(f"| `{key}`{'?' if key in optional else ''} | {written} | {words} |")
    return "\n".join(lines) + "\n"


def current() -> str:
    """What ARCHITECTURE.md says now."""
    return PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{tables()}{END}{rest.split(END)[1]}", encoding="utf-8")
