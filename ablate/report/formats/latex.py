"""report.tex: the table per arm, for a paper; needs `booktabs`, `textcomp`, `[T1]{fontenc}` and `[utf8]{inputenc}`."""

from collections.abc import Sequence

from ablate.report.document import Document
from ablate.report.grids import Grid

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": "{'}",
    "`": r"\textasciigrave{}",
    "-": "{-}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "\N{MINUS SIGN}": "$-$",
    "\N{NO-BREAK SPACE}": r"\,",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "µ": r"\textmu{}",
    "“": "``",
    "”": "''",
    "’": "'",
}
GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi . pi rho . sigma tau upsilon phi chi "
    "psi omega"
)
# Latin letters that the T1 encoding lacks.
LACKING = "ĦħĸĿŀŉŦŧſ"
# Columns of the table per arm, without their unit, and what they are called where space is short.
COLUMNS = {
    "arm": "arm",
    "n": "n",
    "mean": "mean",
    "sd": "sd",
    "delta": "delta",
    "delta interval": "interval",
    "p (Holm)": "p",
    "p (exact)": "exact p",
    "verdict": "verdict",
    "diverged": "lost",
}


def latex(document: Document) -> str:
    """The table per arm in a `table` environment, with what it takes to read it as its caption."""
    table = narrowed(document.arms)
    align = "".join("r" if numeric else "l" for numeric in table.numeric)
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs,textcomp}, \usepackage[T1]{fontenc} and \usepackage[utf8]{inputenc}.",
            r"\begin{table}",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{escape(caption(document))}}}",
            r"\medskip",
            rf"\begin{{tabular}}{{@{{}}{align}@{{}}}}",
            r"\toprule",
            line(table.header),
            r"\midrule",
            *map(line, table.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def caption(document: Document) -> str:
    """Question, status and what it takes to read the table."""
    units = [name for name in document.arms.header if name.startswith(("mean (", "delta ("))]
    columns = (
        f"Columns: {', '.join(units)} with its interval; p corrected by Holm's method; exact p uncorrected; lost: "
        "diverged seeds."
    )
    first = dict.fromkeys((document.reading[0], document.delta))  # in some designs, what an arm is comes before delta
    sentences = (document.question, f"{document.status}.", *first, columns, *document.limits[:1])
    return " ".join(sentence for sentence in sentences if sentence)


def narrowed(table: Grid) -> Grid:
    """The columns that fit on a page, with short names."""
    keep = [(i, short) for i, name in enumerate(table.header) if (short := short_name(name))]
    return Grid(
        tuple(short for _, short in keep),
        tuple(tuple(row[i] for i, _ in keep) for row in table.rows),
        tuple(table.numeric[i] for i, _ in keep),
    )


def short_name(name: str) -> str | None:
    """What a column is called here; None for one that is left out."""
    return COLUMNS.get(name) or COLUMNS.get(name.split(" (")[0])


def line(cells: Sequence[str]) -> str:
    """One row; an empty group keeps a leading bracket from being read as an argument."""
    return f"{{}}{' & '.join(map(escape, cells))} \\\\"


def escape(text: str) -> str:
    """Text that LaTeX shows as it is; characters outside Latin and Greek become their code point.

    >>> escape("50% of a_b"), escape("λ ≥ 日")
    ('50\\\\% of a\\\\_b', '$\\\\lambda$ $\\\\geq$ [U+65E5]')
    """
    return "".join(map(escape_one, text))


def escape_one(letter: str) -> str:
    """One character."""
    if letter in SPECIAL:
        return SPECIAL[letter]
    name = GREEK.split()[ord(letter) - 0x3B1] if 0x3B1 <= ord(letter) <= 0x3C9 else "."
    if name != ".":
        return rf"$\{name}$"
    known = ord(letter) < 0x180 and letter.isprintable() and letter not in LACKING
    return letter if known else f"[U+{ord(letter):04X}]"
