"""An augmentation by import path that changes nothing and notes what it is given."""

import jax

SEEN: list[tuple] = []  # images and targets of every call that is run


def record(key, images, targets):
    """Images and targets as they are."""
    jax.debug.callback(lambda *arrays: SEEN.append(arrays), images, targets)
    return images, targets
