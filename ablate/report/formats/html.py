"""report.html: one file that needs no network and runs no script or style but its own two, named by their hashes."""

import base64
import functools
import hashlib
from typing import Any

import jinja2
from markupsafe import Markup

from ablate.report.document import Document
from ablate.report.plots.bands import validation_curve
from ablate.report.plots.cost import scatter
from ablate.report.plots.svg import curve_plots, forest, heat, rate_plot
from ablate.report.ranking import RANK
from ablate.report.sections.costs import measure_of
from ablate.report.tables import Tables
from ablate.report.wording import plain, training_title

SECTIONS = {
    "answer": "Answer",
    "differences": "Differences",
    "arms": "Arms",
    "caveats": "Caveats",
    "factorial": "Interactions",
    "curves": "Curves",
    "cost": "Cost",
    "speed": "Time to target",
    "tuning": "Tuning",
    "failed": "Failed cells",
    "programs": "Programs",
    "provenance": "Provenance",
}


def html(tables: Tables, document: Document) -> str:
    """The page of one study."""
    return page("report.html.j2", **context(tables, document))


def page(template: str, **shown: Any) -> str:
    """A page with this package's style sheet, script and policy around what it shows."""
    return templates().get_template(template).render(**assets(), **shown) + "\n"


@functools.cache
def templates() -> jinja2.Environment:
    """The templates of this package: every string is escaped, and an unknown name is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("ablate.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def assets() -> dict[str, str]:
    """Style sheet and script as they stand in the page, and the policy that allows these two and nothing else."""
    loader = templates().loader
    assert loader is not None
    css, js = (loader.get_source(templates(), f"report.{kind}")[0].strip() for kind in ("css", "js"))
    policy = (
        f"default-src 'none'; style-src '{digest(css)}'; script-src '{digest(js)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return {"css": Markup(css), "js": Markup(js), "policy": Markup(policy)}


def digest(text: str) -> str:
    """A source expression of the content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def context(tables: Tables, document: Document) -> dict[str, Any]:
    """What the template lays out."""
    unit, measure = tables.unit, measure_of(tables)
    optional = {name: getattr(document, name) for name in ("factorial", "speed", "tuning")}
    optional["failed"] = document.failures
    shown = {name: title for name, title in SECTIONS.items() if optional.get(name, True)}
    curve = validation_curve(tables)
    spacing = "spaced by the logarithm of the error" if tables.unit_of(curve).percent else "on a logarithmic scale"
    return {
        "document": document,
        "sections": list(shown.items()),
        "baseline": plain(tables.baseline.arm),
        "verdicts": list(RANK),
        "ends": ("worse", "better") if tables.better > 0 else ("better", "worse"),
        "forest": forest(tables),
        "forest_axis": unit.labelled(f"{unit.metric}, arm minus baseline", difference=True),
        "heat": heat(tables),
        "validation": curve_plots(tables, curve),
        "validation_caption": (
            f"{tables.unit_of(curve).title.capitalize()} by training step, {spacing}; mean and 95 % interval over "
            "seeds, the baseline in grey. A cross marks where a seed diverged."
        ),
        "training": [(training_title(name), curve_plots(tables, name)) for name in tables.study["curves"]],
        "rates": rate_plot(tables),
        "scatter": scatter(tables),
        "cost_axis": (
            f"Up: {unit.title}; across: {measure.name if measure else 'nothing counted'}, as a multiple of the "
            "baseline's. Bold: nothing measured is both better and cheaper."
        ),
    }
