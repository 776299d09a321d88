"""Rows -> Markdown, CSV, LaTeX, HTML, JSON and figures. Every file is a pure function of study.json and the rows.

`tables` joins and summarises into `records`, `sections/` puts these into words and tables, `plots/` describes what is
drawn, and one module per format lays it all out and escapes it; only this module writes files. `document.SECTIONS` and
`plots.table.PLOTS` name every section and every plot once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.results.files import write_atomically

if TYPE_CHECKING:
    from ablate.report.comparison.studies import LoadedStudy
    from ablate.report.plots.together import Draw
    from ablate.results.inputs import InputRow
    from ablate.results.schema import AcrossRecord, Environment, LookRecord, Progress, RowRecord, Study


def write_report(
    directory: Path,
    study: "Study",
    rows: Iterable["RowRecord"],
    environment: "Environment",
    progress: "Progress | None" = None,
    between: Callable[[], None] = lambda: None,
    looks: "Sequence[LookRecord]" = (),
    inputs: "Sequence[InputRow]" = (),
    draw: "Draw | None" = None,
) -> list[Path]:
    """Writes all reports of a study, whatever part of it is done.

    Args:
        directory: the run's directory.
        study: the content of study.json.
        rows: the rows there are, in any order.
        environment: the content of environment.json.
        progress: the content of progress.json, None where there is none.
        between: called behind each file; what it raises ends the writing there.
        looks: the content of looks.json, with the look that this report is.
        inputs: the content of inputs.npz.
        draw: who draws, where somebody is ready; else processes are started for it.

    Returns:
        The files written, tables first.

    Raises:
        StorageError: a file could not be written.
    """
    from ablate.report.plots.together import drawing

    with drawing(draw) as draw:  # helpers are on their way before all that a table takes is imported
        from ablate.report.files import contents

        files = contents(study, rows, environment, progress, looks, inputs, draw=draw)
        return _written(directory, files, between)


def write_page(
    directory: Path,
    study: "Study",
    rows: Iterable["RowRecord"],
    environment: "Environment",
    progress: "Progress | None" = None,
) -> Path:
    """Writes report.html alone, of a study that still trains: it shows no verdicts, so it is no look.

    Raises:
        StorageError: it could not be written.
    """
    from ablate.report.files import page

    return write_atomically(Path(directory) / "report.html", page(study, rows, environment, progress))


def _written(directory: Path, files: Iterable[tuple[str, str | bytes]], between: Callable[[], None]) -> list[Path]:
    """Writes files one by one."""
    written = []
    for name, content in files:
        written.append(write_atomically(Path(directory) / name, content))
        between()
    return written


def write_variance(
    directory: Path, study: "Study", rows: Iterable["RowRecord"], between: Callable[[], None] = lambda: None
) -> list[Path]:
    """Writes variance.csv, .json, .md and a figure of runs with one stream of randomness each.

    Args:
        directory: the run's directory.
        study: the content of study.json.
        rows: the rows there are, in any order.
        between: called behind each file; what it raises ends the writing there.

    Returns:
        The files written.

    Raises:
        StorageError: a file could not be written.
    """
    from ablate.report.variance import contents

    return _written(directory, contents(study, rows), between)


def write_across(
    directory: Path,
    record: "AcrossRecord",
    studies: "Mapping[str, LoadedStudy]",
    between: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Writes report.md, .html, .tex, .json, conditions.csv and figures of a study under several conditions.

    Args:
        directory: that holds across.json.
        record: its content.
        studies: of its conditions, by name; those that have not ended are left out.
        between: called behind each file; what it raises ends the writing there.

    Returns:
        The files written.

    Raises:
        ValueError: the studies are not of one metric.
        StorageError: a file could not be written.
    """
    from ablate.report.plots.together import drawing

    with drawing() as draw:
        from ablate.report.comparison.across_page import contents

        return _written(directory, contents(record, studies, draw), between)


def compare_versions(
    before: "LoadedStudy", after: "LoadedStudy", names: tuple[str, str], directory: Path
) -> list[Path]:
    """Writes versions.csv, .md, .html, .tex and a figure that compare two versions of one study, arm by arm.

    Args:
        before: the first version, as `ablate.load` gives it.
        after: the second one.
        names: what to call them.
        directory: where the files go.

    Returns:
        The files written.

    Raises:
        ValueError: the two are not of one study.
        StorageError: a file could not be written.
    """
    from ablate.report.comparison.version_page import version_contents
    from ablate.report.comparison.versions import versions

    return _written(directory, version_contents(versions(before, after, names)), lambda: None)


def compare_studies(studies: Sequence["LoadedStudy"], directory: Path) -> list[Path]:
    """Writes studies.csv, studies.md, studies.html and a figure that compare several studies of the same arms.

    Args:
        studies: what `ablate.load` gives, two or more that decide by one metric; arms are matched by name.
        directory: where the files go.

    Returns:
        The files written.

    Raises:
        ValueError: fewer than two studies, different metrics, or one metric in different directions.
    """
    from ablate.report.comparison.files import comparison_contents
    from ablate.report.comparison.studies import compare

    files = comparison_contents(compare(studies))
    return [write_atomically(Path(directory) / name, content) for name, content in files.items()]
