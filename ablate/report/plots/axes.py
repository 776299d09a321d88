"""Scales on matplotlib's axes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ablate.report.plots.scales import PERFECT, Scale
from ablate.report.wording import MINUS


def set_scale(axis: Axes, side: Axis, scale: Scale) -> None:
    """Ends, spacing and ticks of one side of a panel."""
    across = side is axis.xaxis
    functions = {"functions": (stretch, squeeze)} if scale.spacing == "by error" else {}
    kind = {"even": "linear", "logarithmic": "log", "by error": "function"}[scale.spacing]
    (axis.set_xscale if across else axis.set_yscale)(kind, **functions)
    side.set_major_locator(FixedLocator(scale.ticks))
    side.set_minor_locator(NullLocator())
    side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", MINUS)))
    (axis.set_xlim if across else axis.set_ylim)(scale.low, scale.high)


def stretch(percent: np.ndarray) -> np.ndarray:
    """`scales.by_error` for arrays."""
    return -np.log(np.maximum(PERFECT - np.asarray(percent), 1e-3))


def squeeze(place: np.ndarray) -> np.ndarray:
    """The inverse of `stretch`."""
    return PERFECT - np.exp(-np.asarray(place))
