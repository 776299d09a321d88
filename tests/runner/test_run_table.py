"""Tables of runs: every way to write one down reads alike, and every problem of one is said at once."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ablate.runner import run_table
from ablate.runner.run_table import FINISHED, Columns, numbered, runs_of
from ablate.study.problems import ConfigError

COLUMNS = Columns("model", "seed", "acc")
NAMES = ["baseline", "Größe | \"x\" 'y'", "two\nlines, and ; more"]
TABLE = {
    "model": [name for name in NAMES for _ in range(3)],
    "seed": [0, 1, 2] * 3,
    "acc": [0.91, 0.92, 0.9, 0.93, 0.95, math.nan, 0.5, math.inf, 1e-3],
}


def read(table, columns=COLUMNS):
    """The runs of a table, and the problems of its rows."""
    problems: list[str] = []
    return runs_of(table, columns, problems), problems


def problems_of(table, columns=COLUMNS):
    try:
        return read(table, columns)[1]
    except ConfigError as error:
        return list(error.problems)


def file(text, name="runs.csv", encoding="utf-8"):
    path = Path(name)
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", list(run_table.DELIMITERS))
def test_every_delimiter_reads_as_the_frame_does(delimiter, end, encoding):
    frame = pd.DataFrame(TABLE)
    text = frame.to_csv(None, sep=delimiter, index=False, lineterminator=end)
    runs, problems = read(file(text.replace("two\nlines", f"two{end}lines"), encoding=encoding))
    assert not problems
    assert repr(runs) == repr(read(frame)[0]) == repr(read(TABLE)[0])
    assert [run.status for run in runs] == ["done"] * 5 + ["diverged", "done", "diverged", "done"]


def test_a_semicolon_leaves_the_comma_to_numbers():
    runs, problems = read(file("model;seed;acc\na, b;1;0,93\nc;1;1\nd;1;0.5\n"))
    assert not problems
    assert [run.value for run in runs] == [0.93, 1.0, 0.5]
    assert problems_of(file('model,seed,acc\na,1,"0,93"\n')) == [
        "acc: not a number: '0,93'; write 0.93, and leave empty where there is none"
    ]


def test_spaces_and_empty_lines_say_nothing():
    runs, problems = read(file('\n model , seed, acc\n\n a , 1, "0.5"\n,,\n\n'))
    assert not problems
    assert [(run.arm, run.seed, run.value) for run in runs] == [("a", 1, 0.5)]


def test_a_header_too_long_for_one_entry():
    more = [f"column {k:0100d}" for k in range(2000)]
    text = "\n".join([",".join(["model", "seed", "acc", *more]), ",".join(["a", "1", "0.5", *["x"] * 2000])])
    assert [run.value for run in read(file(text))[0]] == [0.5]


def test_words_for_no_number_count_as_diverged():
    words = ["", "nan", "NaN", "inf", "-inf", "n/a", "-", "diverged", None, pd.NA, np.float32("nan")]
    runs, problems = read({"model": ["a"] * 12, "seed": range(12), "acc": [*words, 1]})
    assert not problems
    assert [run.status for run in runs] == ["diverged"] * len(words) + ["done"]


@pytest.mark.parametrize("kind", [int, float, str, np.float32, np.int64])
def test_numbers_of_every_kind(kind):
    runs, _ = read({"model": np.array(["a", "b"]), "seed": pd.Series([3.0, 4.0]), "acc": [kind(2), kind(3)]})
    assert [(run.arm, run.seed, run.value) for run in runs] == [("a", 3, 2.0), ("b", 4, 3.0)]
    assert type(runs[0].value) is float


@pytest.mark.parametrize("word", [*FINISHED, "FINISHED", " Done "])
def test_a_run_that_finished_has_its_number(word):
    runs, _ = read(TABLE | {"state": [word] * 9}, Columns("model", "seed", "acc", "state"))
    assert [run.status for run in runs].count("done") == 7


def test_any_other_status_left_no_result_and_diverged_is_one():
    said = ["finished", "crashed", "killed", "running", "", "diverged", "Diverged", "done", "ok"]
    runs, _ = read(TABLE | {"state": said}, Columns("model", "seed", "acc", "state"))
    expected = ["done", "failed", "failed", "failed", "failed", "diverged", "diverged", "diverged", "done"]
    assert [run.status for run in runs] == expected
    assert runs[1].said == "crashed"


def test_integers_stay_and_other_seeds_are_numbered():
    assert numbered(["b", "0", "a", "b"]) == {"b": 1, "0": 0, "a": 2}
    assert numbered(["-3", "12.0", "12.5", "1e3", "9" * 30]) == {"-3": -3, "12.0": 12, "12.5": 0, "1e3": 1, "9" * 30: 2}
    assert problems_of({"model": ["a", "a"], "seed": ["1", 1.0], "acc": [1, 2]}) == [
        "2 runs of arm 'a' and seed '1', rows 1 and 2; keep one of them"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty; a header and a line per run are needed"),
        ("\n\n", "empty"),
        (",,\n", "not a CSV with a header: its first line is ',,'"),
        ("model,seed,acc\n", "the table has no runs"),
        ("no table at all\n1\n", "not a CSV with a header: its first line is 'no table at all'"),
        ('{"model": "a"}', "not a CSV with a header"),
        ("model,seed,acc\na,1\nb,1,2\nc,1,2,3\n", "rows 1 and 3: another number of entries than the header"),
        ("model,acc,acc,seed\na,1,2,3\n", "several columns are called 'acc'"),
        ("model,seed,acc\n\0,1,2\n", "null bytes"),
        (f"model,seed,acc\n{'x' * 200_000},1,2\n", "not a CSV: field larger than"),
        ("model,seed,acc\na,1,nan\nb,1,\n", "acc: no finite number in any row"),
        ("model,seed,acc\n,1,2\nb,,2\n", "model: no arm in row 1"),
        ("model,seed,acc\n,1,2\nb,,2\n", "seed: no seed in row 2"),
    ],
)
def test_a_file_that_is_no_table_of_runs(text, words):
    problems = problems_of(file(text))
    assert any(words in problem for problem in problems), problems
    assert all("\n" not in problem for problem in problems)


def test_a_file_that_cannot_be_read():
    assert problems_of("absent.csv") == ["absent.csv: No such file or directory"]
    assert problems_of(Path(".")) == [".: Is a directory"]
    assert problems_of(file("model,seed,acc\nGröße,1,2\n", encoding="latin-1")) == [
        "runs.csv: not a CSV in UTF-8; save it as one"
    ]


def test_missing_columns_are_named_with_their_neighbours():
    problems = problems_of(TABLE, Columns("modle", "seeds", "acc", "state"))
    assert [problem.partition(".")[0].partition(";")[0] for problem in problems] == [
        "arm: unknown column 'modle'",
        "seed: unknown column 'seeds'",
        "status: unknown column 'state'",
    ]
    assert "did you mean 'model'? Allowed: model, seed, acc" in problems[0]


def test_columns_of_unequal_length():
    assert problems_of({"model": ["a"], "seed": [1, 2], "acc": [1]}) == [
        "columns of unequal length: model 1, seed 2, acc 1"
    ]


def test_problems_of_rows_come_together_and_in_bounds():
    table = {"model": ["a", "a"] * 10, "seed": [k // 2 for k in range(20)], "acc": ["93 %"] + [1] * 19}
    problems = problems_of(table)
    assert problems[0].startswith("acc: not a number: '93 %'")
    assert problems[1] == "2 runs of arm 'a' and seed '0', rows 1 and 2; keep one of them"
    assert problems[-1] == "5 more pairs of arm and seed occur more than once"
    assert len(problems) == 7


def test_a_status_that_nobody_knows_is_quoted():
    columns = Columns("model", "seed", "acc", "state")
    (problem,) = problems_of(TABLE | {"state": [True] * 9}, columns)
    assert problem.startswith("acc: no number of a run that finished; state says 'True', not one of finished, done")
