"""Curves and hyperparameters of every cell for TensorBoard; needs `pip install 'ablate-jax[tensorboard]'`.

`clu.metric_writers` takes many seconds to import, so nothing imports this module unless it is asked for.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablate.report.recipes import flat
from ablate.report.rows import Rows
from ablate.study.problems import ConfigError


def check_installed() -> None:
    """Asked before a run begins, so that nothing is noticed only after it.

    Raises:
        ConfigError: TensorBoard's packages are not installed.
    """
    missing = [name for name in ("tensorflow", "tensorboard") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError([f"--tensorboard: {' and '.join(missing)} missing; pip install 'ablate-jax[tensorboard]'"])


def write_tensorboard(rows: Rows, directory: Path) -> None:
    """Writes one TensorBoard run per cell into `directory`.

    Args:
        rows: the study; cells without curves are left out.
        directory: gets a folder per cell.

    """
    from clu import metric_writers

    recipes = {arm["name"]: arm["recipe"] for arm in rows.study["arms"]}
    for row in rows:
        if row["curves"]:
            writer = metric_writers.SummaryWriter(str(directory / row["cell"]))
            _write_cell(writer, row, hyperparameters(recipes[row["arm"]], row))
            writer.close()


def _write_cell(writer: Any, row: Mapping[str, Any], hparams: dict[str, Any]) -> None:
    writer.write_hparams(hparams)
    for k, step in enumerate(row["curves"]["step"]):
        values = {name: curve[k] for name, curve in row["curves"].items() if name != "step"}
        writer.write_scalars(step, {name: value for name, value in values.items() if value is not None})
    steps = row["costs"]["steps"]
    writer.write_scalars(steps, {name: v for name, v in row["metrics"].items() if v is not None})
    writer.flush()


def hyperparameters(recipe: dict[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe as the flat names and plain values that TensorBoard compares.

    >>> hyperparameters({"norm": {"name": "group", "groups": 4}}, {"arm": "a", "seed": 0})
    {'arm': 'a', 'seed': 0, 'norm': 'group', 'norm.groups': 4}
    """
    choices = {
        name: value if isinstance(value, int | float | str | bool) else str(value)
        for name, value in flat(recipe).items()
    }
    return {"arm": row["arm"], "seed": row["seed"], **choices}
