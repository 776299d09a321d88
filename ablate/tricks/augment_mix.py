"""Choices of the axis `augment` that mix two examples, or take a piece out of one."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from ablate.tricks.axis import NonNegative
from ablate.tricks.draws import Images, Pictures, Targets, example_keys, expect_images

__all__ = ["cutmix", "cutout", "mixup"]

Inputs = Float[Array, "batch *sites channels"]


def mixup(key: Key[Array, ""], images: Inputs, targets: Targets, alpha: NonNegative = 0.2) -> tuple[Inputs, Targets]:
    """Blends each example with another one of the batch, inputs and targets alike.

        f(x_i, t_i) = s (x_i, t_i) + (1 - s) (x_p(i), t_p(i)),    s ~ Beta(alpha, alpha) per example

    p is one random permutation of the batch, so every example is a partner once, some of itself. The authors' own
    program draws one s for the whole batch.

    Args:
        key: a JAX key; the same key gives the same shares and partners.
        images: float32 inputs, [batch, ..., channels].
        targets: distributions over the classes, or values, [batch, outputs].
        alpha: both parameters of the Beta distribution, at least 0: small gives one of the two nearly alone, 1 any
            share alike, large halves; off at 0.

    Returns:
        Images and targets of the same shapes.

    Example:
        >>> images, targets = mixup(jax.random.key(0), jnp.eye(4)[:, None, None, :], jnp.eye(4), alpha=1.0)
        >>> bool((images[:, 0, 0] == targets).all())
        True

    References:
        Zhang, Cisse, Dauphin, Lopez-Paz. mixup: Beyond Empirical Risk Minimization. 2017.
        https://arxiv.org/abs/1710.09412
    """
    share_key, partner_key = jax.random.split(key)
    shares = _shares(share_key, len(images), alpha)
    partners = jax.random.permutation(partner_key, len(images))

    def blend(x: Array) -> Array:
        share = shares.reshape(-1, *(1,) * (x.ndim - 1))
        return jnp.where(share < 1.0, share * x + (1.0 - share) * x[partners], x)

    return blend(images), blend(targets)


def cutmix(key: Key[Array, ""], images: Images, targets: Targets, alpha: NonNegative = 1.0) -> tuple[Images, Targets]:
    """Pastes a box out of another image of the batch into each image; the target follows the areas.

        f(x_i)[box] = x_p(i)[box],    f(t_i) = (1 - a) t_i + a t_p(i),    a = the share of pixels in the box
        s ~ Beta(alpha, alpha),    box = floor(h sqrt(1 - s)) x floor(w sqrt(1 - s)) pixels round a uniform one

    A box is clipped at the border, and a is the area of what is left of it. p is one random permutation of the batch.
    The authors' own program draws one box for the whole batch.

    Args:
        key: a JAX key; the same key gives the same boxes and partners.
        images: float32 images, [batch, height, width, channels].
        targets: distributions over the classes, or values, [batch, outputs].
        alpha: both parameters of the Beta distribution, at least 0; off at 0.

    Returns:
        Images and targets of the same shapes.

    Example:
        >>> images = jnp.arange(4.0)[:, None, None, None] * jnp.ones((4, 8, 8, 1))
        >>> images, targets = cutmix(jax.random.key(0), images, jnp.arange(4.0)[:, None])
        >>> bool(jnp.allclose(images.mean(axis=(1, 2)), targets))
        True

    References:
        Yun, Han, Oh, Chun, Choe, Yoo. CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
        Features. 2019. https://arxiv.org/abs/1905.04899
    """
    expect_images("cutmix", images)
    share_key, box_key, partner_key = jax.random.split(key, 3)
    count, height, width, _ = images.shape
    edges = jnp.sqrt(1.0 - _shares(share_key, count, alpha))
    partners = jax.random.permutation(partner_key, count)

    def box(key: Key[Array, ""], edge: Float[Array, ""]) -> Bool[Array, "height width"]:
        return _box(key, (height, width), (height * edge, width * edge))

    pasted = jax.vmap(box)(example_keys(box_key, count), edges)
    area = jnp.mean(pasted, axis=(1, 2), dtype=jnp.float32)[:, None]
    mixed = jnp.where(area > 0.0, (1.0 - area) * targets + area * targets[partners], targets)
    return jnp.where(pasted[..., None], images[partners], images), mixed


def cutout(
    key: Key[Array, ""], images: Pictures, targets: Targets, size: NonNegative = 8.0
) -> tuple[Pictures, Targets]:
    """Blackens a square of each image at a random place.

        f(x)[box] = 0,    box = floor(size) x floor(size) pixels round a uniform one, clipped at the border

    Scaling comes afterwards, so the square is black; the authors fill it behind scaling, with the mean colour.

    Args:
        key: a JAX key; the same key gives the same squares.
        images: [batch, height, width, channels], any number type.
        targets: distributions over the classes, or values, [batch, outputs].
        size: edge of the square in pixels, at least 0, fractions left away; off at 0.

    Returns:
        Images of the same shape and type, and the targets as they are.

    Example:
        >>> images, _ = cutout(jax.random.key(0), jnp.ones((1, 9, 9, 1)), jnp.eye(1), size=1.0)
        >>> float(images.sum())
        80.0

    References:
        DeVries, Taylor. Improved Regularization of Convolutional Neural Networks with Cutout. 2017.
        https://arxiv.org/abs/1708.04552
    """
    expect_images("cutout", images)
    edge = jnp.asarray(size, jnp.float32)

    def box(key: Key[Array, ""]) -> Bool[Array, "height width"]:
        return _box(key, images.shape[1:3], (edge, edge))

    removed = jax.vmap(box)(example_keys(key, len(images)))
    return jnp.where(removed[..., None], jnp.zeros_like(images), images), targets


def _shares(key: Key[Array, ""], count: int, alpha: NonNegative) -> Float[Array, " count"]:
    """What each example keeps of itself: s ~ Beta(alpha, alpha), and all of it at alpha 0, where there is no such law.

        s = 1/2 + t / 2 sqrt(2 alpha + t^2),    t = cos(2 pi v) sqrt(2 alpha (u^(-1/alpha) - 1)),    u, v ~ U(0, 1)

    t is Student's with 2 alpha degrees of freedom (Bailey. Polar Generation of Random Variates with the
    t-Distribution. 1994). `jax.random.beta` rejects in loops, which take several times as long to compile.
    """
    alpha = jnp.asarray(alpha, jnp.float32)
    legal = jnp.where(alpha > 0.0, alpha, 1.0)

    def share(key: Key[Array, ""]) -> Float[Array, ""]:
        u, v = jax.random.uniform(key, (2,), minval=jnp.finfo(jnp.float32).tiny)
        cosine = jnp.cos(2.0 * jnp.pi * v)
        squared = jnp.expm1(-jnp.log(u) / legal) * cosine**2  # t^2 / (2 alpha), which may be infinite
        return 0.5 + 0.5 * jnp.sign(cosine) / jnp.sqrt(1.0 + 1.0 / squared)

    return jnp.where(alpha > 0.0, jax.vmap(share)(example_keys(key, count)), 1.0)


def _box(
    key: Key[Array, ""], size: tuple[int, ...], edges: tuple[Float[Array, ""], Float[Array, ""]]
) -> Bool[Array, "height width"]:
    """The pixels of a box of so many whole rows and columns round a uniform pixel."""

    def covered(key: Key[Array, ""], length: int, edge: Float[Array, ""]) -> Bool[Array, " length"]:
        centre = jax.random.randint(key, (), 0, length).astype(jnp.float32)
        places = jnp.arange(length, dtype=jnp.float32) - centre + jnp.floor(jnp.floor(edge) / 2)
        return (places >= 0) & (places < jnp.floor(edge))

    rows, columns = map(covered, jax.random.split(key), size, edges)
    return rows[:, None] & columns[None, :]
