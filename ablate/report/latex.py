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
COLUMNS = ("arm", "n", "mean", "sd", "delta", "delta interval", "p (Holm)", "p (exact)", "verdict", "diverged")


def latex(document: Document) -> str:
    """The table per arm in a `table` environment, with what it takes to read it as its caption."""
    table = narrowed(document.arms)
    align = "".join("r" if numeric else "l" for numeric in table.numeric)
    return "\n".join(
        [
            r"% Needs \usepackage{booktabs,textcomp}, \usepackage[T1]{fontenc} and \usepackage[utf8]{inputenc}.",
            r"\begin{table}",
            r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{escape(caption(document))}}}",
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
    """Question, status and the one sentence on how to read the table."""
    sentences = (document.question, f"{document.status}.", *document.reading[:1], *document.limits[:1])
    return " ".join(sentence for sentence in sentences if sentence)


def narrowed(table: Grid) -> Grid:
    """The columns that fit on a page."""
    keep = [i for i, name in enumerate(table.header) if name.split(" (")[0] in COLUMNS or name in COLUMNS]
    return Grid(
        tuple(table.header[i] for i in keep),
        tuple(tuple(row[i] for i in keep) for row in table.rows),
        tuple(table.numeric[i] for i in keep),
    )


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
    return letter if ord(letter) < 0x180 and letter.isprintable() else f"[U+{ord(letter):04X}]"
