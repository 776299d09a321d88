"""Pictures as arrays of bytes: read from a file of any usual format, resized."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

GREY = ("1", "L", "LA", "La")  # Pillow's modes of one byte per pixel, beside those of 16 bits, which begin with I


def read_image(path: Path, size: int = 0) -> UInt8[np.ndarray, "height width channels"]:
    """A picture, the right way up: turned as its EXIF orientation says; of an animation the first frame.

    Args:
        path: a file that Pillow reads. Transparency is left out; of 16-bit grey the upper byte is taken.
        size: edge length in pixels that it is resized to, whatever its proportions; 0 keeps its size.

    Returns:
        One channel where the file is grey, else three.

    Raises:
        Exception: the file is no picture, is torn, or its pixels are fractions; Pillow has many reasons of its own.
    """
    from PIL import Image, ImageOps

    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file)
    if picture.mode.startswith("F"):
        raise ValueError("its pixels are fractions, whose range is not known")
    if picture.mode.startswith("I"):
        image = (np.clip(np.asarray(picture), 0, 2**16 - 1) >> 8).astype(np.uint8)
    else:
        image = np.asarray(picture.convert("L" if picture.mode in GREY else "RGB"))
    image = image.reshape(*image.shape[:2], -1)
    return resized(image, size) if size else image


def resized(image: UInt8[np.ndarray, "height width channels"], size: int) -> UInt8[np.ndarray, "size size channels"]:
    """A picture of `size` x `size` pixels, by linear interpolation over all pixels that a new one covers.

    Example:
        >>> resized(np.array([[[0], [200]]], np.uint8), 1).tolist()
        [[[100]]]
    """
    from PIL import Image

    grey = image.shape[-1] == 1
    picture = Image.fromarray(image[..., 0] if grey else image).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(picture, np.uint8).reshape(size, size, image.shape[-1])
