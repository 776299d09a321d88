"""Axis `augment`: random changes of a training batch; here flips, crops and zooms, and the table of all of them.

They run inside the step, in front of the axis `scale`, on float32 images in [0, 1] (images that are floats already
keep units of their own). Each example draws from a key of its own, so its draw does not hang on the batch around it.
"""

import math
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer, Key

from ablate.tricks.augment_color import color_jitter, jpeg
from ablate.tricks.augment_mix import cutmix, cutout, mixup
from ablate.tricks.axis import Axis, Choice, Counts, Range
from ablate.tricks.draws import Image, Images, Pictures, Targets, example_keys, expect_images, keys_at

__all__ = ["Visit", "alternating_flip", "flip", "multi_scale", "no_augment", "random_crop", "resized_crop"]

Pair = Float[Array, "2"]  # along height and width
ATTEMPTS = 10  # windows drawn before the fallback, as in torchvision


class Visit(NamedTuple):
    """When an example is seen, for a choice that asks for the parameter `visit`.

    Args:
        index: position of each example in the data, [batch].
        epoch: passes over the training data so far; whole ones count.
        key: a key of the seed that is the same at every step.
    """

    index: Integer[Array, " batch"]
    epoch: Float[Array, ""] | Integer[Array, ""]
    key: Key[Array, ""]


def no_augment(key: Key[Array, ""], images: Array, targets: Array) -> tuple[Array, Array]:
    """The batch as it is."""
    return images, targets


def flip(key: Key[Array, ""], images: Pictures, targets: Targets) -> tuple[Pictures, Targets]:
    """Mirrors each image left to right with probability 1/2.

        f(x)[i, j] = x[i, w-1-j]  where  b = 1,    b ~ Bernoulli(1/2) per example

    Args:
        key: a JAX key; the same key gives the same flips.
        images: [batch, height, width, channels], any number type.
        targets: distributions over the classes, or values, [batch, outputs].

    Returns:
        Images of the same shape and type, and the targets as they are.

    Example:
        >>> images = jnp.arange(8.0).reshape(4, 1, 2, 1)
        >>> flip(jax.random.key(0), images, jnp.eye(4))[0].shape
        (4, 1, 2, 1)

    References:
        Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural Networks. 2012.
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks
    """
    expect_images("flip", images)
    return _mirror(images, jax.vmap(jax.random.bernoulli)(example_keys(key, len(images)))), targets


def alternating_flip(key: Key[Array, ""], images: Pictures, targets: Targets, visit: Visit) -> tuple[Pictures, Targets]:
    """Mirrors half of the examples left to right in the first epoch, and from then on the other half in turn.

        f(x)[i, j] = x[i, w-1-j]  where  b + epoch is odd,    b ~ Bernoulli(1/2) by a hash of the example's index

    Any two epochs in a row show every example once each way, where `flip` repeats itself for half of them.

    Args:
        key: not read: nothing is drawn at a step.
        images: [batch, height, width, channels], any number type.
        targets: distributions over the classes, or values, [batch, outputs].
        visit: which examples these are, in which epoch, and the seed's key that the hash begins with.

    Returns:
        Images of the same shape and type, and the targets as they are.

    Example:
        >>> images = jnp.arange(8.0).reshape(4, 1, 2, 1)
        >>> first, second = (Visit(jnp.arange(4), jnp.float32(epoch), jax.random.key(0)) for epoch in (0, 1))
        >>> seen = [alternating_flip(jax.random.key(0), images, jnp.eye(4), visit)[0] for visit in (first, second)]
        >>> bool((seen[0] == seen[1][:, :, ::-1]).all())
        True

    References:
        Jordan. 94% on CIFAR-10 in 3.29 Seconds on a Single GPU. 2024. https://arxiv.org/abs/2404.00498
    """
    expect_images("alternating_flip", images)
    odd_epoch = jnp.floor(visit.epoch).astype(jnp.int32) % 2 == 1
    return _mirror(images, jax.vmap(jax.random.bernoulli)(keys_at(visit.key, visit.index)) ^ odd_epoch), targets


def _mirror(images: Pictures, mirrored: Bool[Array, " batch"]) -> Pictures:
    return jnp.where(mirrored[:, None, None, None], images[:, :, ::-1, :], images)


