"""Choices whose results do not fit their seams, one way each; loaded by import path, as a user's are."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from ablate.tricks.axis import Scalar


def scale_loses_the_batch(images, stats):
    return jnp.mean(images.astype(jnp.float32), axis=0)


def scale_stays_integer(images, stats):
    return images


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


def schedule_per_step(step, total):
    return jnp.ones(3)


def layerwise_by_name(path, step):
    return path


def average_halves(averaged, variables, step):
    return jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), variables)


def stop_counts(history):
    return jnp.sum(jnp.isfinite(history))


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
    classes: int
    kernel_init: object
    bias_init: object

    @nn.compact
    def __call__(self, features):
        return nn.Dense(1)(features)


class FeaturesOnly(nn.Module, kw_only=True):
    """A model that forgot its head."""

    classes: int
    norm: object
    kernel_init: object
    bias_init: object
    activation: object
    dropout: object
    head: object

    @nn.compact
    def __call__(self, images, *, train):
        return nn.Dense(3)(images.reshape(images.shape[0], -1))


def loss_that_says_nothing(logits, probs):
    return 0.0 * logits[:, 0] + 1.0
