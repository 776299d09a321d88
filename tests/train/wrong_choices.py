"""Choices whose results do not fit their seams, one way each; loaded by import path, as a user's are."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from ablate.tricks.average import Average
from ablate.tricks.axis import Scalar


def scale_loses_the_batch(images, stats):
    return jnp.mean(images.astype(jnp.float32), axis=0)


def scale_gives_bytes(images, stats):
    return (255.0 * images).astype(jnp.uint8)


def augment_gives_images_only(key, images, targets):
    return images


def augment_gives_labels(key, images, targets):
    return images, jnp.argmax(targets, -1)


def target_gives_labels(probs):
    return jnp.argmax(probs, -1)


def loss_forgot_to_sum(logits, probs):
    return -probs * jax.nn.log_softmax(logits)


def loss_means_over_the_batch(logits, probs):
    return jnp.mean(optax.softmax_cross_entropy(logits, probs))


def loss_in_half(logits, probs):
    return optax.softmax_cross_entropy(logits, probs).astype(jnp.bfloat16)


def loss_gives_nothing(logits, probs):
    pass


def penalty_per_example(params, features, labels):
    return jnp.sum(features**2, axis=-1)


def objective_counts(loss):
    return jnp.int32(1)


def gradient_of_first_layer(value_and_grad):
    def called(params, batch, key):
        value, grads = value_and_grad(params, batch, key)
        return value, {"layer_0": grads["layer_0"]}

    return called


def gradient_transposed(value_and_grad):
    def called(params, batch, key):
        value, grads = value_and_grad(params, batch, key)
        return value, jax.tree.map(jnp.transpose, grads)

    return called


def clip_gives_a_number():
    return 1.0


def clip_sums():
    return optax.stateless(lambda updates, params: jax.tree.map(jnp.sum, updates))


def decay_forgets_the_optimizer(optimizer, learning_rate):
    return None


def optimizer_forgets_its_state(learning_rate: Scalar):
    core = optax.sgd(learning_rate, momentum=0.9)
    return optax.GradientTransformation(core.init, lambda *given: (core.update(*given)[0], ()))


def schedule_per_step(clock):
    return jnp.ones(3)


def layerwise_by_name(path, clock):
    return path


def average_halves():
    def halved(variables):
        return jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), variables)

    return Average(halved, lambda state, variables, clock: halved(variables), lambda state: ((state,), (1.0,)))


def average_gives_variables():
    return {}


def stop_counts(clock):
    return jnp.sum(jnp.isfinite(clock.history))


def init_ignores_the_shape():
    return lambda key, shape, dtype: jnp.zeros((2, 2), dtype)


def bias_is_a_number():
    return 0.1


class NormAveragesChannels(nn.Module):
    def __call__(self, x, *, train):
        return jnp.mean(x, axis=-1, keepdims=True)


class ActivationInHalf(nn.Module):
    def __call__(self, x):
        return x.astype(jnp.bfloat16)


def dropout_is_a_function():
    return lambda x, train: x


class HeadOfOneLogit(nn.Module):
    outputs: int
    kernel_init: object
    bias_init: object

    @nn.compact
    def __call__(self, features):
        return nn.Dense(1)(features)


class KeepsPositions(nn.Module):
    """A model that gives a feature map instead of features."""

    layers: object

    @nn.compact
    def __call__(self, images, *, train):
        return nn.Conv(3, (3, 3))(images)


def loss_that_says_nothing(logits, probs):
    return 0.0 * logits[:, 0] + 1.0
