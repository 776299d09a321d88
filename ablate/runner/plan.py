"""The plan of a study: everything that is known before anything is trained.

    Spec ──arms──cells──programs──> per program: task, data, strategy, inputs of every cell, parameters, bytes

A plan is complete when it is made: who needs a piece of it takes the piece.
"""

import dataclasses
import functools
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ablate.data import DataError, DataSet, Split, lane_numbers, tfds_dataset
from ablate.results.schema import ConfirmsRecord
from ablate.runner.interrupts import Between, go_on
from ablate.runner.place import Place, place_here
from ablate.study.cells import Cell, cells_of
from ablate.study.choices import DATA, SAMPLING_NAMES, Chosen, Training, bare, sampling_of, training_of
from ablate.study.design import Arm, arms_of, at_off
from ablate.study.problems import ConfigError, first_line, place_of, unknown
from ablate.study.programs import Lane, Program, Slot, programs_of
from ablate.study.resolving import Spec
from ablate.study.tuning import tuning_arms
from ablate.tasks.seams import SeamError
from ablate.tasks.task import ProgramChoices, Task
from ablate.train.batches import DataKey, split_of
from ablate.train.feed import resident
from ablate.train.lanes import (
    Device,
    advance_one,
    finish_one,
    measure_one,
    step_arguments,
)
from ablate.train.loop import CellInputs, WaveInputs, evaluated_after, in_common
from ablate.train.strategy import STRATEGIES, Strategy, Wave, choose, most_per_device, waves, waves_by_key
from ablate.train.traced import convolutions_of, draws_in, largest_of, operations_in
from ablate.tricks.rules import Setting, concerns

SlotNumbers = tuple[Mapping[str, Any], ...]  # of the slots of one axis
# On CPU, evaluation is up to a third faster where its largest array fits into the cache.
CACHED_BYTES, LEAST_EVALUATED = 8 * 2**20, 32
# Bengio, Grandvalet. No Unbiased Estimator of the Variance of K-Fold Cross-Validation. JMLR 2004.
SHARED_FOLDS = (
    "data.folds: cells of one partition share most of their training examples, so that they vary less than cells that "
    "were trained on new examples would; intervals over seeds do not hold for those."
)


