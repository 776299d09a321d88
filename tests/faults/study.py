"""The small study that meets faults, run again and again in one process: planned once, compiled once."""

import contextlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pytest

from ablate.cli import training
from ablate.cli.main import main
from ablate.results.files import read_json
from ablate.runner import execute, starting, units
from ablate.runner.units import Programs, Unit
from ablate.train.lanes import Lanes
from ablate.train.loop import Loop, LoopState, Result, WaveInputs
from tests.faults.calls import Killed, kind_of
from tests.once import programs_made_once
from tests.shell import jax_as_it_was, said, tables
from tests.train.small import identical, kept

# A wave of two lanes per program: a cell that is trained again alone has the width, and so the bits, of its wave.
EXPERIMENT = """
from ablate import base_config, choice

def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.vary.norm = (choice("batch"),)
    cfg.train.update(steps=4, batch_size=32, checkpoint_seconds=0.0, keep_weights=True)
    cfg.seeds = 2
    return cfg
"""
CELLS = 4
RESULT = ("status", "metrics", "curves", "error")  # of a row, without what differs from run to run


class Outcome(NamedTuple):
    """How a call of `ablate` ended; no code where it was killed."""

    code: int | None
    errors: str


@contextlib.contextmanager
def trained_once() -> Iterator[None]:
    """The plan is made, and every wave is trained, once; all that happens to files happens anew."""
    made: dict[Any, Any] = {}

    def once(name: str, make: Any, of: Any = lambda *given: None) -> Any:
        def given_before(*given: Any, **how: Any) -> Any:
            key = name, of(*given)
            return made[key] if key in made else made.setdefault(key, make(*given, **how))

        return given_before

    def of_unit(programs: Programs, unit: Unit) -> Any:
        return unit.shape, unit.key

    rates = once("rates", execute.with_rates)
    with programs_made_once(), pytest.MonkeyPatch.context() as patch:  # undone the other way round
        # Or this heartbeat, which may fail, would stand for every other write in the folder.
        patch.setattr(starting, "write_json", lambda path, content: None)
        patch.setattr(training, "spec_of", once("spec", training.spec_of))
        patch.setattr(training, "plans_of", once("plan", training.plans_of))
        patch.setattr(execute, "with_rates", lambda study, *given: {**study, "arms": rates(study, *given)["arms"]})
        patch.setattr(execute, "environment", once("environment", execute.environment))
        patch.setattr(units, "prepare", lambda *given: None)
        patch.setattr(Programs, "wave", once("wave", Programs.wave, of_unit))
        patch.setattr(units, "Loop", once("loop", Replayed, lambda lanes, wave: (id(lanes), id(wave))))
        yield


class Replayed:
    """A wave that has trained once, and gives the states of then; what comes from a checkpoint must be one of them."""

    def __init__(self, lanes: Lanes, wave: WaveInputs):
        loop = Loop(lanes, wave)
        self._begin = kept(loop.start())
        self._states = [kept(state) for state in loop.run(self._begin)]
        self._results, self._members, self.pace = (
            loop.results(self._states[-1]),
            loop.members(self._states[-1]),
            loop.pace,
        )

    def start(self, between: Any) -> LoopState:
        """Before the first step."""
        return self._begin

    def run(self, begin: LoopState) -> Iterator[LoopState]:
        """The states behind one that there was."""
        states = [self._begin, *self._states]
        (k,) = (k for k, state in enumerate(states) if state[:2] == begin[:2])
        assert identical(jax.tree.leaves((begin.state, begin.curves)), jax.tree.leaves(states[k][2:]))
        yield from states[k + 1 :]

    def results(self, end: LoopState) -> list[Result]:
        """What became of every cell."""
        return self._results

    def members(self, end: LoopState) -> Any:
        """Its variables."""
        return self._members


class Faulty:
    """The study in a folder: its command, and what must be true of its directory whatever happened."""

    def __init__(self, folder: Path, undisturbed: Path | None = None):
        self.directory, self._undisturbed = folder / "run", undisturbed
        self.words = ["run", f"--config={folder / 'small.py'}", f"--workdir={self.directory}"]
        (folder / "small.py").write_text(EXPERIMENT)

    def run(self) -> Outcome:
        """`ablate run`, which may die."""
        return self.call(*self.words)

    def call(self, *words: object) -> Outcome:
        """A command in this process."""
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), jax_as_it_was():
            try:
                code = main([str(word) for word in words])
            except Killed:
                code = None
        return Outcome(code, "\n".join(said(errors.getvalue())))

    def rows_are_whole(self) -> None:
        """Every row that is there is that of the undisturbed run."""
        for path in self.directory.glob("cells/*.json"):
            row, wanted = read_json(path), read_json(self._undisturbed / "cells" / path.name)
            assert row is not None, path
            assert {key: row[key] for key in RESULT} == {key: wanted[key] for key in RESULT}, path

    def is_finished(self) -> None:
        """The same files as the undisturbed run's, and equal tables."""
        assert names(self.directory) == names(self._undisturbed)
        self.has_its_tables()

    def has_its_tables(self) -> None:
        """Equal tables, from equal rows, whatever lies beside them."""
        assert tables(self.directory) == tables(self._undisturbed)
        self.rows_are_whole()

    def clear(self) -> None:
        """A folder in which nothing has run."""
        shutil.rmtree(self.directory, ignore_errors=True)


def names(directory: Path) -> set[str]:
    """Every file of a directory."""
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()}


def first_of(directory: Path, kind: str) -> Path:
    """A file of a kind."""
    return directory / min(name for name in names(directory) if name == kind or kind_of(name) == kind)


def is_one_line(outcome: Outcome, *, codes: tuple[int, ...]) -> None:
    """No traceback, and no more than a line about what is wrong."""
    code, errors = outcome
    assert code in codes, outcome
    assert "Traceback" not in errors
    assert len([line for line in errors.splitlines() if line.startswith("ablate: ")]) <= 1, errors
    assert max(map(len, errors.splitlines()), default=0) < 600, errors