def random_crop(
    key: Key[Array, ""], images: Pictures, targets: Targets, padding: Annotated[int, Range(0)] = 4
) -> tuple[Pictures, Targets]:
    """Pads each image with zeros and cuts a window of the old size at a random place.

        f(x) = pad(x, P)[i:i+h, j:j+w],    i, j ~ U{0, ..., 2P} per example

    Scaling comes afterwards, so the border is black (0), not the mean colour.

    Args:
        key: a JAX key; the same key gives the same windows.
        images: [batch, height, width, channels], any number type.
        targets: distributions over the classes, or values, [batch, outputs].
        padding: rows and columns of zeros P on each side, in pixels, at least 0; at 0 nothing changes.

    Returns:
        Images of the same shape and type, and the targets as they are.

    Raises:
        ValueError: for a negative padding.

    Example:
        >>> images = jnp.ones((4, 8, 8, 3))
        >>> random_crop(jax.random.key(0), images, jnp.eye(4), padding=2)[0].shape
        (4, 8, 8, 3)

    References:
        He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. 2015. https://arxiv.org/abs/1512.03385
    """
    if padding < 0:
        raise ValueError(f"padding={padding} must be at least 0")

    expect_images("random_crop", images)

    def crop(key: Key[Array, ""], padded: Array) -> Array:
        corner = jax.random.randint(key, (2,), 0, 2 * padding + 1)
        return jax.lax.dynamic_slice(padded, (corner[0], corner[1], 0), images.shape[1:])

    padded = jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    return jax.vmap(crop)(example_keys(key, len(images)), padded), targets


def resized_crop(
    key: Key[Array, ""],
    images: Images,
    targets: Targets,
    scale: Annotated[tuple[float | int, ...], Range(0, 1, above=True)] = (0.08, 1.0),
    ratio: Annotated[tuple[float | int, ...], Range(0, above=True)] = (3 / 4, 4 / 3),
) -> tuple[Images, Targets]:
    """Cuts a window of random area, shape and place from each image and resamples it to the old size.

        A = h w U(scale),    r = exp U(log ratio),    window  sqrt(A / r) x sqrt(A r)  at a uniform place in the image
        f(x)[i, j] = x interpolated linearly in rows and columns at the middle of cell (i, j) of the window's h x w grid

    The first of 10 draws of (A, r) that fits into the image counts; if none does, the largest window of a shape in
    `ratio` in the middle of the image. These are torchvision's rules, but the edges of a window are real numbers where
    torchvision rounds them to pixels, and pixels next to a window have a part in its border where torchvision repeats
    those inside.

    Args:
        key: a JAX key; the same key gives the same windows.
        images: float32 images, [batch, height, width, channels].
        targets: distributions over the classes, or values, [batch, outputs].
        scale: least and largest share of the image's area, each above 0, up to 1.
        ratio: least and largest width per height of a window, each above 0.

    Returns:
        Images of the same shape, and the targets as they are.

    Raises:
        ValueError: where scale or ratio is not a pair in ascending order.

    Example:
        >>> images = jnp.ones((4, 8, 8, 3))
        >>> resized_crop(jax.random.key(0), images, jnp.eye(4), scale=(0.5, 1.0))[0].shape
        (4, 8, 8, 3)

    References:
        Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich. Going Deeper with Convolutions.
        2014. https://arxiv.org/abs/1409.4842
    """
    for name, bounds in (("scale", scale), ("ratio", ratio)):
        if len(bounds) != 2 or bounds[0] > bounds[1]:
            raise ValueError(f"{name}={bounds} must be a pair in ascending order")
    expect_images("resized_crop", images)
    size = jnp.array(images.shape[1:3], jnp.float32)

    def crop(key: Key[Array, ""], image: Image) -> Image:
        corner, edges = _window(key, size, scale, ratio)
        zoom = size / edges
        # A window never shrinks, so there is nothing to antialias.
        return jax.image.scale_and_translate(
            image, image.shape, (0, 1), zoom, -corner * zoom, "linear", antialias=False
        )

    return jax.vmap(crop)(example_keys(key, len(images)), images), targets


