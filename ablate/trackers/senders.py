"""Runs to trackers: a function for each. Servers and keys are what their libraries take from the environment.

Sending a study again changes nothing but what has changed: runs have the names of cells, and no point of a curve is
there twice.
"""

import re
from collections.abc import Iterable
from typing import Any

from ablate.report.formats.csv_files import delimited
from ablate.report.wording import shortened
from ablate.trackers.runs import TrackedRun

LONGEST_TAG, LONGEST_GROUP = 64, 128  # of Weights & Biases, which refuses longer ones
MOST_METRICS, MOST_PARAMS, LONGEST_PARAM = 1000, 100, 6000  # of MLflow, in one call
CELL, CONTENT = "ablate.cell", "ablate.content"  # tags by which runs are found again


def send_to_wandb(project: str, runs: Iterable[TrackedRun]) -> str:
    """Weights & Biases; a run of the same id is continued, which leaves out steps that it has.

    With `WANDB_MODE=offline` every call writes folders for `wandb sync`, which joins those of one id.
    """
    import wandb  # pyright: ignore[reportMissingImports]

    where = ""
    for tracked in runs:
        run = wandb.init(
            project=project,
            id=tracked.id,
            name=tracked.id,
            group=shortened(tracked.group, LONGEST_GROUP),
            job_type="cell" if tracked.group != "verdicts" else "verdicts",
            tags=[shortened(tag, LONGEST_TAG) for tag in tracked.tags],
            resume="allow",
        )
        run.config.update(dict(tracked.config), allow_val_change=True)
        for step, values in tracked.history:
            if step >= run.step:
                run.log(dict(values), step=step)
        run.summary.update(dict(tracked.summary))
        if tracked.columns:
            rows = [[None if value is None else str(value) for value in row] for row in tracked.table]
            run.summary["table"] = wandb.Table(columns=list(tracked.columns), data=rows)
        where = run.project_url or f"{run.settings.wandb_dir}, offline; wandb sync sends it"
        run.finish(exit_code=int(tracked.failed))
    return where


def send_to_mlflow(project: str, runs: Iterable[TrackedRun]) -> str:
    """MLflow; a run whose content has not changed since it was sent stays, another one takes its place."""
    from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]

    client = MlflowClient()
    known = client.get_experiment_by_name(project)
    experiment = known.experiment_id if known else client.create_experiment(project)
    for tracked in runs:
        earlier = client.search_runs([experiment], f"tags.`{CELL}` = '{tracked.id}'")
        if any(run.data.tags.get(CONTENT) == tracked.digest for run in earlier):
            continue
        for run in earlier:
            client.delete_run(run.info.run_id)
        _send_run_to_mlflow(client, experiment, tracked)
    return f"{client.tracking_uri}"


def _send_run_to_mlflow(client: Any, experiment: str, tracked: TrackedRun) -> None:
    """The tag of its content comes last, so that a run that was sent in part is sent again."""
    from mlflow.entities import Metric, Param  # pyright: ignore[reportMissingImports]

    words = {"arm": tracked.group, **{f"tag.{k}": tag for k, tag in enumerate(tracked.tags)}}
    run = client.create_run(experiment, run_name=tracked.id, tags={CELL: tracked.id, **words}).info
    last = tracked.history[-1][0] if tracked.history else 0
    points = [(step, name, value) for step, values in tracked.history for name, value in values.items()]
    points += [(last, name, value) for name, value in tracked.summary.items() if (last, name, value) not in points]
    metrics = [Metric(mlflow_key(name), value, run.start_time, step) for step, name, value in points]
    params = [Param(mlflow_key(name), str(value)[:LONGEST_PARAM]) for name, value in tracked.config.items()]
    for k in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run.run_id, metrics=metrics[k : k + MOST_METRICS])
    for k in range(0, len(params), MOST_PARAMS):
        client.log_batch(run.run_id, params=params[k : k + MOST_PARAMS])
    if tracked.columns:
        rows = [dict(zip(tracked.columns, row, strict=True)) for row in tracked.table]
        client.log_text(run.run_id, delimited(tracked.columns, rows), "verdicts.csv")
    client.set_tag(run.run_id, CONTENT, tracked.digest)
    client.set_terminated(run.run_id, status="FAILED" if tracked.failed else "FINISHED")


def mlflow_key(name: str) -> str:
    """A name of the letters that MLflow takes.

    >>> mlflow_key("norm=batch/delta")
    'norm-batch/delta'
    """
    return re.sub(r"[^\w\-./ ]", "-", name)[:250]


def send_to_trackio(project: str, runs: Iterable[TrackedRun]) -> str:
    """Trackio; on this machine a run of the same name is replaced, on a server it gets a second set of points."""
    import trackio  # pyright: ignore[reportMissingImports]

    for tracked in runs:
        for run in _earlier_of_trackio(project, tracked.id):
            run.delete()
        quiet: dict[str, Any] = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
        config = {**tracked.config, **{f"tag.{k}": tag for k, tag in enumerate(tracked.tags)}}
        run = trackio.init(project, name=tracked.id, group=tracked.group, config=config, resume="allow", **quiet)
        last = tracked.history[-1][0] if tracked.history else 0
        for step, values in tracked.history[:-1]:
            run.log(dict(values), step=step)
        final = dict(tracked.history[-1][1]) if tracked.history else {}
        run.log({**final, **tracked.summary}, step=last)
        trackio.finish()
    return str(trackio.TRACKIO_DIR)


def _earlier_of_trackio(project: str, name: str) -> list[Any]:
    """Runs of a name that are on this machine."""
    import trackio  # pyright: ignore[reportMissingImports]

    try:
        return [run for run in trackio.Api().runs(project) if run.name == name]
    except ValueError:  # there is no such project yet
        return []


def project_of(name: str) -> str:
    """A project's name of the letters that every tracker takes.

    >>> project_of("digits: confirmation")
    'digits-confirmation'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:100] or "study"
