"""Commands that look before anything is trained: `new`, `plan`, `check`, `probe`, `tricks`, `slurm`."""

import argparse
import json
from importlib import metadata
from pathlib import Path
from typing import Any

from ablate.cli.planning import alone, every_folder, every_plan, name_of, plan_of, planned_of, plans_of, spec_of
from ablate.cli.printing import (
    console,
    print_parameters,
    print_plan,
    print_sum,
    wide_table,
)
from ablate.report.wording import plural
from ablate.runner.interrupts import Stop


def new(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate new`: a commented experiment."""
    del stop  # it ends sooner than it could be asked
    from ablate.cli.new import write_experiment

    print(write_experiment(options.file))
    return 0


def plan(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate plan`: prints the plan, of every condition where there are several; trains nothing."""
    from ablate.cli.engines import check_cluster, cluster_of

    check_cluster(options)
    spec = spec_of(options, stop)
    cluster = cluster_of(options)
    planned = plans_of(spec, options, stop, cluster.place if cluster else None)
    plans, contents = every_plan(planned), []
    directory = options.workdir or Path("results") / name_of(options)
    for plan_, folder in zip(plans, every_folder(planned, directory), strict=True):
        reuse = _stored(plan_, folder)
        contents.append(_content(plan_, folder, reuse, cluster, stop))
        if not options.json:
            _print_plan(plan_, contents[-1], reuse, folder)
        if options.params and not options.json:
            print_parameters(plan_)
    if options.json:
        print(json.dumps(contents[0] if len(plans) == 1 else {"conditions": contents}, indent=1, ensure_ascii=False))
    elif len(plans) > 1:
        print_sum(contents)
    return 0


def _stored(plan_: Any, directory: Path) -> Any:
    """What a run would use again; None where that shows only when numbers are tuned."""
    from ablate.results.store import Store
    from ablate.runner.reuse import reuse_of

    if plan_.spec.tune.grid:
        return None
    weights = plan_.spec.train.keep_weights
    return reuse_of(plan_.cells, Store(directory), retry_failed=False, keep_weights=weights, set_aside=False)


def _content(plan_: Any, directory: Path, reuse: Any, cluster: Any, stop: Stop) -> dict[str, Any]:
    """A plan as one JSON object."""
    from ablate.runner.estimate import estimate
    from ablate.runner.simulation import simulation
    from ablate.runner.study_file import study_json
    from ablate.runner.wave_times import rows_of_time, wave_times
    from ablate.study.tuning import tuning_cells

    kept = reuse.kept if reuse else {}
    counts = {"stored": len(reuse.kept), "failed": reuse.failed, "to_train": reuse.missing} if reuse else None
    content = {
        **study_json(plan_),
        "tuning_cells": tuning_cells(plan_.spec, plan_.arms),
        "reuse": counts and {"directory": str(directory), **counts},
        "estimate": estimate(plan_, stop.check, kept),
    }
    if cluster:
        waves = wave_times(plan_, kept, rows_of_time(directory, cluster.platform), stop.check)
        content["simulation"] = simulation([*waves], cluster)
    return content


def _print_plan(plan_: Any, content: dict[str, Any], reuse: Any, directory: Path) -> None:
    from ablate.cli.stored import stored_lines

    lines = [*stored_lines(reuse)] if reuse else []
    print_plan(
        content, plural(plan_.place.devices, f"{plan_.place.platform} device"), [f"{directory}: {x}" for x in lines]
    )


def check(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate check`: 0 if every program and the installed JAX pass, else 1."""
    plans = every_plan(planned_of(options, stop))
    from ablate.runner.backend import error_of_products
    from ablate.runner.check import check_plan, columns

    passes = []
    for plan_ in plans:
        checks = check_plan(plan_, stop.check)
        table = wide_table(*columns(checks[0]))
        for item in checks:
            table.add_row(*item.cells())
        if len(plans) > 1:
            print(plan_.name)
        console().print(table)
        passes += [item.passes for item in checks]
    error = error_of_products()
    versions = " ".join(f"{name} {metadata.version(name)}" for name in ("jax", "jaxlib"))
    right = "right" if error == 0 else f"WRONG, by a factor of up to {1 + error:.3g}: install another release of jaxlib"
    platform = next(plan_.place.platform for plan_ in plans)
    print(f"{versions} on {platform}: sums of vmapped products come out {right}")
    return int(error != 0 or not all(passes))


def probe(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate probe`: mean and sd of activations and gradients by layer, as table and figure."""
    from ablate.runner.probe import probe_plan, write_probe

    plan_ = plan_of(alone(spec_of(options, stop)), options, stop)
    layers = probe_plan(plan_, stop.check)
    table = wide_table("arm", "layer", "activation mean", "activation sd", "gradient mean", "gradient sd")
    for layer in layers:
        table.add_row(*layer.cells())
    console().print(table)
    directory = options.workdir or Path("results") / plan_.name
    for path in write_probe(directory, layers):
        print(path)
    return 0


def tricks(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate tricks`: the catalogue, generated from the tables; with `--measure`, what its choices cost."""
    if options.measure:
        return _measure(options, stop)
    from ablate.cli.catalogue import described
    from ablate.study.problems import ConfigError

    for flag in ("config", "out"):
        if getattr(options, flag) is not None:
            raise ConfigError([f"--{flag}: goes with --measure"])
    print(described(options.name or ""))
    return 0


def _measure(options: argparse.Namespace, stop: Stop) -> int:
    """A line per choice as soon as it is measured, so that an interrupt loses none."""
    spec = alone(spec_of(options, stop))  # sets JAX up, before anything imports it
    from ablate.cli import costs
    from ablate.cli.catalogue import measurable
    from ablate.runner.ratios import Baseline

    choices = measurable(spec, options.name or "")
    known = costs.read(options.out) if options.out else {}
    baseline = Baseline(spec, stop.check)
    print(f"{baseline.told()}\n\n{costs.HEADER}")
    for place, ratio in zip(choices, baseline.ratios(choices.values()), strict=True):
        print(costs.line(place, ratio), flush=True)
        if options.out:
            known[place] = ratio
            costs.write(options.out, known)
    return 0


def slurm(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate slurm`: a batch script that runs a study; submits nothing."""
    from ablate.cli.slurm import write_job

    print(write_job(options, stop), end="")
    return 0
