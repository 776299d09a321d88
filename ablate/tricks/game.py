"""Axis `game`: what a critic and a generator play for.

A choice makes a `Game`. Losses are functions of the critic's scores, so that they can be read beside their formulas;
what else a game asks of the critic (a penalty, bounded weights) stands beside them. x is an example of the data, z a
latent vector, G the generator, D the critic, which gives one score per example.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ablate.tricks.axis import Axis, Choice, Count, NonNegative, Positive

__all__ = [
    "Game",
    "gradient_penalty",
    "non_saturating",
    "wasserstein",
    "wasserstein_critic",
    "wasserstein_generator",
]

Critic = Callable[[Array], Float[Array, " batch"]]  # examples -> scores


class Game(NamedTuple):
    """The rules that two networks are trained by.

    Args:
        critic_loss: (scores of real examples [batch], scores of fake ones [batch]) -> scalar, which the critic lowers.
        generator_loss: scores of fake examples [batch] -> scalar, which the generator lowers.
        critic_steps: updates of the critic for each of the generator, at least 1.
        penalty: (critic, real, fake, key) -> scalar, added to the critic's loss.
        constrain: the critic's parameters after its update -> those it goes on with.
    """

    critic_loss: Callable[[Float[Array, " batch"], Float[Array, " batch"]], Float[Array, ""]]
    generator_loss: Callable[[Float[Array, " batch"]], Float[Array, ""]]
    critic_steps: int = 1
    penalty: Callable[[Critic, Array, Array, Array], Float[Array, ""]] = lambda critic, real, fake, key: jnp.zeros(())
    constrain: Callable[[PyTree], PyTree] = lambda params: params


def non_saturating(critic_steps: Count = 1) -> Game:
    """The critic tells real from fake; the generator raises the probability that its samples pass for real.

        critic:    -E log s(D(x)) - E log(1 - s(D(G(z)))),    s(a) = 1 / (1 + e^-a)
        generator: -E log s(D(G(z)))

    Args:
        critic_steps: updates of the critic for each of the generator, at least 1.

    Returns:
        A `Game`; its losses are in nats, 2 log 2 and log 2 where the critic cannot tell.

    Example:
        >>> game, nothing = non_saturating(), jnp.zeros(2)
        >>> round(float(game.critic_loss(nothing, nothing)), 4), round(float(game.generator_loss(nothing)), 4)
        (1.3863, 0.6931)

    References:
        Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio. Generative Adversarial Networks.
        2014. https://arxiv.org/abs/1406.2661
    """
    return Game(logistic_loss, lambda fake: jnp.mean(jax.nn.softplus(-fake)), critic_steps)


def wasserstein(clip: Positive = 0.01, critic_steps: Count = 5) -> Game:
    """The critic estimates how far apart real and fake lie; bounded weights bound its slope.

        critic:    E D(G(z)) - E D(x),    then    w <- min(max(w, -c), c)
        generator: -E D(G(z))

    The negative of the critic's loss estimates the Wasserstein-1 distance up to the unknown slope that c allows.

    Args:
        clip: bound c of every parameter of the critic, biases included, above 0.
        critic_steps: updates of the critic for each of the generator, at least 1.

    Returns:
        A `Game`; its losses are in units of the critic's score.

    Example:
        >>> game = wasserstein(clip=0.5)
        >>> float(game.critic_loss(jnp.array([3.0]), jnp.array([1.0])))
        -2.0
        >>> game.constrain(jnp.array([-2.0, 0.25])).tolist()
        [-0.5, 0.25]

    References:
        Arjovsky, Chintala, Bottou. Wasserstein GAN. 2017. https://arxiv.org/abs/1701.07875
    """
    bounded = functools.partial(jax.tree.map, lambda w: jnp.clip(w, -clip, clip))
    return Game(wasserstein_critic, wasserstein_generator, critic_steps, constrain=bounded)


def gradient_penalty(weight: NonNegative = 10.0, critic_steps: Count = 5) -> Game:
    """The Wasserstein game with a critic whose slope is held near 1 between real and fake instead of by its weights.

        critic:    E D(G(z)) - E D(x) + weight * E (|grad D(y)| - 1)^2,    y = u x + (1 - u) G(z),  u ~ U(0, 1)
        generator: -E D(G(z))

    The critic's loss is reported without the penalty: its negative estimates the Wasserstein-1 distance, in units of
    the critic's inputs.

    Args:
        weight: of the penalty, at least 0; at 0 nothing bounds the critic.
        critic_steps: updates of the critic for each of the generator, at least 1.

    Returns:
        A `Game`; its losses are in units of the critic's score.

    Example:
        >>> game, x = gradient_penalty(), jnp.zeros((4, 2))
        >>> float(game.penalty(lambda y: 3.0 * y[:, 0], x, x + 1.0, jax.random.key(0)))
        40.0

    References:
        Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville. Improved Training of Wasserstein GANs. 2017.
        https://arxiv.org/abs/1704.00028
    """

    def penalty(critic: Critic, real: Array, fake: Array, key: Array) -> Float[Array, ""]:
        return weight * slope_penalty(critic, between(real, fake, key))

    return Game(wasserstein_critic, wasserstein_generator, critic_steps, penalty=penalty)


def logistic_loss(real: Float[Array, " batch"], fake: Float[Array, " batch"]) -> Float[Array, ""]:
    """Cross-entropy of real against fake: E log(1 + e^-D(x)) + E log(1 + e^D(G(z)))."""
    return jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(fake))


def wasserstein_critic(real: Float[Array, " batch"], fake: Float[Array, " batch"]) -> Float[Array, ""]:
    """What a Wasserstein critic minimises: E D(G(z)) - E D(x), in units of its score."""
    return jnp.mean(fake) - jnp.mean(real)


def wasserstein_generator(fake: Float[Array, " batch"]) -> Float[Array, ""]:
    """What a Wasserstein generator minimises: -E D(G(z)), in units of the critic's score."""
    return -jnp.mean(fake)


def between(real: Float[Array, "batch ..."], fake: Float[Array, "batch ..."], key: Any) -> Float[Array, "batch ..."]:
    """One point per pair, uniform on the straight line between them."""
    share = jax.random.uniform(key, (len(real), *(1,) * (real.ndim - 1)))
    return share * real + (1 - share) * fake


def slope_penalty(critic: Critic, points: Float[Array, "batch ..."]) -> Float[Array, ""]:
    """Mean over points of (|grad D| - 1)^2; the critic must judge every example by itself."""
    slopes = jax.grad(lambda x: jnp.sum(critic(x)))(points)  # of a sum: no score depends on another example
    # The root has no derivative at 0, where a critic of zeros starts; 1e-12 is lost beside a square of 1.
    norms = jnp.sqrt(jnp.sum(jnp.square(slopes.reshape(len(slopes), -1)), -1) + 1e-12)
    return jnp.mean(jnp.square(norms - 1))


AXIS = Axis(
    name="game",
    of_loss=True,
    seam="() -> Game(critic_loss, generator_loss, critic_steps, penalty, constrain)",
    tasks=("adversarial",),
    default="non_saturating",
    choices={
        "non_saturating": Choice(non_saturating),
        "wasserstein": Choice(wasserstein),
        "gradient_penalty": Choice(gradient_penalty),
    },
)
