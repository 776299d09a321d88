"""Images as pixels that a page or a figure can show."""

import numpy as np


def in_bytes(images: np.ndarray, low: float, high: float, edge: int = 48) -> np.ndarray:
    """Images as bytes with one channel or three, and at most `edge` pixels or so along an edge.

    Args:
        images: numbers [examples, height, width, channels].
        low: what becomes black.
        high: what becomes white.
        edge: pixels; larger images are thinned.
    """
    step = -(-max(images.shape[1:3]) // edge)
    kept = images[:, ::step, ::step, : 3 if images.shape[-1] >= 3 else 1]
    return np.rint(255 * np.clip((kept - low) / ((high - low) or 1.0), 0, 1)).astype(np.uint8)
