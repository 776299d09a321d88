"""report.html in a real browser: it fits a phone and a laptop, in light and dark, and its table sorts and filters.

Needs Debian's `chromium`. Each page is opened from a file, so nothing can come from a network.
"""

import json
import pathlib
import re
import shutil
import subprocess
from html import unescape

import pytest

from ablate.report.comparison.files import comparison_contents
from ablate.report.comparison.studies import compare
from ablate.report.files import contents
from tests.report import synthetic

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--virtual-time-budget=4000",
)
LAPTOP, PHONE = (1280, 800), (390, 844)
VARIANTS = ("finished", "troubled", "empty", "hostile", "factorial", "tuned")


def page_of(variant: str) -> str:
    return str(dict(contents(*synthetic.VARIANTS[variant]().parts, draw=None))["report.html"])


def browse(page: pathlib.Path, tmp: pathlib.Path, *options: str, dark: bool = False) -> str:
    """The browser's standard output for one page."""
    shade = ("--blink-settings=preferredColorScheme=0",) if dark else ("--blink-settings=preferredColorScheme=1",)
    command = [BROWSER, *QUIET, *shade, f"--user-data-dir={tmp / 'profile'}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def measure(
    html: str,
    tmp: pathlib.Path,
    size: tuple[int, int],
    script: str,
    *,
    dark: bool = False,
    kind: str = "",
    first: str = "",
):
    """What a script says of the page in a frame of the given size.

    The page's own policy forbids foreign scripts, so a second page frames it and looks in; headless windows are also
    never narrower than 500 pixels, and a frame is. `kind` are attributes of the frame; `first` is a script that the
    page sees before it is loaded once more.
    """
    inner = tmp / "report.html"
    inner.write_text(html, encoding="utf-8")
    outer = tmp / "harness.html"
    outer.write_text(
        f"<!DOCTYPE html><meta charset=utf-8><iframe id=f {kind} width={size[0]} height={size[1]}></iframe>"
        "<pre id=out></pre><script>let loads = 0; f.src = 'report.html';"
        "f.onload = () => { const doc = f.contentDocument, win = f.contentWindow; loads += 1;"
        f"if (loads === 1 && {int(bool(first))}) {{ {first}; f.src = f.src; return; }}"
        f"out.textContent = 'RESULT' + JSON.stringify((() => {{ {script} }})()) + 'END'; }}</script>",
        encoding="utf-8",
    )
    dom = browse(outer, tmp, "--allow-file-access-from-files", "--dump-dom", "--window-size=1400,1000", dark=dark)
    found = re.search(r"RESULT(.*?)END</pre>", dom, re.DOTALL)
    assert found, dom[-2000:]
    return json.loads(unescape(found[1]))


OVERFLOW = """
const wide = [...doc.querySelectorAll('body *')].filter((e) => {
  const box = e.getBoundingClientRect();
  return box.right > win.innerWidth + 1 && !e.closest('.wide') && !e.closest('svg') && !e.closest('.skip');
});
return { page: doc.documentElement.scrollWidth, window: win.innerWidth,
         wide: wide.slice(0, 5).map((e) => e.outerHTML.slice(0, 120)) };
"""


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_sticks_out(variant, size, tmp_path):
    found = measure(page_of(variant), tmp_path, size, OVERFLOW)
    assert found["window"] == size[0]
    assert found["page"] <= found["window"]
    assert found["wide"] == []


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_nothing_sticks_out_of_a_comparison(size, tmp_path):
    page = comparison_contents(compare([synthetic.finished(), synthetic.hostile(), synthetic.troubled()]))
    both = comparison_contents(compare([synthetic.finished(), synthetic.troubled()]))
    for files in (page, both):
        found = measure(str(files["studies.html"]), tmp_path, size, OVERFLOW)
        assert found["page"] <= found["window"]
        assert found["wide"] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_the_paper(dark, tmp_path):
    script = """
    const rgb = (text) => text.match(/[0-9.]+/g).map(Number).slice(0, 3);
    const light = (c) => c.map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
      .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const paper = light(rgb(win.getComputedStyle(doc.body).backgroundColor));
    const texts = ['body', '.question', '.verdict.better', '.verdict.worse', '.verdict.inconclusive', 'nav a', 'dt'];
    return { paper, contrast: Object.fromEntries(texts.map((name) => {
      const ink = light(rgb(win.getComputedStyle(doc.querySelector(name)).color));
      return [name, (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05)]; })) };
    """
    found = measure(page_of("finished"), tmp_path, LAPTOP, script, dark=dark)
    assert (found["paper"] < 0.1) == dark
    assert all(contrast >= 4.5 for contrast in found["contrast"].values()), found["contrast"]


