"""A table with one line per run -> runs: of which arm, with which seed, what came out. All problems of it at once.

A table is a CSV file, a dict of columns, or a DataFrame, which is asked for its columns and nothing else. Without a
usable number a run counts in one of two ways. It diverged, which is an outcome, where the metric of a run that
finished is empty or not finite, or its status says so; it failed, which says nothing about its arm, where the status
is any other word than those in `FINISHED`.
"""

import contextlib
import csv
import io
import itertools
import math
import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ablate.report.wording import listed, plain
from ablate.study.problems import ConfigError, unknown

DELIMITERS = ",;\t|"
FINISHED = ("finished", "done", "completed", "complete", "success", "succeeded", "successful", "ok")
LARGEST = 3.4e38  # what a float32 holds, in which runs count: a loss beyond it has diverged
DIVERGED = "diverged"
INTEGER = re.compile(r"[-+]?\d{1,18}(\.0*)?")
ABSENT = ("None", "nan", "<NA>", "NaT")  # how what is no text says that it is not there
MOST = 5  # of rows that a problem names


class Columns(NamedTuple):
    """Which columns hold what; `status` is None where none says how a run ended."""

    arm: str
    seed: str
    metric: str
    status: str | None = None


class Run(NamedTuple):
    """One line of a table.

    Args:
        arm: as the table has it.
        seed: as an integer, by `numbered`.
        written: the seed as the table has it.
        value: of the metric, finite where `status` is "done".
        status: how it counts.
        said: what the column with the status says; empty where there is none.
    """

    arm: str
    seed: int
    written: str
    value: float
    status: Literal["done", "diverged", "failed"]
    said: str


def runs_of(table: Any, columns: Columns, problems: list[str]) -> list[Run]:
    """The runs of a table, in its order.

    Args:
        table: path of a CSV file, a dict of columns, or a DataFrame.
        columns: which of its columns to read.
        problems: receives those of the rows: a pair of arm and seed twice, an entry that cannot be read, no number.

    Raises:
        ConfigError: there are no rows to look at: no such file, no CSV, no such column, or nothing in it.

    Example:
        >>> table = {"model": ["a", "b"], "seed": [0, 0], "loss": [0.5, "nan"]}
        >>> runs_of(table, Columns("model", "seed", "loss"), problems=[])[1]
        Run(arm='b', seed=0, written='0', value=nan, status='diverged', said='')
    """
    entries, comma = _entries(table, columns)
    arms, seeds = ([_text(entry) for entry in entries[name]] for name in ("arm", "seed"))
    said = [_text(entry) for entry in entries["status"]] if "status" in entries else [None] * len(arms)
    values = [_number(entry, comma=comma) for entry in entries["metric"]]
    integers = numbered(seeds)
    runs = [
        Run(arm, integers[seed], seed, math.nan if value is None else value, _status(word, value), word or "")
        for arm, seed, value, word in zip(arms, seeds, values, said, strict=True)
    ]
    unread = [entry for entry, value in zip(entries["metric"], values, strict=True) if value is None]
    problems += [*_gaps(columns, arms, seeds), *_unreadable(columns, unread), *_repeated(runs)]
    if not unread and all(run.status != "done" for run in runs):
        problems.append(_nothing(columns, runs))
    return runs


def numbered(seeds: Iterable[str]) -> dict[str, int]:
    """Seeds as integers: those that are integers stay, any other text gets the smallest one that is free, in order.

    >>> numbered(["7", "b", "0", "a", "7.0"])
    {'7': 7, 'b': 1, '0': 0, 'a': 2, '7.0': 7}
    """
    texts = dict.fromkeys(seeds)
    given = {text: int(text.partition(".")[0]) for text in texts if INTEGER.fullmatch(text)}
    free = itertools.filterfalse(set(given.values()).__contains__, itertools.count())
    return {text: given[text] if text in given else next(free) for text in texts}


def read_csv(path: Path, wanted: Collection[str]) -> tuple[dict[str, list[str]], bool]:
    """The columns of a CSV file by name, and whether its numbers may have a decimal comma.

    The delimiter is the one of `DELIMITERS` by which the header has most of the wanted columns. Where it is a
    semicolon, the program that wrote the file kept the comma for numbers.

    Raises:
        ConfigError: it is not there, not UTF-8, no CSV, or its lines are of unequal length.
    """
    text = _content(path)
    delimiter = max(DELIMITERS, key=lambda mark: _fit(text, mark, wanted))
    try:
        header, *rows = [*_lines(text, delimiter)] or [[""]]
    except csv.Error as error:
        raise ConfigError([f"{path}: not a CSV: {error}"]) from error
    if len(header) == 1:
        raise ConfigError([f"{path}: not a CSV with a header: its first line is {plain(header[0])[:60]!r}"])
    uneven = [k for k, row in enumerate(rows, 1) if len(row) != len(header)]
    twice = [name for name in wanted if header.count(name) > 1]
    problems = [f"{path}: {_at(uneven)}: another number of entries than the header"] if uneven else []
    problems += [f"{path}: several columns are called {name!r}" for name in twice]
    if problems:
        raise ConfigError(problems)
    return {name: [row[k] for row in rows] for k, name in enumerate(header)}, delimiter == ";"


