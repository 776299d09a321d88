"""From the flags of a command to a plan: config, devices, flags; and what is said on the way."""

import argparse
import dataclasses
import functools
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ablate.runner.interrupts import Stop


def planned_of(options: argparse.Namespace, stop: Stop) -> Any:
    """Everything before the first compile: config, devices, plan; of all conditions, where there are several."""
    return plans_of(spec_of(options, stop), options, stop)


def plans_of(spec: Any, options: argparse.Namespace, stop: Stop, place: Any = None) -> Any:
    """The plan of a config, or those of its conditions, for a place, or for the devices of this process."""
    if not spec.across:
        return plan_of(spec, options, stop, place)
    from ablate.runner.across import plan_across

    prepare = functools.partial(staged_spec, options=options)
    how = {"strategy": getattr(options, "strategy", None), "place": place, "between": stop.check}
    planned = plan_across(spec, **texts_of(options), prepare=prepare, **how)
    warn(dict.fromkeys(words for plan_ in planned.plans for words in plan_.warnings))
    return planned


def plan_of(spec: Any, options: argparse.Namespace, stop: Stop, place: Any = None) -> Any:
    from ablate.runner.plan import make_plan

    stop.check()
    spec = staged_spec(spec, options)
    strategy = getattr(options, "strategy", None)
    planned = make_plan(spec, **texts_of(options), strategy=strategy, place=place, between=stop.check)
    warn(planned.warnings)
    return planned


def every_plan(planned: Any) -> tuple[Any, ...]:
    """The plan, or those of all conditions."""
    from ablate.runner.across import AcrossPlan

    return planned.plans if isinstance(planned, AcrossPlan) else (planned,)


def every_folder(planned: Any, directory: Path) -> list[Path]:
    """Where each plan would run."""
    from ablate.runner.across import AcrossPlan

    return planned.folders(directory) if isinstance(planned, AcrossPlan) else [directory]


def staged_spec(spec: Any, options: argparse.Namespace) -> Any:
    """The config as the flags change it: that of the first stage with `--until-decided`."""
    if not getattr(options, "until_decided", False):
        return spec
    from ablate.runner.stages import staged  # it reads reports, whose statistics take a second to import

    return staged(spec, options.max_seeds)


def alone(spec: Any) -> Any:
    """The config's own model, data and numbers, for commands about one study."""
    if spec.across:
        warn(["across: left out; this is about the config's own choices"])
    return dataclasses.replace(spec, across={})


def texts_of(options: argparse.Namespace) -> dict[str, Any]:
    """What a plan says of the config that it comes from, and of the command that asked for it."""
    from ablate.study.loading import folder_of, question_of

    return {
        "name": name_of(options),
        "question": question_of(options.config),
        "command": options.command_line,
        "folder": folder_of(options.config),
    }


def name_of(options: argparse.Namespace) -> str:
    """Of the study: that of its file, without what stands behind a colon."""
    return Path(options.config if os.path.exists(options.config) else options.config.split(":")[0]).stem


def spec_of(options: argparse.Namespace, stop: Stop) -> Any:
    """The config that was named, checked; a fresh one where none was."""
    prepare_backend(stop)
    from ablate.study.config import base_config
    from ablate.study.loading import load_config
    from ablate.study.resolving import resolve

    return resolve(base_config() if options.config is None else load_config(options.config, options.overrides))


def prepare_backend(stop: Stop) -> None:
    """Sets JAX up before a config or a task, which are code, can use it."""
    from ablate.runner.backend import prepare_jax

    told = prepare_jax()
    if told:
        say(told)
    stop.check()


def warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        say(f"warning: {warning}")


def say(words: str) -> None:
    print(f"ablate: {words}", file=sys.stderr)
