"""Convolutions whose gradients are ordinary convolutions: what XLA's compiler for CPU is fast at, in loops too.

It brings convolutions into the form that its kernels take only where they stand in the outermost computation
(https://github.com/jax-ml/jax/issues/12868), and the gradients that JAX derives are not in that form: inside a loop the
kernel's gradient is 15 to 60 times slower. Written out, they are in that form from the start:

    dL/dw = x * dy,  x as [C, H, W, N], dy as [H, W, N, O]     (N stands where channels do)
    dL/dx = dy * w', w' = w turned by 180 degrees with its channels swapped

dL/dw is a sum over examples. A few of them at a time stay in the cache while they are transposed and multiplied, which
is up to three times as fast as all at once; with strides, dy has as wide gaps. The pixels of dL/dx that the same
weights meet are a convolution of their own: no zero is ever multiplied. Gradients of these are those of JAX, so that
second derivatives exist. Images of one channel are weighed pixel by pixel: there is nothing to sum over but the
window, and a kernel for matrix products is six to eight times slower. Where no more than 16 channels and features meet,
XLA takes the slower of its two kernels (`IsConvolutionOpSupportedByYnn`), and vectors of 16 numbers are half empty. Two
or four pixels of a row at once, each with features of its own in a wider window, or features of zeros, which are cut
off again, let it take the other one: 1.2 to 3.7 times as fast (results/convolutions.md).
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

PLAIN = ("NHWC", "HWIO", "NHWC")
MOST_TERMS = 25  # of a sum over a window that is written out
ONE = 0x3F800000  # the bits of 1.0
NO_PADS = ((0, 0), (0, 0))
FEW = 16  # channels and features of a convolution that XLA's faster kernel does not take, and numbers in its vectors
# Of examples whose part of a kernel's gradient is computed at once: how many at most, below how many bytes they lie,
# and how many numbers their features are at least, for there to be enough for vectors.
MOST_EXAMPLES, CACHE, LEAST_NUMBERS = 32, 2**20, 128
Images = Float[Array, "batch height width channels"]
Maps = Float[Array, "batch rows columns features"]
Kernel = Float[Array, "window_rows window_columns channels features"]
Pads = tuple[tuple[int, int], tuple[int, int]]


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Any,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    precision: Any = None,
    **others: Any,
) -> Array:
    """`jax.lax.conv_general_dilated`, for CPU with gradients as ordinary convolutions wherever they can be.

    That is for images [batch, height, width, channels] without groups and dilation; all else, and all other devices,
    get JAX's own gradients.

    Args:
        lhs: images.
        rhs: the kernel.
        window_strides: of rows and columns.
        padding: "SAME", "VALID", or pairs.
        lhs_dilation: of the images.
        rhs_dilation: of the kernel.
        dimension_numbers: as JAX takes them.
        feature_group_count: of channels.
        precision: of the products.
        others: what else JAX takes.

    References:
        Dumoulin, Visin. A Guide to Convolution Arithmetic for Deep Learning. 2016. https://arxiv.org/abs/1603.07285
    """
    numbers = lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
    dilated = any(step != 1 for dilation in (lhs_dilation, rhs_dilation) for step in dilation or ())
    images = lhs.ndim == 4 and numbers == lax.conv_dimension_numbers(lhs.shape, rhs.shape, PLAIN)
    alike = lhs.dtype == rhs.dtype and precision is None and not any(others.values())
    if dilated or not images or not alike or feature_group_count != 1 or jax.default_backend() != "cpu":
        return lax.conv_general_dilated(
            lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, feature_group_count,
            precision=precision, **others,
        )  # fmt: skip
    strides = tuple(window_strides)
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], strides, padding)
    (top, bottom), (left, right) = padding
    return convolve(lhs, rhs, strides, ((top, bottom), (left, right)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolve(x: Images, kernel: Kernel, strides: tuple[int, int], pads: Pads) -> Maps:
    """The convolution of images with a kernel; its gradients are ordinary convolutions.

    Args:
        x: images.
        kernel: weights.
        strides: of rows and columns.
        pads: zeros before and behind rows and columns.

    Example:
        >>> import jax.numpy as jnp
        >>> convolve(jnp.ones((1, 3, 3, 1)), jnp.ones((2, 2, 1, 1)), (1, 1), ((0, 0), (0, 0)))[0, :, :, 0].tolist()
        [[4.0, 4.0], [4.0, 4.0]]
    """
    if x.shape[3] == 1 and 1 < kernel.shape[0] * kernel.shape[1] <= MOST_TERMS and x.dtype == jnp.float32:
        return _of_one_channel(x, kernel, strides, pads)
    return _plain(x, kernel, strides, pads)


def _plain(x: Images, kernel: Kernel, strides: tuple[int, int], pads: Pads) -> Maps:
    """A convolution as XLA is fast at it."""
    window = kernel.shape[:2]
    if strides == (1, 1):
        x, pads = _surrounded(x, window, pads)
    few = max(kernel.shape[2:]) <= FEW and window != (1, 1) and x.dtype == jnp.float32
    if few and _covers(x.shape[1:3], window, strides, pads):
        return _of_few(x, kernel, strides, pads)
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=PLAIN)


def _covers(size: tuple[int, ...], window: tuple[int, ...], strides: tuple[int, int], pads: Pads) -> bool:
    """Whether what comes out is not larger than what went in, nor is the window: larger ones XLA's kernel takes not."""
    return all(
        around + n < stride * n + side and side <= n
        for n, side, stride, around in zip(size, window, strides, map(sum, pads), strict=True)
    )