@dataclasses.dataclass(frozen=True)
class ProgramPlan:
    """A program with the way it will run; `inputs` are what each of its lanes trains with."""

    program: Program
    task: Task
    training: Training
    dataset: DataSet
    inputs: Mapping[str, CellInputs]
    strategy: Strategy
    why: str
    waves: tuple[Wave, ...]
    place: Place
    parameters: int
    state_bytes: int
    convolutions: str  # of a step: none, plain or other
    example_bytes: int  # of the largest array that evaluation makes, per example
    draws: bool  # whether a step draws random numbers
    operations: int  # floating-point ones in a step of one lane

    @property
    def devices(self) -> tuple[Device, ...]:
        """Those of this process, where it trains here."""
        return self.place.found()

    @property
    def streamed(self) -> bool:
        """Whether its data are read while it trains, since they are too large to lie on every device."""
        return self.dataset.bytes > self.training.resident_gib * 2**30

    @property
    def resident(self) -> Mapping[str, np.ndarray]:
        """The arrays that lie on every device."""
        return resident(self.dataset, streamed=self.streamed)

    def missing(self, kept: Container[str]) -> list[Lane]:
        """Its lanes without those whose cells are `kept`."""
        return [lane for lane in self.program.lanes if lane.cell.name not in kept]

    @property
    def most_lanes(self) -> int:
        """Lanes that a device takes at once, at most."""
        return most_per_device(self.strategy, self.operations * self.training.steps, self.training.lanes)

    @property
    def width(self) -> int:
        """Lanes of every wave, padding included."""
        return self.waves[0].width

    @functools.cached_property
    def in_common(self) -> Any:
        """Which numbers of its choices all lanes with one data key have in common."""
        return in_common(self.inputs.values())

    def split(self, lanes: Sequence[Lane]) -> tuple[Wave, ...]:
        """Some of its lanes as waves; where steps draw, those with one data key stand together."""
        devices, most = self.place.devices, self.most_lanes
        if not (self.draws and self.strategy.vmapped):
            return waves(len(lanes), devices, self.strategy, most)
        return waves_by_key([data_key(lane.cell) for lane in lanes], devices, self.strategy, most)

    def narrower(self) -> "ProgramPlan | None":
        """The program with half as many lanes at once; None where each device has but one."""
        lanes = self.width // self.place.devices
        if lanes < 2 or not self.strategy.several:
            return None
        item = dataclasses.replace(self, training=dataclasses.replace(self.training, lanes=lanes // 2))
        return dataclasses.replace(item, waves=item.split(self.program.lanes))

    @property
    def firsts(self) -> dict[str, Lane]:
        """The first lane of every arm."""
        return {lane.cell.arm.name: lane for lane in reversed(self.program.lanes)}

    @property
    def eval_batch_size(self) -> int:
        """One batch for the validation split where it fits, so that little is padded; on CPU what suits its cache."""
        validation = max(len(cell.split.validation) for cell in self.inputs.values())
        suits = self.training.eval_batch_size
        if self.place.platform == "cpu":
            suits = min(suits, max(LEAST_EVALUATED, CACHED_BYTES // max(1, self.example_bytes)))
        size = min(suits, validation or self.dataset.sizes[1])
        across = self.place.devices if self.strategy.sharded else 1
        return -(-size // across) * across

    @property
    def evaluations(self) -> int:
        """How often a run is evaluated."""
        return len(evaluated_after(self.training.steps, self.training.eval_every))

    def wave(self, lanes: Sequence[Lane], width: int, **changes: Any) -> WaveInputs:
        """Some of its cells as a wave; `changes` stand in for fields of `WaveInputs`."""
        train = self.training
        inputs = tuple(self.inputs[lane.cell.name] for lane in lanes)
        wave = WaveInputs(
            inputs,
            width,
            self.dataset,
            train.steps,
            train.batch_size,
            train.eval_every,
            self.eval_batch_size,
            self.operations,
            min(width, len({cell.data_key for cell in self.inputs.values()})) if self.streamed else 0,
        )
        return dataclasses.replace(wave, **changes)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A study, ready to run at a `place`."""

    name: str
    question: str
    command: str
    asked: str | None  # the strategy that was asked for
    spec: Spec
    arms: tuple[Arm, ...]
    cells: tuple[Cell, ...]
    programs: tuple[ProgramPlan, ...]
    datasets: Mapping[str, DataSet]
    place: Place
    folder: str = ""  # of the config file; "" where there is none
    notes: tuple[str, ...] = ()  # sentences for the caveats of its report
    confirms: ConfirmsRecord | None = None  # the study whose arms it repeats on fresh seeds

    @property
    def devices(self) -> tuple[Device, ...]:
        """Those of this process, where it trains here."""
        return self.place.found()

    @property
    def dataset(self) -> DataSet:
        """The baseline's data."""
        return self.datasets[data_id(self.arms[0].recipe["data"])]

    @property
    def warnings(self) -> list[str]:
        """What may be meant otherwise: arms that change nothing, and choices that work against each other."""
        told: dict[str, list[str]] = {}
        for arm in self.arms:
            setting = _setting(arm, self.datasets[data_id(arm.recipe["data"])])
            for sentence in concerns(setting):
                told.setdefault(sentence, []).append(arm.name)
        rules = [f"{_names_of(names, len(self.arms))}: {sentence}" for sentence, names in told.items()]
        data = sampling_of(self.spec.recipe["data"])
        shared = [SHARED_FOLDS] if data.folds > 2 and data.train_on == "rest" else []
        return [*at_off(self.spec), *shared, *rules]

    @property
    def task(self) -> Task:
        """The baseline's task."""
        return self.programs[0].task

    def first_lanes(self) -> dict[str, tuple[ProgramPlan, Lane]]:
        """One cell of every arm with its program, in the order of the arms."""
        firsts = {arm: (item, lane) for item in self.programs for arm, lane in item.firsts.items()}
        return {arm.name: firsts[arm.name] for arm in self.arms}

    def alone(self, cell: Cell) -> ProgramPlan:
        """A program for one cell, without the choices that other arms bring into a shared one."""
        (program,) = programs_of((cell,))
        owner = next(item for item in self.programs if cell.arm.name in item.program.arms)
        task = task_of(self.spec, program, owner.dataset)
        lane = program.lanes[0]
        known = owner.inputs[cell.name]
        inputs = {cell.name: cell_inputs(lane, known.split, known.hp[DATA.name])}
        alone = self.place._replace(devices=1)
        return dataclasses.replace(
            owner, program=program, task=task, inputs=inputs, place=alone, waves=(Wave((0,), 1),)
        )


def _setting(arm: Arm, dataset: DataSet) -> Setting:
    choices = {axis: tuple((each.name, each.arguments) for each in chosen.chain) for axis, chosen in arm.recipe.items()}
    return Setting(choices, training_of(arm.recipe["train"]).batch_size, dataset.info.levels.get("label", 0))


def _names_of(names: Sequence[str], arms: int) -> str:
    if len(names) == arms:
        return "all arms"
    others = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"arm{'s' if len(names) > 1 else ''} {', '.join(map(repr, names[:3]))}{others}"


def make_plan(
    spec: Spec,
    *,
    name: str,
    question: str = "",
    command: str = "",
    folder: str = "",
    strategy: str | None = None,
    arms: tuple[Arm, ...] | None = None,
    notes: tuple[str, ...] = (),
    loaded: Mapping[str, DataSet] | None = None,
    known: Sequence[ProgramPlan] = (),
    place: Place | None = None,
    between: Between = go_on,
) -> Plan:
    """Arms, cells, programs and strategies of a study; compiles and trains nothing.

    Args:
        spec: the resolved config.
        name: of the study.
        question: that it asks.
        command: that asked for it.
        folder: of the config file, beside which modules of its import paths may lie.
        strategy: how programs run; chosen by platform if not given.
        arms: what is trained, the baseline first; what the design makes of the config if not given.
        notes: sentences for the caveats of its report.
        loaded: data sets that are there already, by `data_id`.
        known: programs of the same task, strategy and place, which are not traced again.
        place: what its waves will run on; all devices of this process if not given.
        between: called between two steps of planning; what it raises ends it there.

    Raises:
        ConfigError: with every problem that shows before the first compile.
    """
    if strategy is not None and strategy not in STRATEGIES:
        raise ConfigError([unknown("strategy", "strategy", strategy, STRATEGIES)])
    arms = arms_of(spec) if arms is None else arms
    tuning_arms(spec, arms)  # its problems, too, show before anything compiles
    datasets, place = _datasets(spec, arms, loaded or {}), place or place_here()
    between()
    plan = Plan(name, question, command, strategy, spec, arms, (), tuple(known), datasets, place, folder, notes)
    return _planned(plan, between)


def plan_of_cells(spec: Spec, arms: tuple[Arm, ...], seeds: tuple[int, ...], *, name: str) -> Plan:
    """The plan of some cells, whether the design has their arms or not; errors as in `make_plan`."""
    alone, datasets = dataclasses.replace(spec, seeds=seeds, fewer={}), _datasets(spec, arms, {})
    return _planned(Plan(name, "", "", None, alone, arms, (), (), datasets, place_here()), go_on)


def replan(plan: Plan, arms: tuple[Arm, ...], spec: Spec | None = None, *, between: Between = go_on) -> Plan:
    """The same study with other arms, and other seeds where another `spec` says so; `between` as in `make_plan`.

    Programs that the plan has already are not traced again.

    Raises:
        ConfigError: with every problem that shows when programs are traced.
    """
    return _planned(dataclasses.replace(plan, arms=arms, spec=spec or plan.spec), between)


def _planned(plan: Plan, between: Between) -> Plan:
    fingerprints = {name: dataset.fingerprint() for name, dataset in plan.datasets.items()}
    cells = cells_of(plan.spec, plan.arms, lambda data: fingerprints[data_id(data)])
    splits = functools.cache(split_of)  # lanes of one seed share a split
    plans = []
    for program in programs_of(cells):
        between()
        plans.append(_plan_program(plan, program, splits))
    problems = [problem for problem in plans if isinstance(problem, str)]
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    programs = tuple(item for item in plans if isinstance(item, ProgramPlan))
    return dataclasses.replace(plan, cells=cells, programs=programs)


def data_id(data: Chosen) -> str:
    """Tells data sets apart, whatever a study does to their pools."""
    return repr((data.name, _own_arguments(data)))


def _own_arguments(data: Chosen) -> dict[str, Any]:
    return {name: value for name, value in data.arguments.items() if name not in SAMPLING_NAMES}


def _datasets(spec: Spec, arms: tuple[Arm, ...], loaded: Mapping[str, DataSet]) -> dict[str, DataSet]:
    """Every data set of the study, loaded once."""
    wanted = {data_id(arm.recipe["data"]): arm.recipe["data"] for arm in arms}
    datasets = {name: loaded[name] if name in loaded else load_data(data) for name, data in wanted.items()}
    needs = getattr(bare(spec.task), "needs", ())
    problems = [
        f"data: {spec.task.name} needs an array {need!r}, and {wanted[name].name} has {', '.join(dataset.pool)}"
        for name, dataset in datasets.items()
        for need in needs
        if need not in dataset.pool
    ]
    if problems:
        raise ConfigError(problems)
    return datasets


def load_data(data: Chosen) -> DataSet:
    """The data set that a choice leads to, as it is.

    Raises:
        ConfigError: it cannot be loaded, in one line.
    """
    arguments = _own_arguments(data)
    try:
        make = data.choice.make
        dataset = make(data.name, **arguments) if make is tfds_dataset else make(**arguments)
    except DataError as error:
        raise ConfigError([str(error)]) from error
    except (Exception, SystemExit) as error:  # a data set by import path is the user's code
        raise ConfigError([f"data: {type(error).__name__}: {first_line(error)}{place_of(error)}"]) from error
    if not isinstance(dataset, DataSet):
        raise ConfigError([f"data: {data.name!r} gave a {type(dataset).__name__}; return a DataSet"])
    return dataset


def choices_of(slots: Mapping[str, tuple[Slot, ...]]) -> ProgramChoices:
    """Slots as training sees them: the choice and its static arguments."""
    return {axis: tuple((slot.choice, dict(slot.static)) for slot in own) for axis, own in slots.items()}


def task_of(spec: Spec, program: Program, dataset: DataSet) -> Task:
    """The task with the choices of a program compiled in."""
    return spec.task.choice.make(choices_of(program.slots), dataset.info, **spec.task.arguments)


def _inputs(program: Program, dataset: DataSet, splits: Callable[..., Split]) -> dict[str, CellInputs]:
    """What every lane of a program trains with; what follows from its data key is made once."""

    @functools.cache
    def known(key: DataKey) -> tuple[Split, SlotNumbers]:
        split = splits(key, dataset)
        return split, (lane_numbers(dataset, split, key.sampling),)

    return {lane.cell.name: cell_inputs(lane, *known(data_key(lane.cell))) for lane in program.lanes}


def cell_inputs(lane: Lane, split: Split, data_numbers: SlotNumbers) -> CellInputs:
    """A cell as the training loop sees it."""
    return CellInputs(
        seed=lane.cell.draw,
        hp={**lane.hp, DATA.name: data_numbers},
        init_choices=choices_of({slot.axis: (slot,) for slot in lane.init}),
        init_id=lane.init,
        init_hp=lane.init_hp,
        data_key=data_key(lane.cell),
        split=split,
    )


def data_key(cell: Cell) -> DataKey:
    """What the examples of a cell follow from."""
    return DataKey.of(cell.draw, sampling_of(cell.arm.recipe["data"]))


def _plan_program(plan: Plan, program: Program, splits: Any) -> ProgramPlan | str:
    first = program.lanes[0].cell.arm
    dataset, training = plan.datasets[data_id(first.recipe["data"])], training_of(first.recipe["train"])
    try:
        inputs = _inputs(program, dataset, splits)
    except DataError as error:
        return str(error)
    smallest = min(len(cell.split.train) for cell in inputs.values())
    if training.batch_size > smallest:
        return f"train.batch_size: {training.batch_size} is more than the {smallest} training examples"
    known = _known(plan, program, dataset, training)
    try:
        item = (
            dataclasses.replace(known, program=program, inputs=inputs)
            if known
            else _traced_plan(plan, program, inputs, dataset, training)
        )
    except _Problem as problem:
        return str(problem)
    return dataclasses.replace(item, waves=item.split(program.lanes))


def _traced_plan(
    plan: Plan, program: Program, inputs: Mapping[str, CellInputs], dataset: DataSet, training: Training
) -> ProgramPlan:
    """A program that was not traced before; it has no waves yet."""
    task, place = task_of(plan.spec, program, dataset), plan.place
    traced = _trace_all(task, program, inputs, training)
    strategy, why = choose(place.platform, traced.convolutions, traced.operations, draws=traced.draws)
    if plan.asked not in (None, strategy.name):
        strategy, why = STRATEGIES[plan.asked], "asked for"
    if strategy.sharded and training.batch_size % place.devices:
        split = f"{training.batch_size} cannot be split over {place.devices} devices (strategy data)"
        raise _Problem(f"train.batch_size: {split}")
    sizes = _sizes(task, traced.state)
    item = ProgramPlan(program, task, training, dataset, inputs, strategy, why, (), place, *sizes, *traced[1:])
    if item.streamed:
        return dataclasses.replace(item, why=f"{why}; {dataset.bytes / 2**30:.1f} GiB of data are streamed")
    return item


def _known(plan: Plan, program: Program, dataset: DataSet, training: Training) -> ProgramPlan | None:
    """What was traced for the plan that this one follows from: the same program for other lanes."""
    inits = {lane.init for lane in program.lanes}
    same = (
        item
        for item in plan.programs
        if (item.program.slots, item.training) == (program.slots, training)
        and item.dataset is dataset
        and inits <= {lane.init for lane in item.program.lanes}
    )
    return next(same, None)


def parameter_table(item: ProgramPlan) -> str:
    """Every parameter of one cell with its shape and size, and their sum."""
    from clu.parameter_overview import get_parameter_overview

    cell = next(iter(item.inputs.values()))
    state, _ = step_arguments(item.task, cell.init_choices, cell.init_hp, cell.hp, 1, 1)
    return get_parameter_overview(_parameters(jax.eval_shape(item.task.variables, state.task)), include_stats=False)


def _parameters(variables: Any) -> Any:
    return variables.get("params", variables) if isinstance(variables, Mapping) else variables


def _sizes(task: Task, state: Any) -> tuple[int, int]:
    """Parameters and bytes of one lane."""
    parameters = _parameters(jax.eval_shape(task.variables, state.task))
    count = sum(leaf.size for leaf in jax.tree.leaves(parameters))
    return count, sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


class _Problem(Exception):
    """Why a program cannot run, in one line; above all what model and trick code raised while it was traced."""


class _Traced(NamedTuple):
    """What is known of a program before it is compiled: shapes of the state, and what its step and evaluation do."""

    state: Any
    convolutions: str
    example_bytes: int
    draws: bool
    operations: int


def _trace_all(task: Task, program: Program, inputs: Mapping[str, CellInputs], training: Training) -> _Traced:
    """Traces a lane for each way of making initial values, to find problems early; what the last one gave."""
    distinct = {lane.init: lane for lane in reversed(program.lanes)}.values()
    traced = _Traced(None, "none", 0, draws=False, operations=0)
    for lane in distinct:
        try:
            traced = _trace(task, inputs[lane.cell.name], training.batch_size)
        except (Exception, SystemExit) as error:  # model and trick code: what it raises is a problem of the config
            kind = "" if isinstance(error, SeamError) else f"{type(error).__name__}: "
            words = f"arm {lane.cell.arm.name!r}: {kind}{first_line(error)}{place_of(error)}"
            raise _Problem(words) from error
    return traced


def _trace(task: Task, cell: CellInputs, batch_size: int) -> _Traced:
    """One lane; compiles nothing."""
    state, arguments = step_arguments(task, cell.init_choices, cell.init_hp, cell.hp, batch_size, 2)
    arrays, seed, hp, total, index, *_ = arguments
    step = jax.make_jaxpr(advance_one(task))(state, *arguments)
    weights = np.zeros(batch_size, np.float32)
    measured, sums = jax.make_jaxpr(measure_one(task), return_shape=True)(
        state.averaged, arrays, seed, hp, index[0], weights
    )
    jax.eval_shape(finish_one(task), state, sums, hp, total, np.int32(0), np.bool_(True))
    largest = largest_of(measured) // batch_size
    return _Traced(state, convolutions_of(step), largest, draws_in(step), operations_in(step.jaxpr))