def _content(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not a CSV in UTF-8; save it as one"]) from error
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from error
    if not text.strip():
        raise ConfigError([f"{path}: empty; a header and a line per run are needed"])
    if "\0" in text:
        raise ConfigError([f"{path}: not a CSV, there are null bytes in it"])
    return text


def _lines(text: str, delimiter: str) -> Iterator[list[str]]:
    """Stripped entries, line by line; empty lines, and those of delimiters alone, are left out."""
    for line in csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True):
        entries = [entry.strip() for entry in line]
        if any(entries):
            yield entries


def _fit(text: str, delimiter: str, wanted: Collection[str]) -> tuple[int, int]:
    """How many wanted columns, and columns at all, the header has by a delimiter."""
    header: list[str] = []
    with contextlib.suppress(csv.Error):  # a wide header can be too long for one entry
        header = next(_lines(text, delimiter), [])
    return sum(name in header for name in wanted), len(header)


def _entries(table: Any, columns: Columns) -> tuple[dict[str, list[Any]], bool]:
    """The entries of the columns, by what they hold, and whether numbers may have a decimal comma."""
    wanted = {what: name for what, name in columns._asdict().items() if name is not None}
    is_file = isinstance(table, str | os.PathLike)
    held, comma = read_csv(Path(table), wanted.values()) if is_file else (table, False)
    names = list(getattr(held, "columns", held))
    missing = {what: name for what, name in wanted.items() if name not in names}
    if missing:
        allowed = [plain(name) for name in names]
        raise ConfigError([unknown(what, "column", name, allowed) for what, name in missing.items()])
    entries = {what: list(held[name]) for what, name in wanted.items()}
    lengths = {wanted[what]: len(column) for what, column in entries.items()}
    if len(set(lengths.values())) > 1:
        raise ConfigError([f"columns of unequal length: {', '.join(f'{name} {n}' for name, n in lengths.items())}"])
    if not entries["arm"]:
        raise ConfigError(["the table has no runs; a line per run is needed"])
    return entries, comma


def _text(entry: Any) -> str:
    """An entry as text; empty where it is not there: None, nan, or what pandas has in their place."""
    text = str(entry).strip()
    return "" if text in ABSENT and not isinstance(entry, str) else text


def _number(entry: Any, *, comma: bool) -> float | None:
    """An entry as a number, nan for any word; None for what has digits and is none, which nobody should guess at.

    >>> [_number(entry, comma=False) for entry in (1, "1e-3", "", "n/a", "93 %", "0,93")]
    [1.0, 0.001, nan, nan, None, None]
    """
    for form in (entry, str(entry).replace(",", ".")) if comma else (entry,):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            return float(form)
    return None if any(letter.isdigit() for letter in str(entry)) else math.nan


def _status(said: str | None, value: float | None) -> Literal["done", "diverged", "failed"]:
    if said is None or said.lower() in FINISHED:
        return "done" if value is not None and abs(value) <= LARGEST else "diverged"
    return "diverged" if said.lower() == DIVERGED else "failed"


def _gaps(columns: Columns, arms: list[str], seeds: list[str]) -> Iterator[str]:
    for what, name, texts in (("arm", columns.arm, arms), ("seed", columns.seed, seeds)):
        empty = [k for k, text in enumerate(texts, 1) if not text]
        if empty:
            yield f"{name}: no {what} in {_at(empty)}"


def _unreadable(columns: Columns, unread: list[Any]) -> Iterator[str]:
    if unread:
        examples = listed([repr(plain(entry)) for entry in dict.fromkeys(map(str, unread))], MOST)
        yield f"{columns.metric}: not a number: {examples}; write 0.93, and leave empty where there is none"


def _repeated(runs: list[Run]) -> Iterator[str]:
    """Pairs of arm and seed that occur more than once; which run counts is not for a program to choose."""
    places: dict[tuple[str, int], list[int]] = {}
    for k, run in enumerate(runs, 1):
        if run.arm and run.written:
            places.setdefault((run.arm, run.seed), []).append(k)
    repeated = [(arm, at) for (arm, _), at in places.items() if len(at) > 1]
    for arm, at in repeated[:MOST]:
        seed = runs[at[0] - 1].written
        yield f"{len(at)} runs of arm {plain(arm)!r} and seed {plain(seed)!r}, {_at(at)}; keep one of them"
    if len(repeated) > MOST:
        yield f"{len(repeated) - MOST} more pairs of arm and seed occur more than once"


def _nothing(columns: Columns, runs: list[Run]) -> str:
    """Why no run has a usable number."""
    words = listed(sorted({repr(plain(run.said)) for run in runs if run.status == "failed"}), MOST)
    if not words:
        return f"{columns.metric}: no finite number in any row"
    known = ", ".join(FINISHED)
    return f"{columns.metric}: no number of a run that finished; {columns.status} says {words}, not one of {known}"


def _at(rows: list[int]) -> str:
    """`row 3`, or `rows 3, 5 and 2 more`; the first row below the header is row 1."""
    return f"row{'s' if len(rows) > 1 else ''} {listed(list(map(str, rows)), MOST)}"