def _of_few(x: Images, kernel: Kernel, strides: tuple[int, int], pads: Pads) -> Maps:
    """With few channels: pixels of a row at once, and a kernel filled up with zeros to more features than are few."""
    (_, columns, channels, features), (down, across), no = kernel.shape, strides, (0, 0, 0)
    width = (x.shape[2] + sum(pads[1]) - columns) // across + 1
    pixels = _pixels_at_once(x, kernel, strides, pads, width)
    zero, odd, fill = jnp.zeros((), x.dtype), channels % 2, max(0, FEW + 1 - pixels * features)
    each = [(k * across, (pixels - 1 - k) * across, 0) for k in range(pixels)]  # where a pixel's own window lies
    kernel = lax.concatenate([lax.pad(kernel, zero, [no, place, no, no]) for place in each], 3)
    # An odd number of channels is four times as slow.
    kernel, x = lax.pad(kernel, zero, [no, no, (0, odd, 0), (0, fill, 0)]), lax.pad(x, zero, [no, no, no, (0, odd, 0)])
    found = lax.conv_general_dilated(x, kernel, (down, across * pixels), pads, dimension_numbers=PLAIN)
    single = found[..., : pixels * features].reshape(*found.shape[:2], width, features)
    return made_once(single) if fill else single


def _pixels_at_once(x: Images, kernel: Kernel, strides: tuple[int, int], pads: Pads, width: int) -> int:
    """How many pixels of a row of so many make the fewest products of vectors for each, zeros included."""
    (rows, columns, _, features), (down, across) = kernel.shape, strides

    def products(pixels: int) -> float:
        return -(-max(pixels * features, FEW + 1) // FEW) * (columns + (pixels - 1) * across) / pixels

    def fits(pixels: int) -> bool:
        window = rows, columns + (pixels - 1) * across
        return width % pixels == 0 and _covers(x.shape[1:3], window, (down, across * pixels), pads)

    return min(filter(fits, (1, 2, 4)), key=products)


def _surrounded(
    x: Images, window: tuple[int, ...], pads: Pads
) -> tuple[Float[Array, "batch rows columns channels"], Pads]:
    """Images and pads of a convolution that would give more pixels than it is given: with its zeros around them before.

    XLA's faster kernel takes it then; without a barrier, XLA would draw the zeros into the convolution again.
    """
    more = any(sum(pad) >= side for side, pad in zip(window, pads, strict=True))
    if not more or x.dtype != jnp.float32:
        return x, pads
    zeros = [(0, 0, 0), *((*pad, 0) for pad in pads), (0, 0, 0)]
    return lax.optimization_barrier(lax.pad(x, jnp.zeros((), x.dtype), zeros)), NO_PADS


def _of_one_channel(x: Images, kernel: Kernel, strides: tuple[int, int], pads: Pads) -> Maps:
    """For every weight of the window the pixels that it sees, weighed, and their sum."""
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    seen = [
        padded[:, i : size_i : strides[0], j : size_j : strides[1]] * kernel[i : i + 1, j : j + 1]
        for i, size_i in _windows(padded.shape[1], kernel.shape[0])
        for j, size_j in _windows(padded.shape[2], kernel.shape[1])
    ]
    return made_once(functools.reduce(jnp.add, seen))


@jax.custom_jvp
def made_once(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The same numbers; float32 is divided by a number that is 1, which XLA does not know.

    Sums and products alone XLA repeats wherever their result is read, the first layer five times in a training step,
    and rounds them by what they are fused with. A division it does once. That no absolute value has bits below 0 is
    known to LLVM, which makes the code once XLA has decided: it drops the division, and nothing is left to compute.
    """
    if x.dtype != jnp.float32:
        return x
    bits = lax.bitcast_convert_type(x, jnp.int32) & 0x7FFFFFFF
    return x / lax.bitcast_convert_type(jnp.minimum(bits, 0) + ONE, jnp.float32)


made_once.defjvp(lambda primals, tangents: (made_once(*primals), *tangents))


def _windows(size: int, window: int) -> list[tuple[int, int]]:
    """Where the pixels begin and end that each weight of a window sees along one side of an image."""
    return [(at, size - window + at + 1) for at in range(window)]


def _forward(x: Images, kernel: Kernel, strides: tuple[int, int], pads: Pads) -> tuple[Maps, tuple[Images, Kernel]]:
    x = made_once(x)  # two convolutions read it, one of them transposed
    return convolve(x, kernel, strides, pads), (x, kernel)


def _backward(strides: tuple[int, int], pads: Pads, kept: tuple[Images, Kernel], dy: Maps) -> tuple[Images, Kernel]:
    (x, kernel), dy = kept, made_once(dy)  # as above
    return _of_images(x, kernel, strides, pads, dy), _of_kernel(x, kernel, strides, pads, dy)


convolve.defvjp(_forward, _backward)


def _of_kernel(x: Images, kernel: Kernel, strides: tuple[int, int], pads: Pads, dy: Maps) -> Kernel:
    """A sum over examples, of which a few at a time stay in the cache while they are transposed and multiplied."""
    of_part = functools.partial(_of_kernel_of_few, kernel.shape, strides, pads)
    few = _examples_at_once(x, dy)
    if few == len(x):
        return of_part(x, dy)
    parts = [each.reshape(-1, few, *each.shape[1:]) for each in (x, dy)]
    return lax.scan(lambda total, part: (total + of_part(*part), None), jnp.zeros_like(kernel), parts)[0]


def _examples_at_once(x: Images, dy: Maps) -> int:
    """How many examples fill vectors and leave room in the cache: a divisor of all; all where there is none."""
    examples = len(x)
    largest = max(x.nbytes, dy.nbytes) // max(1, examples)
    fits = [n for n in range(1, MOST_EXAMPLES + 1) if examples % n == 0 and n * largest < CACHE]
    most = max(fits, default=1)
    return most if most * dy.shape[3] >= LEAST_NUMBERS else examples


def _of_kernel_of_few(
    shape: tuple[int, ...], strides: tuple[int, int], pads: Pads, x: Images, dy: Maps
) -> Float[Array, "window_rows window_columns channels features"]:
    """Images with their channels as batch, the gradient as a kernel that slides over them; of 1 x 1 a product."""
    (down, across), (_, rows, columns, features) = strides, dy.shape
    if shape[:2] == (1, 1) and pads == NO_PADS:
        seen = x[:, : down * (rows - 1) + 1 : down, : across * (columns - 1) + 1 : across]
        return (seen.reshape(-1, shape[2]).T @ dy.reshape(-1, features)).reshape(shape)
    sizes = zip(x.shape[1:3], shape[:2], (rows, columns), pads, strides, strict=True)
    around = [(pad[0], window + (n - 1) * stride - size - pad[0]) for size, window, n, pad, stride in sizes]
    images, gradient = x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3)
    found = lax.conv_general_dilated(images, gradient, (1, 1), around, rhs_dilation=strides, dimension_numbers=PLAIN)
    return found.transpose(1, 2, 0, 3)


def _of_images(x: Images, kernel: Kernel, strides: tuple[int, int], pads: Pads, dy: Maps) -> Images:
    """The gradient under the kernel turned round; of strides, every phase of the pixels by itself, and put together."""
    if max(strides) > 1:
        return _of_images_by_phase(x, kernel, strides, pads, dy)
    sizes = zip(x.shape[1:3], kernel.shape[:2], dy.shape[1:3], pads, strict=True)
    rows, columns = ((window - 1 - pad[0], size + pad[0] - n) for size, window, n, pad in sizes)
    return _plain(dy, _turned(kernel), (1, 1), (rows, columns))


def _turned(kernel: Kernel) -> Float[Array, "window_rows window_columns features channels"]:
    return kernel[::-1, ::-1].transpose(0, 1, 3, 2)


def _of_images_by_phase(x: Images, kernel: Kernel, strides: tuple[int, int], pads: Pads, dy: Maps) -> Images:
    """Pixels that the same weights of a window meet are a convolution of their own."""
    (down, across), (n, height, width, channels) = strides, x.shape
    most = [-(-(size + sum(pad)) // stride) for size, pad, stride in zip(x.shape[1:3], pads, strides, strict=True)]

    def phase(i: int, j: int) -> Array:
        """The padded rows i, i + stride, ... and columns j, ... of the gradient."""
        part = kernel[i::down, j::across]
        if not part.size:
            return jnp.zeros((n, *most, channels), dy.dtype)
        sizes = zip(part.shape[:2], most, dy.shape[1:3], strict=True)
        rows, columns = ((window - 1, m - size) for window, m, size in sizes)
        return _plain(dy, _turned(part), (1, 1), (rows, columns))

    phases = jnp.stack([jnp.stack([phase(i, j) for j in range(across)], 3) for i in range(down)], 2)
    whole = phases.reshape(n, most[0] * down, most[1] * across, channels)
    (top, _), (left, _) = pads
    return whole[:, top : top + height, left : left + width]
