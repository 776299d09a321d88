"""Small whole numbers, one per example, as text in a row: as many bits each as the largest needs, in base64."""

import base64

import numpy as np


def bits_for(count: int) -> int:
    """Bits of each number from 0 to count - 1, at least 1.

    >>> [bits_for(count) for count in (1, 2, 10, 256, 1000)]
    [1, 1, 4, 8, 10]
    """
    return max(1, (count - 1).bit_length())


def packed(values: np.ndarray, bits: int = 1) -> str:
    """An array of numbers from 0 to 2^bits - 1 as text, the most significant bit of each first.

    >>> packed(np.array([1, 0, 1])), packed(np.array([3, 9, 0]), bits=4)
    ('oA==', 'OQA=')
    """
    spread = (np.asarray(values, np.int64)[:, None] >> np.arange(bits - 1, -1, -1)) & 1
    return base64.b64encode(np.packbits(spread.astype(np.uint8)).tobytes()).decode("ascii")


def unpacked(text: str | None, examples: int, bits: int = 1) -> np.ndarray | None:
    """The array that `packed` wrote; None where the text holds another number of them, or is damaged.

    >>> unpacked("OQA=", 3, bits=4).tolist(), unpacked("OQA=", 8, bits=4), unpacked("?", 3)
    ([3, 9, 0], None, None)
    """
    try:
        content = np.frombuffer(base64.b64decode(text or "", validate=True), np.uint8)
    except ValueError:
        return None
    if not examples or content.size != -(-examples * bits // 8):
        return None
    spread = np.unpackbits(content)[: examples * bits].reshape(examples, bits)
    return spread.astype(np.int64) @ (1 << np.arange(bits - 1, -1, -1))
