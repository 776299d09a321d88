"""What a reader can ask of report.html: values under the pointer, arms in and out, tables to take along."""

import csv
import io
import re

import pytest

from ablate.report.files import contents
from ablate.report.wording import plain
from tests.browser.test_page import LAPTOP, PHONE, measure, page_of
from tests.report import synthetic

SIZES = pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
READ = """
const say = () => [...doc.querySelectorAll('.tip:not([hidden]) div')].map((line) => line.textContent);
const point = (element, kind, x, y) => element.dispatchEvent(
  new win.PointerEvent(kind, { bubbles: kind !== 'pointerleave', clientX: x, clientY: y }));
const titled = (panel) => panel.querySelector('h3').textContent === 'optimizer';
const panel = [...doc.querySelectorAll('.panels .panel')].find(titled);
const area = panel.querySelector('.area'), box = area.getBoundingClientRect();
const press = (key) => area.dispatchEvent(new win.KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
"""


@SIZES
def test_question_answer_and_forest_stand_first(size, tmp_path):
    script = """
    const box = (name) => doc.querySelector(name).getBoundingClientRect();
    const tops = ['.question', '.headline', '.forest', '#sentences'].map((name) => box(name).top);
    return [...tops, box('.forest').bottom];
    """
    *tops, bottom = measure(page_of("finished"), tmp_path, size, script)
    assert tops == sorted(tops)
    assert tops[2] < 0.45 * size[1]
    assert bottom < size[1] or size == PHONE


@SIZES
def test_a_pointer_over_curves_reads_values_intervals_and_the_nearest_seed(size, tmp_path):
    script = f"""{READ}
    const end = panel.querySelector('.run.c0').getAttribute('points').split(' ').pop().split(',').map(Number);
    point(area, 'pointermove', box.left + box.width * end[0] / 100, box.top + box.height * end[1] / 100);
    const over = say(), tip = doc.querySelector('.tip').getBoundingClientRect();
    const inside = tip.left >= 0 && tip.right <= win.innerWidth;
    point(area, 'pointerleave', 0, 0);
    return {{ over, inside, after: say(), near: doc.querySelectorAll('.near').length }};
    """
    found = measure(page_of("finished"), tmp_path, size, script)
    made = synthetic.finished()
    ends = {
        arm: [row["curves"]["val_accuracy"][-1] for row in synthetic.rows_of(made, arm)] for arm in ("baseline", "adam")
    }
    step, baseline, adam, _, seed = found["over"]
    assert step == "training step 600"
    for line, (arm, values) in zip((baseline, adam), ends.items(), strict=True):
        name, value, low, high = (re.fullmatch(r"(\w+): (\S+) \((\S+) to (\S+)\)", line) or pytest.fail(line)).groups()
        assert name == arm
        assert float(value) == pytest.approx(100 * sum(values) / 6, abs=0.006)
        assert float(low) < float(value) < float(high)
    assert re.fullmatch(r"adam, seed \d: [\d.]+", seed)
    assert any(float(seed.split(": ")[1]) == pytest.approx(100 * value, abs=0.006) for value in ends["adam"])
    assert found["inside"]
    assert (found["after"], found["near"]) == ([], 0)


def test_what_a_tap_asked_for_stays_until_the_next(tmp_path):
    script = f"""{READ}
    const touch = (kind) => area.dispatchEvent(new win.PointerEvent(kind, {{
      bubbles: true, pointerType: 'touch', clientX: box.left + box.width, clientY: box.top + 5 }}));
    touch('pointerdown'); const down = say().length; touch('pointerleave'); const lifted = say().length;
    area.dispatchEvent(new win.FocusEvent('blur'));
    return {{ down, lifted, elsewhere: say().length }};
    """
    found = measure(page_of("finished"), tmp_path, PHONE, script)
    assert found["down"] == found["lifted"] > 3
    assert found["elsewhere"] == 0


def test_the_keyboard_walks_along_curves(tmp_path):
    script = f"""{READ}
    area.focus(); const last = say(); press('ArrowLeft'); const before = say();
    press('ArrowRight'); press('ArrowRight'); const end = say(); press('Escape');
    return {{ first: last[0], before: before[0], end: end[0], lines: last.length, closed: say() }};
    """
    assert measure(page_of("finished"), tmp_path, LAPTOP, script) == {
        "first": "training step 600",
        "before": "training step 570",
        "end": "training step 600",
        "lines": 4,
        "closed": [],
    }


