"""`ablate verdict` as a person calls it: what it prints, its JSON, its files, and one line per problem."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ablate.cli.main import main
from tests.shell import ROOT

ARMS = {"baseline": 0.0, 'größer, "x" | y': 0.02, "z": 0.001}
LINES = [
    "\ufeffName;Seed;State;top-1",
    *(
        f"{arm};{seed};finished;{0.9 + gain * (1 + seed % 3 / 10) + 0.001 * (seed * 7 % 5):.4f}".replace(".", ",")
        for arm, gain in ARMS.items()
        for seed in range(6)
    ),
]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """A file as a German spreadsheet writes it, whose last run crashed, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    text = "\n".join([*LINES[:-1], LINES[-1].replace("finished", "crashed")])
    Path("runs.csv").write_text(text, encoding="utf-8")


@pytest.fixture
def verdict(capsys):
    """Calls the command; gives exit code, stdout and stderr."""

    def call(*words, columns=("--arm=Name", "--seed=Seed", "--metric=top-1")):
        try:
            code = main(["verdict", *columns, *map(str, words)])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return call


def test_the_answer_without_a_file(verdict):
    code, out, err = verdict("runs.csv", "--status=State")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "17 of 18 cells done, 0 diverged, 1 failed"
    assert re.fullmatch(
        r"Of 2 arms against baseline \(top-1 [\d.]+, [\d.]+ to [\d.]+\): "
        r'2 better \(most: größer, "x" \| y, \+0\.022\d*\), 0 worse\.',
        lines[1],
    )
    assert lines[2].startswith('  größer, "x" | y: better by 0.022')
    assert lines[3].startswith("  z: better by 0.00108 in top-1")
    assert lines[4] == (
        "1 run left out for a status of 'crashed'; where such a run had diverged, that flatters its arm."
    )
    assert [path.name for path in Path().iterdir()] == ["runs.csv"]


def test_one_json_object(verdict):
    code, out, err = verdict("runs.csv", "--status=State", "--json", "--margin=0.01", "--workdir=out")
    content = json.loads(out, parse_constant=lambda word: pytest.fail(word))
    assert (code, err) == (0, "")
    assert (content["metric"], content["margin"], content["paired"], content["name"]) == ("top-1", 0.01, True, "runs")
    arms = content["arms"]
    assert [arm["verdict"] for arm in arms] == ["baseline", "better", "better"]
    assert [arm["failed"] for arm in arms] == [0, 0, 1]
    assert arms[1]["delta_low"] < 0.0221 < arms[1]["delta_high"]
    assert Path("out/report.html").exists()


def test_the_report_can_be_made_again(verdict, capsys):
    code, out, _ = verdict("runs.csv", "--workdir=out")
    assert code == 0
    assert out.splitlines()[-1] == "out/report.md  out/report.html  out/summary.csv"
    before = Path("out/report.md").read_text(encoding="utf-8")
    assert "- command: `ablate verdict --arm=Name --seed=Seed --metric=top-1 runs.csv --workdir=out`" in before
    assert main(["report", "out"]) == 0
    assert Path("out/report.md").read_text(encoding="utf-8") == before
    assert main(["status", "out"]) == 0
    assert "out: finished; 18 done" in capsys.readouterr().out
    assert verdict("runs.csv", "--workdir=out", "--lower-is-better")[0] == 0
    assert "worse by 0.022" in Path("out/report.md").read_text(encoding="utf-8")


def test_two_tables_are_compared_as_two_studies_are(verdict, capsys):
    for name in ("one", "two"):
        assert verdict("runs.csv", f"--workdir={name}")[0] == 0
    assert main(["report", "one", "two", "--out=both"]) == 0
    assert "2 studies (runs 1 and runs 2)" in Path("both/studies.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["absent.csv"], ["absent.csv: No such file or directory"]),
        (["absent.csv", "--alpha=1"], ["alpha: must lie", "absent.csv: No such file"]),
        (["runs.csv", "--alpha=nan", "--margin=-1"], ["alpha: must lie between 0 and 0.8, got nan", "margin: must be"]),
        (["runs.csv", "--status=Stat", "--baseline=x"], ["status: unknown column 'Stat'; did you mean 'State'?"]),
        (["runs.csv", "--baseline=x\ny"], [r"baseline: unknown arm 'x\ny'. Allowed: baseline, größer"]),
        (
            ["runs.csv", "--workdir=runs.csv"],
            ["no folder can be made (a file is in the way); give another --workdir: runs.csv"],
        ),
    ],
)
def test_a_line_per_problem(verdict, words, expected):
    code, out, err = verdict(*words)
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert line.startswith("ablate: ")
        assert part in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: FILE.csv, --arm, --seed, --metric"),
        (["runs.csv", "--arm=a", "--seed=b", "--metric=c", "--alpha=x"], "invalid float value: 'x'"),
        (["", "--arm=a", "--seed=b", "--metric=c"], "empty; name a place"),
    ],
)
def test_wrong_usage(verdict, words, message):
    code, _, err = verdict(*words, columns=())
    assert code == 2
    assert message in err


def test_the_readme_shows_what_comes_out(verdict, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```\n\$ ablate verdict (.*?)\n```", text, re.DOTALL)
    command, *shown = block.replace("\\\n", " ").splitlines()
    code, out, _ = verdict(*command.split(), columns=())
    assert code == 0
    assert [line for line in shown if line != "  ..."] == [line for line in out.splitlines() if line in shown]


def test_what_only_reads_loads_no_jax(verdict):
    """A second less for everybody who looks at a run, or mistypes."""
    assert verdict("runs.csv", "--workdir=judged")[0] == 0
    code = (
        "import sys; from ablate.cli.main import main\n"
        "for words in [['status', 'judged'], ['report', 'judged'], ['report', 'judged', 'judged'], ['status', 'no'],\n"
        "              ['verdict', 'runs.csv', '--arm=Name', '--seed=Seed', '--metric=top-1']]:\n"
        "    print(main(words), 'jax' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = [line for line in found.stdout.splitlines() if line.endswith((" True", " False"))]
    assert told == ["0 False", "0 False", "2 False", "2 False", "0 False"]
