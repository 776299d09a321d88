"""report.tex and paper.tex: tables and paragraphs for a paper.

They need `booktabs`, `textcomp`, `[T1]{fontenc}`, `[utf8]{inputenc}`.
"""

from collections.abc import Sequence

from ablate.report.document import Document
from ablate.report.section import Grid

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
    "`": r"\textasciigrave{}",
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
NEEDS = r"% Needs \usepackage{booktabs,textcomp}, \usepackage[T1]{fontenc} and \usepackage[utf8]{inputenc}."


def latex(document: Document) -> str:
    """The tables with a caption, each in a `table` environment."""
    grids = [grid for section in document.sections for grid in section.grids if grid.caption]
    return "\n".join([NEEDS, *(line for grid in grids for line in table(grid)), ""])


def prose(document: Document) -> str:
    """The paragraphs that are meant for a paper; they change with what runs took, as tables do not."""
    printed = [text for section in document.sections if section.printed for text in section.paragraphs]
    return "\n\n".join([NEEDS, *map(escape, printed)]) + "\n"


def table(grid: Grid) -> list[str]:
    """A table with the columns that fit on a page, and what it takes to read it as its caption."""
    kept = [place for place, name in enumerate(grid.paper) if name]
    align = "".join("r" if grid.numeric[place] else "l" for place in kept)
    return [
        r"\begin{table}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape(grid.caption)}}}",
        r"\medskip",
        rf"\begin{{tabular}}{{@{{}}{align}@{{}}}}",
        r"\toprule",
        line([grid.paper[place] for place in kept]),
        r"\midrule",
        *(line([row[place] for place in kept]) for row in grid.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def line(cells: Sequence[str]) -> str:
    """One row; an empty group keeps a leading bracket from being read as an argument."""
    return f"{{}}{' & '.join(map(escape, cells))} \\\\"


def escape(text: str) -> str:
    """Text that LaTeX shows as it is; characters outside Latin and Greek become their code point.

    >>> escape("50% of a_b"), escape("λ ≥ 日"), escape("one-sided, --lr")
    ('50\\\\% of a\\\\_b', '$\\\\lambda$ $\\\\geq$ [U+65E5]', 'one-sided, -{}-lr')
    """
    pairs = zip(text, f"{text[1:]} ", strict=False)
    # Two of these in a row are one other sign.
    return "".join(escape_one(letter) + "{}" * (letter == following in "-'") for letter, following in pairs)


def escape_one(letter: str) -> str:
    """One character."""
    if letter in SPECIAL:
        return SPECIAL[letter]
    name = GREEK.split()[ord(letter) - 0x3B1] if 0x3B1 <= ord(letter) <= 0x3C9 else "."
    if name != ".":
        return rf"$\{name}$"
    in_font = ord(letter) < 0x180 and letter.isprintable() and letter not in LACKING
    return letter if in_font else f"[U+{ord(letter):04X}]"
