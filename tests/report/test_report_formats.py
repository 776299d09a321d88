"""Every format, for every state of a study: complete, well formed, escaped, the same bytes twice."""

import csv
import html.parser
import io
import json
import re

import markdown_it
import pytest

from ablate.report import document, write_report
from ablate.report.files import contents
from ablate.report.formats.csv_files import DANGEROUS
from ablate.report.formats.html import digest
from ablate.report.section import Column, Section, grid
from ablate.runner.interrupts import Interrupted
from tests.report import synthetic

BY_CATEGORY = ("per_class.csv", "examples.csv")  # where rows hold predictions
TEXTS = ("cells.csv", "summary.csv", "report.md", "report.html", "report.tex", "report.json")


@pytest.fixture(scope="module", params=sorted(synthetic.VARIANTS))
def files(request) -> dict[str, str]:
    """The text files of one variant, without figures, which have tests of their own."""
    return texts(synthetic.VARIANTS[request.param]())


def texts(made: synthetic.Made) -> dict[str, str]:
    found = dict(contents(*made.parts, draw=None))
    return {name: content for name, content in found.items() if isinstance(content, str)}


def test_all_texts_are_there(files):
    assert set(files) - set(BY_CATEGORY) == set(TEXTS)
    assert set(BY_CATEGORY) <= set(files) or not set(BY_CATEGORY) & set(files)
    assert all(content.endswith("\n") for content in files.values())


def test_nothing_says_nan_or_none(files):
    for name in ("cells.csv", "summary.csv", "report.md", "report.tex"):
        assert not re.search(r"\b(nan|NaN|None|inf)\b", files[name]), name
    shown = Page(files["report.html"]).text
    assert not re.search(r"\b(nan|NaN|None|undefined)\b", shown)


def test_tables_have_as_many_fields_in_every_line(files):
    for name in files.keys() & {"cells.csv", "summary.csv", *BY_CATEGORY}:
        widths = {len(line) for line in csv.reader(io.StringIO(files[name]))}
        assert len(widths) == 1, name


def test_json_is_strict(files):
    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads(files["report.json"], parse_constant=refuse)
    lines = list(csv.DictReader(io.StringIO(files["summary.csv"], newline="")))
    assert len(content["arms"]) == len(lines)


def test_markdown_tables_keep_their_columns(files):
    tables = [block.splitlines() for block in files["report.md"].split("\n\n") if block.startswith("|")]
    assert len(tables) >= 2
    for lines in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_markdown_has_no_html(files):
    parsed = markdown_it.MarkdownIt("commonmark").enable("table").parse(files["report.md"])
    inline = [child.type for token in parsed for child in token.children or ()]
    assert "html_block" not in [token.type for token in parsed]
    assert "html_inline" not in inline
    assert "link_open" not in inline


class Page(html.parser.HTMLParser):
    """What a page opens, closes, loads and says."""

    VOID = ("meta", "br", "input", "link", "img", "hr")

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.raw = {"style": "", "script": ""}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]] += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def test_the_page_is_well_formed_and_loads_nothing(files):
    page = Page(files["report.html"])
    assert page.open == []
    for tag, name, value in page.attributes:
        assert name not in ("src", "srcset", "data", "action", "style", "xlink:href"), (tag, name)
        assert not name.startswith("on"), (tag, name)
        assert name != "href" or value.startswith(("#", "figures/")), value
    assert "url(" not in page.raw["style"]
    assert "@import" not in page.raw["style"]


def test_the_policy_allows_this_style_and_this_script_only(files):
    page = Page(files["report.html"])
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert f"style-src '{digest(page.raw['style'])}'" in policy
    assert f"script-src '{digest(page.raw['script'])}'" in policy
    assert "unsafe" not in policy


def test_anchors_lead_somewhere(files):
    page = Page(files["report.html"])
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {value for _, name, value in page.attributes if name == "href"}
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    named = set(re.findall(r"\]\((figures/[^)]+)\.png\)", files["report.md"]))
    assert {link for link in links if not link.startswith("#")} == {f"{n}.{k}" for n in named for k in ("png", "svg")}