def _window(
    key: Key[Array, ""], size: Pair, scale: tuple[float | int, ...], ratio: tuple[float | int, ...]
) -> tuple[Pair, Pair]:
    """Corner and edges of a window that lies in an image of this size, in pixels."""
    area_key, shape_key, place_key = jax.random.split(key, 3)
    shares = jax.random.uniform(area_key, (ATTEMPTS,), minval=scale[0], maxval=scale[1])
    logs = jax.random.uniform(shape_key, (ATTEMPTS,), minval=math.log(ratio[0]), maxval=math.log(ratio[1]))
    areas, shapes = shares * size[0] * size[1], jnp.exp(logs)
    drawn = jnp.stack([jnp.sqrt(areas / shapes), jnp.sqrt(areas * shapes)], axis=1)
    fits = jnp.all(drawn <= size[None, :], axis=1)
    shape = jnp.clip(size[1] / size[0], ratio[0], ratio[1])
    largest = jnp.minimum(size, jnp.stack([size[1] / shape, size[0] * shape]))
    edges = jnp.where(jnp.any(fits), drawn[jnp.argmax(fits)], largest)
    place = jnp.where(jnp.any(fits), jax.random.uniform(place_key, (2,)), 0.5)
    return place * (size - edges), edges


def multi_scale(key: Key[Array, ""], images: Images, targets: Targets, sizes: Counts) -> tuple[Images, Targets]:
    """Zooms each image by one of several factors and keeps the size of the batch, so objects come large and small.

        s ~ U{sizes} per example,    z = s / min(h, w)
        f(x) = the middle h x w of x resampled to round(h z) x round(w z), black (0) where there is nothing of it

    Networks that take any input train on one size per batch instead; here a program has one shape, and a batch many
    scales. Resampling is linear, antialiased where the image shrinks. `random_crop` behind it moves the place.

    Args:
        key: a JAX key; the same key gives the same zooms.
        images: float32 images, [batch, height, width, channels].
        targets: distributions over the classes, or values, [batch, outputs].
        sizes: lengths of the shorter edge to choose from, in pixels, each at least 1; at the image's own it stays.

    Returns:
        Images of the same shape, and the targets as they are.

    Raises:
        ValueError: where there is no size to choose from.

    Example:
        >>> images = jnp.ones((1, 4, 4, 1))
        >>> shown, _ = multi_scale(jax.random.key(0), images, jnp.eye(1), sizes=(2,))
        >>> shown[0, :, :, 0].sum(axis=1).round(4).tolist()
        [0.0, 2.0, 2.0, 0.0]

    References:
        Simonyan, Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. 2014.
        https://arxiv.org/abs/1409.1556
    """
    if not sizes:
        raise ValueError("sizes is empty: name at least one")
    expect_images("multi_scale", images)
    old = images.shape[1:3]
    new = [[max(1, round(edge * size / min(old))) for edge in old] for size in sizes]
    zooms = jnp.array([[n / edge for n, edge in zip(pair, old, strict=True)] for pair in new])
    corners = jnp.array([[float((edge - n) // 2) for n, edge in zip(pair, old, strict=True)] for pair in new])

    def zoom(key: Key[Array, ""], image: Image) -> Image:
        k = jax.random.randint(key, (), 0, len(sizes))
        return jax.image.scale_and_translate(image, image.shape, (0, 1), zooms[k], corners[k], "linear")

    return jax.vmap(zoom)(example_keys(key, len(images)), images), targets


AXIS = Axis(
    name="augment",
    seam="(key, images, targets) -> (images, targets)",
    data=("key", "images", "targets"),
    supplied=("visit",),
    identity="none",
    composes=True,
    choices={
        "none": Choice(no_augment),
        "flip": Choice(flip),
        "alternating_flip": Choice(alternating_flip),
        "random_crop": Choice(random_crop),
        "resized_crop": Choice(resized_crop),
        "multi_scale": Choice(multi_scale, example={"sizes": (5, 6, 8)}),
        "color_jitter": Choice(color_jitter, off={"brightness": 0.0, "contrast": 0.0, "saturation": 0.0}),
        "jpeg": Choice(jpeg),
        "mixup": Choice(mixup, off={"alpha": 0.0}, of_loss=True),
        "cutmix": Choice(cutmix, off={"alpha": 0.0}, of_loss=True),
        "cutout": Choice(cutout, off={"size": 0.0}),
    },
)