def test_an_arm_can_be_taken_out_of_a_panel_and_brought_back(tmp_path):
    script = f"""{READ}
    const button = [...panel.querySelectorAll('.key button')].find((b) => b.textContent === 'adam');
    const curve = [...panel.querySelectorAll('.curve')].find((c) => c.dataset.name === 'adam');
    const lines = () => {{ point(area, 'pointermove', box.left + 1, box.top - 900); return say().length; }};
    const state = () => [win.getComputedStyle(curve).display, button.getAttribute('aria-pressed'), lines()];
    const before = state(); button.click(); const out = state(); button.click();
    return {{ before, out, back: state() }};
    """
    found = measure(page_of("finished"), tmp_path, LAPTOP, script)
    assert found["before"] == found["back"] == ["inline", "true", 4]
    assert found["out"] == ["none", "false", 3]


def test_a_line_of_the_forest_says_its_seeds(tmp_path):
    script = f"""{READ}
    const strip = [...doc.querySelectorAll('.strip')].find((s) => s.getAttribute('aria-label').startsWith('adam:'));
    strip.focus(); const focused = say(); strip.blur(); const blurred = say();
    point(strip.querySelector('.seed'), 'pointermove', 10, 10);
    return {{ focused, blurred, seed: say() }};
    """
    found = measure(page_of("finished"), tmp_path, LAPTOP, script)
    made = synthetic.finished()
    adam, base = made.values("adam"), made.values("baseline")
    words = [f"seed {seed}: {100 * (adam[seed] - base[seed]):+.2f}".replace("-", "\N{MINUS SIGN}") for seed in range(6)]
    assert re.match(r"adam: \+\d\.\d+ \[.* to .*\]  p ", found["focused"][0])
    assert found["focused"][1] == ", ".join(words)
    assert found["blurred"] == []
    assert found["seed"][0] in words


TAKE = """
const said = {};
Object.defineProperty(win.navigator, 'clipboard', { value: { writeText: async (text) => { said.text = text; } } });
const Real = win.Blob;
win.Blob = function (parts, options) { said.text = parts[0]; return new Real(parts, options); };
win.HTMLAnchorElement.prototype.click = function () { said.name = this.download; };
const out = { tables: doc.querySelectorAll('.wide table').length, rows: doc.querySelectorAll('.export').length };
const tools = doc.getElementById('arms-table').closest('.wide').previousElementSibling;
for (const button of tools.querySelectorAll('button')) { button.click(); out[button.textContent] = said.text; }
return { ...out, name: said.name };
"""


def test_every_table_can_be_copied_and_downloaded(tmp_path):
    found = measure(page_of("hostile"), tmp_path, LAPTOP, TAKE)
    assert found["tables"] == found["rows"] > 3
    rows = list(csv.reader(io.StringIO(found["download CSV"])))
    assert [row[0].removeprefix("'") for row in rows] == ["arm", *map(plain, synthetic.HOSTILE)]
    assert not any(text.startswith(("=", "@", "|")) for row in rows for text in row)
    assert len({len(row) for row in rows}) == 1
    delta = rows[0].index("delta (points)")
    assert all(re.fullmatch(r"[+-]?\d+\.\d+", row[delta]) for row in rows[2:])
    assert [line.split("\t")[0] for line in found["copy as TSV"].splitlines()] == [row[0] for row in rows]
    lines = found["copy as Markdown"].splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(rows[0]) + 1}
    body = found["copy as LaTeX"].split("\\midrule\n")[1].split("\n\\bottomrule")[0].splitlines()
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {len(rows[0]) - 1}
    assert "\\input" not in found["copy as LaTeX"]
    assert found["name"] == "arms-1.csv"


def test_without_scripts_the_page_is_complete(tmp_path):
    script = """
    const seen = (name) => [...doc.querySelectorAll(name)].filter((e) => e.getBoundingClientRect().width > 0).length;
    return { tools: seen('#tools'), buttons: seen('button'), strips: seen('.strip'), curves: seen('.line'),
             titles: doc.querySelectorAll('svg title').length, rows: seen('#arms-table tbody tr'), tip: seen('.tip') };
    """
    found = measure(page_of("finished"), tmp_path, LAPTOP, script, kind='sandbox="allow-same-origin"')
    assert (found["tools"], found["buttons"], found["tip"]) == (0, 0, 0)
    assert (found["strips"], found["rows"]) == (12, 13)
    assert found["curves"] > 20
    assert found["titles"] > 12 * 6


@pytest.mark.parametrize(("state", "expected"), [("running", [1, 700]), ("finished", [0, 0])])
def test_only_a_running_page_that_loads_itself_again_stays_where_it_was(state, expected, tmp_path):
    made = synthetic.troubled()
    made.progress = {**synthetic.PROGRESS, "state": state}
    html = str(dict(contents(*made.parts, draw=None))["report.html"])
    script = "return [doc.querySelectorAll('meta[http-equiv=refresh]').length, win.scrollY];"
    assert measure(html, tmp_path, LAPTOP, script, first="win.scrollTo(0, 700);") == expected
