"""What a plan is made for: a kind of device and how many of them a wave has.

A plan knows no devices, so that a machine without accelerators can plan for workers that have them, and so that a wave
can be sent to whoever trains it: there, `found` gives the devices.
"""

from typing import NamedTuple

import jax

from ablate.runner.backend import wrong_numbers
from ablate.study.problems import ConfigError, first_line
from ablate.train.lanes import Device


class Place(NamedTuple):
    """`devices` of one kind: what a wave trains on.

    Args:
        platform: cpu, gpu or tpu.
        kind: as JAX calls it, such as "NVIDIA A100-SXM4-80GB".
        devices: how many a wave has.
    """

    platform: str
    kind: str
    devices: int

    def found(self) -> tuple[Device, ...]:
        """So many of the devices of this process."""
        return tuple(jax.devices()[: self.devices])


def place_here() -> Place:
    """All devices of this process.

    Raises:
        ConfigError: JAX finds none, or computes wrong numbers on them.
    """
    try:
        devices = jax.devices()
    except RuntimeError as error:
        raise ConfigError([f"JAX found no devices to run on: {first_line(error)}"]) from error
    wrong = wrong_numbers() if devices[0].platform == "cpu" else None
    if wrong:
        raise ConfigError([wrong])
    return Place(devices[0].platform, devices[0].device_kind, len(devices))
