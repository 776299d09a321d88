"""Small studies on the bundled digits and single waves of their cells: what the tests of training run."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ablate import base_config, choice
from ablate.runner import units
from ablate.runner.plan import Plan, ProgramPlan, make_plan
from ablate.runner.units import unit_of
from ablate.runner.waves import WaveLanes
from ablate.study.resolving import resolve
from ablate.train.lanes import Lanes
from ablate.train.loop import Loop, LoopState, Result, WaveInputs
from ablate.train.strategy import STRATEGIES
from ablate.tricks.axis import Scalar
from ablate.tricks.clock import Clock
from ablate.tricks.stop import Decision

Config = Any


def small_config(
    *, steps: int = 20, eval_every: int = 10, seeds: int = 2, vary: Mapping[str, Any] | None = None
) -> Config:
    """An MLP with 8 hidden units, batches of 32, plain SGD; `vary` goes into `cfg.vary`."""
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.train.update(steps=steps, eval_every=eval_every, batch_size=32)
    with cfg.ignore_type():
        cfg.seeds = seeds
    for axis, choices in (vary or {"target": (choice("smooth_labels", alpha=0.1),)}).items():
        cfg.vary[axis] = choices
    return cfg


def planned(cfg: Config, strategy: str | None = None) -> Plan:
    """The plan of a config on all devices there are."""
    return make_plan(resolve(cfg), name="small", strategy=strategy)


def lanes_of(plan: Plan, strategy: str = "scan", item: ProgramPlan | None = None, devices: int | None = None) -> Lanes:
    """The executables of a program (the first one if none is given)."""
    item = item or plan.programs[0]
    return Lanes(item.task, STRATEGIES[strategy], plan.devices[:devices], item.dataset.stacked, item.evaluations)


def lanes_of_waves(item: ProgramPlan, together: int = 1) -> Lanes:
    """The executables of a program as its waves run with them."""
    return units.lanes_of(unit_of(item, WaveLanes([*item.program.lanes], item.width, together)), item.dataset)


def wave_of(plan: Plan, cells: Sequence[int], width: int, item: ProgramPlan | None = None) -> WaveInputs:
    """A wave of the given cells of a program."""
    item = item or plan.programs[0]
    return item.wave([item.program.lanes[k] for k in cells], width)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A wave at its end: the states it went through and what its rows would say."""

    begin: LoopState
    states: tuple[LoopState, ...]
    results: tuple[Result, ...]

    @property
    def end(self) -> LoopState:
        """The last state."""
        return self.states[-1]

    def state(self, lane: int) -> list[np.ndarray]:
        """Every number of the final state of a lane."""
        return [np.asarray(leaf)[lane] for leaf in jax.tree.leaves(self.end.state)]


def train(lanes: Lanes, wave: WaveInputs) -> Trained:
    """Trains a wave from its start."""
    loop = Loop(lanes, wave)
    begin = loop.start()
    states = tuple(kept(state) for state in loop.run(begin))
    return Trained(begin, states, tuple(loop.results(states[-1])))


def kept(state: LoopState) -> LoopState:
    """A state on the host: the next step takes the device's buffers over."""
    return state._replace(state=jax.device_get(state.state))


def train_all(plan: Plan, width: int, strategy: str = "scan", devices: int | None = None) -> dict[str, Result]:
    """Every cell of a study of one program, in waves of a width; by cell name."""
    (item,) = plan.programs
    lanes, count, found = lanes_of(plan, strategy, devices=devices), len(item.program.lanes), {}
    for start in range(0, count, width):
        cells = range(start, min(start + width, count))
        names = [item.program.lanes[k].cell.name for k in cells]
        found |= zip(names, train(lanes, wave_of(plan, cells, width)).results, strict=True)
    return found


def identical(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> bool:
    """Whether all numbers agree to the bit."""
    return all(
        np.array_equal(a, b, equal_nan=np.issubdtype(a.dtype, np.floating)) for a, b in zip(first, second, strict=True)
    )


@contextlib.contextmanager
def compiled_functions() -> Iterator[list[str]]:
    """Names of what XLA compiles meanwhile, as JAX's own monitoring tells them: jit(advance), jit(close), ..."""
    names: list[str] = []

    def note(event: str, seconds: float, **details: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            names.append(str(details.get("fun_name")))

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield names
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


def spike(path: str, clock: Clock, at: Scalar) -> Float[Array, ""]:
    """A layer-wise factor that is infinite at one single step."""
    return jnp.where(jnp.equal(clock.step, jnp.asarray(at).astype(jnp.int32)), jnp.inf, 1.0)


def stop_after(clock: Clock, evaluations: Scalar) -> Decision:
    """Goes on until so many evaluations have been made."""
    return Decision(jnp.sum(jnp.isfinite(clock.seen())).astype(jnp.float32) < evaluations)
