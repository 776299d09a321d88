"""report.html: one file that needs no network and runs no script or style but its own two, named by their hashes."""

import base64
import functools
import hashlib
from typing import Any

import jinja2
from markupsafe import Markup

from ablate.report.document import Document
from ablate.report.plots.svg import placed
from ablate.report.records import RANK

FIRST = 40  # sentences that stand on the page at once, others at a click
REFRESH = 15  # seconds after which the page of a running study loads itself again


def html(document: Document, *, alone: bool = False) -> str:
    """The page of one study; `alone` where the files that it would lead to are not beside it."""
    return page("report.html.j2", document=document, alone=alone)


def page(template: str, **content: Any) -> str:
    """A page with this package's style sheet, script and policy around what it shows."""
    return templates().get_template(template).render(**assets(), **content) + "\n"


@functools.cache
def templates() -> jinja2.Environment:
    """The templates of this package: every string is escaped, and an unknown name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ablate.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(placed=placed, verdicts=list(RANK), first=FIRST, refresh=REFRESH)
    return environment


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
