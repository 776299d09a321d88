"""A study again from what study.json says of it, without its config file: the config resolved."""

import contextlib
import os
from collections.abc import Iterator

from ablate.report.rows import Rows
from ablate.study.cells import restored
from ablate.study.loading import look_in
from ablate.study.problems import ConfigError
from ablate.study.resolving import Spec, resolve


@contextlib.contextmanager
def resolved_again(rows: Rows) -> Iterator[Spec]:
    """The resolved config of a study; problems that the block meets say too where files and modules are looked for.

    Raises:
        ConfigError: what the config names is not there any more, or has other arguments now.
    """
    look_in(rows.study.get("folder") or ".")
    try:
        yield resolve(restored(rows.study["config"]))
    except ConfigError as error:
        where = f"files and modules of the study are looked for from {os.getcwd()}; call this where it was run"
        raise ConfigError([*error.problems, where]) from error