def test_the_answer_comes_first(files):
    assert files["report.md"].index("## Answer") < files["report.md"].index("## Arms")
    page = files["report.html"]
    assert page.index('id="answer"') < page.index('id="differences"') < page.index('id="arms"')


def test_hostile_names_do_not_break_out():
    made = synthetic.hostile()
    files = texts(made)
    assert "<script>alert" not in files["report.html"]
    assert files["report.html"].count("<script>") == 1
    for name in ("cells.csv", "summary.csv"):
        lines = list(csv.DictReader(io.StringIO(files[name], newline="")))
        assert [line["arm"].removeprefix("'") for line in lines[:: 6 if name == "cells.csv" else 1]] == [
            *synthetic.HOSTILE
        ]
        # A number keeps its minus; text never starts a formula.
        assert not any(line["arm"].startswith(DANGEROUS) for line in lines)


def test_markdown_shows_hostile_names_as_they_are():
    parsed = markdown_it.MarkdownIt("commonmark").enable("table").render(texts(synthetic.hostile())["report.md"])
    shown = Page(parsed)
    assert {tag for tag, _, _ in shown.attributes} <= {"img", "th", "td"}
    assert all(value.startswith("figures/") for tag, name, value in shown.attributes if name == "src")
    for name in ("a|b`c*d_e_", "<script>alert(1)</script>", "100% $x_1^2$ \\input{x} {#~}"):
        assert name in shown.text
    assert "![](http" in shown.text


def test_latex_has_no_command_from_outside():
    tex = texts(synthetic.hostile())["report.tex"]
    assert "\\input{" not in tex.replace("\\usepackage[utf8]{inputenc}", "")
    body = tex[tex.index("\\toprule") : tex.index("\\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith("\\\\")]
    unescaped = [len(re.findall(r"(?<!\\)&", row)) for row in rows]
    assert set(unescaped) == {unescaped[0]}


def test_files_are_written_whole_and_alike(tmp_path):
    made = synthetic.troubled()
    first = write_report(tmp_path, *made.parts)
    before = {path: path.read_bytes() for path in first}
    second = write_report(tmp_path, *made.parts)
    assert {path: path.read_bytes() for path in second} == before
    assert {str(path.relative_to(tmp_path)) for path in first} >= {*TEXTS, "figures/curves.svg", "figures/curves.png"}
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(first)


def test_a_report_stops_between_two_files(tmp_path):
    def stop_at_the_page():
        if (tmp_path / "report.html").exists():
            raise Interrupted

    with pytest.raises(Interrupted):
        write_report(tmp_path, *synthetic.finished().parts, stop_at_the_page)
    assert (tmp_path / "report.md").exists()
    assert not (tmp_path / "report.tex").exists()


def test_a_new_section_reaches_every_format_by_one_line(monkeypatch):
    columns = (Column[str]("word", str, numeric=False, paper="word"), Column[str]("length", lambda w: str(len(w))))
    new = Section(
        "novel",
        "Novel section",
        paragraphs=("A paragraph.",),
        grids=(grid(columns, ["novelty"], caption="A caption."),),
        bullets=("A bullet.",),
        facts=(("label", "a fact"),),
    )
    monkeypatch.setattr(document, "SECTIONS", (*document.SECTIONS, lambda tables: new))
    files = texts(synthetic.one_seed())
    for word in ("Novel section", "A paragraph.", "novelty", "A bullet.", "a fact"):
        for name in ("report.md", "report.html", "report.json"):
            assert word in files[name], (word, name)
    assert all(word in files["report.tex"] for word in ("A caption.", "novelty"))
    assert json.loads(files["report.json"])["sections"]["novel"]["bullets"] == ["A bullet."]


def test_page_text_and_files_show_the_same_plots():
    files = dict(contents(*synthetic.factorial().parts))
    drawn = {name for name in files if name.endswith(".png")}
    assert set(re.findall(r"\]\((figures/[^)]+)\)", str(files["report.md"]))) == drawn
    page = Page(str(files["report.html"]))
    assert page.text.count("mean and 95 % interval over seeds") == 2
    assert len(re.findall("<figure>", str(files["report.html"]))) == len(drawn)
