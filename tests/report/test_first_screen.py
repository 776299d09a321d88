"""What a reader sees first, on the page of a finished, of a running and of a very large study."""

import re

import pytest

from ablate.report.files import contents, page
from ablate.report.formats.html import FIRST
from tests.report import synthetic

REFRESH = '<meta http-equiv="refresh" content="15">'


def page_of(made: synthetic.Made) -> str:
    return str(dict(contents(*made.parts, draw=None))["report.html"])


def running(state: str | None, pending: int = 5) -> synthetic.Made:
    made = synthetic.finished()
    made.rows = made.rows[: len(made.rows) - pending]
    made.progress = None if state is None else {**synthetic.PROGRESS, "state": state}
    return made


def in_order(text: str, *words: str) -> bool:
    places = [text.index(word) for word in words]
    return places == sorted(places)


def test_question_answer_and_forest_come_before_any_sentence():
    files = {name: str(text) for name, text in contents(*synthetic.finished().parts, draw=None)}
    parts = (
        "Which tricks help",
        "Of 12 arms against baseline",
        "Differences from the baseline:",
        "points of test accuracy (95",
    )
    body = files["report.html"][files["report.html"].index("<body>") :]
    assert in_order(body, *parts, 'id="arms"')
    assert in_order(body, 'class="strip"', 'id="sentences"')
    assert in_order(files["report.md"], *parts[:3], "figures/forest.png", "## Arm by arm", parts[3], "## Arms")


def test_a_page_loads_itself_again_only_while_cells_are_being_trained():
    moment = page_of(running("running"))
    assert moment.count(REFRESH) == 1
    assert moment.count("Interim: 73 of 78 cells have ended; verdicts appear when all have.") == 1
    assert moment.count("The study runs: this page loads itself again every 15 seconds.") == 1
    for made in (running("finished"), running("interrupted"), running(None), running("running", pending=0)):
        assert '<meta http-equiv="refresh"' not in page_of(made)
        assert "this page loads" not in page_of(made)


def test_a_page_of_the_moment_has_no_verdict_and_names_no_file_that_is_not_there():
    moment = page(*running("running").parts)
    assert REFRESH in moment
    assert not re.search(r'class="verdict (better|worse|equivalent|inconclusive)"', moment)
    assert not re.search(r"figures/|summary\.csv|cells\.csv", moment)
    whole = page_of(running("running"))
    assert 'href="figures/forest.svg"' in whole
    assert "<code>summary.csv</code> and <code>cells.csv</code>" in whole


def test_a_running_study_of_the_baseline_alone_is_interim_too():
    made = synthetic.one_arm()
    made.rows, made.progress = made.rows[:2], {**synthetic.PROGRESS, "state": "running"}
    assert "Interim: 2 of 6 cells have ended" in page_of(made)


@pytest.fixture(scope="module")
def many() -> str:
    rates = {f"sgd({k})": ({"optimizer": {"name": "sgd", "rate": k}}, 0.0001 * k) for k in range(150)}
    return page_of(synthetic.make(arms={"baseline": ({}, 0.0)} | rates, seeds=2))


def test_of_many_arms_the_first_are_told_and_the_others_folded(many):
    sentences = many[many.index('id="sentences"') : many.index('id="arms"')]
    told, folded = sentences.split(f"<details><summary>{150 - FIRST} more</summary>")
    assert told.count("<li") == FIRST
    assert folded.count("<li") == 150 - FIRST


def test_long_tables_scroll_in_a_box_of_their_own(many):
    long, *others = re.findall(r'<div class="wide ([^"]*)"', many)
    assert long == "arms long"
    assert "long" not in re.findall(r'<div class="wide ([^"]*)"', page_of(synthetic.finished()))[0].split()
    assert others