def test_the_policy_blocks_nothing_of_the_page(tmp_path):
    script = """
    const style = win.getComputedStyle(doc.querySelector('.line.c0'));
    return { tools: doc.getElementById('tools').hidden, width: style.strokeWidth, fill: style.fill,
             inline: doc.querySelectorAll('[style]').length };
    """
    found = measure(page_of("finished"), tmp_path, LAPTOP, script)
    assert found == {"tools": False, "width": "2px", "fill": "none", "inline": 0}


def test_a_click_sorts_and_a_second_one_turns_the_order(tmp_path):
    script = """
    const table = doc.getElementById('arms-table');
    const heads = [...table.tHead.rows[0].cells];
    const column = heads.findIndex((h) => h.textContent.startsWith('delta ('));
    const read = () => [...table.tBodies[0].rows].map((row) => row.cells[column].textContent);
    const button = heads[column].querySelector('button');
    button.click(); const up = read(), first = heads[column].getAttribute('aria-sort');
    button.click(); const down = read();
    return { up, down, first, second: heads[column].getAttribute('aria-sort'), keyboard: button.tabIndex };
    """
    found = measure(page_of("finished"), tmp_path, LAPTOP, script)
    numbers = [float(text.replace("\N{MINUS SIGN}", "-")) for text in found["up"] if text != "–"]
    assert numbers == sorted(numbers)
    assert found["up"][-1] == found["down"][-1] == "–"
    assert found["down"][:-1] == found["up"][:-1][::-1]
    assert (found["first"], found["second"], found["keyboard"]) == ("ascending", "descending", 0)


def test_small_ps_sort_before_larger_ones(tmp_path):
    script = """
    const table = doc.getElementById('arms-table');
    const heads = [...table.tHead.rows[0].cells];
    const column = heads.findIndex((h) => h.textContent.startsWith('p (Holm)'));
    heads[column].querySelector('button').click();
    return [...table.tBodies[0].rows].map((row) => row.cells[column].textContent);
    """
    found = measure(page_of("finished"), tmp_path, LAPTOP, script)
    assert found[0] == "<.0001"
    numbers = [float(text) for text in found[1:-1]]
    assert numbers == sorted(numbers)


def test_the_filters_hide_rows(tmp_path):
    script = """
    const rows = [...doc.getElementById('arms-table').tBodies[0].rows];
    const shown = () => rows.filter((row) => row.offsetHeight > 0).map((row) => row.cells[0].textContent);
    const words = doc.getElementById('filter-words'), verdict = doc.getElementById('filter-verdict');
    words.value = 'NORM'; words.dispatchEvent(new win.Event('input')); const named = shown();
    words.value = ''; words.dispatchEvent(new win.Event('input'));
    verdict.value = 'worse'; verdict.dispatchEvent(new win.Event('change'));
    return { named, worse: shown(), count: doc.getElementById('filter-count').textContent };
    """
    found = measure(page_of("finished"), tmp_path, LAPTOP, script)
    assert found["named"] == ["norm=batch", "norm=group"]
    assert sorted(found["worse"]) == ["dropout=0.2", "rmsprop"]
    assert found["count"] == "2 of 13 arms"


def test_every_arm_has_a_line_with_its_seeds(tmp_path):
    script = """
    const strips = [...doc.querySelectorAll('.forest > svg')];
    return strips.map((svg) => [svg.getAttribute('aria-label').split(':')[0], svg.querySelectorAll('.seed').length,
      svg.querySelector('.estimate').getBoundingClientRect().width]);
    """
    found = measure(page_of("finished"), tmp_path, PHONE, script)
    assert {name for name, _, _ in found} == set(synthetic.ARMS) - {"baseline"}
    assert all(seeds == 6 and width > 5 for _, seeds, width in found)


def test_hostile_names_run_nothing(tmp_path):
    script = """
    return { scripts: doc.scripts.length, names: [...doc.querySelectorAll('.forest .name')].map((e) => e.textContent),
             images: doc.images.length, links: [...doc.links].map((a) => a.getAttribute('href')[0]) };
    """
    found = measure(page_of("hostile"), tmp_path, LAPTOP, script)
    assert found["scripts"] == 1
    assert "<script>alert(1)</script>" in found["names"]
    assert found["images"] == 0
    assert set(found["links"]) == {"#", "f"}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_screenshot_is_not_blank(dark, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(page_of("finished"), encoding="utf-8")
    shot = tmp_path / "shot.png"
    browse(page, tmp_path, f"--screenshot={shot}", "--window-size=1280,800", dark=dark)
    from PIL import Image

    with Image.open(shot) as image:
        colours = image.convert("RGB").getcolors(1 << 24) or []
    ground = max(colours)[1]
    assert len(colours) > 50
    assert (sum(ground) < 200) == dark
