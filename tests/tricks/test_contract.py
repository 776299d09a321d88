"""What every choice of every axis promises, checked on the whole table."""

import doctest
import functools
import importlib
import inspect
import math
import operator
import pkgutil
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ablate.tricks
from ablate.tricks import AXES, Clock, ImageStats, Visit, signature_of, split_init

KEY = jax.random.key(0)
IMAGES = jax.random.randint(jax.random.key(1), (4, 6, 6, 8), 0, 256).astype(jnp.uint8)
STATS = ImageStats(mean=jnp.linspace(0.3, 0.6, 8), sd=jnp.linspace(0.1, 0.3, 8))
PICTURES = jax.random.uniform(jax.random.key(6), (4, 6, 6, 3))
VISIT = Visit(index=jnp.array([7, 0, 3, 12]), epoch=jnp.float32(1.0), key=jax.random.key(7))
FEATURES = jax.random.normal(jax.random.key(2), (4, 6, 6, 8))
LOGITS = 3.0 * jax.random.normal(jax.random.key(3), (4, 5))
PROBS = jax.nn.one_hot(jnp.array([0, 4, 2, 2]), 5)
PARAMS = {
    "conv": {"kernel": jax.random.normal(jax.random.key(4), (3, 3, 2, 4)), "bias": jnp.arange(4.0)},
    "head": {"kernel": jax.random.normal(jax.random.key(5), (4, 5)), "bias": jnp.ones(5)},
}
HISTORY = jnp.array([1.0, 0.5, 0.6, jnp.nan])
GRADS = jax.tree.map(lambda w: jnp.sin(3.0 * w) * 2.0, PARAMS)

DIFFERENTIATED = (
    "norm",
    "activation",
    "place",
    "dropout",
    "head",
    "target",
    "loss",
    "regression_loss",
    "penalty",
    "feature_loss",
    "objective",
)

OPTIMIZERS = ("descent", "adaptive", "adam_variants", "blockwise", "trajectory")

TABLE = [(axis, choice) for axis in AXES for choice in AXES[axis].choices]
NUMERIC = [
    (axis, choice)
    for axis, choice in TABLE
    if any(argument.traced for argument in AXES[axis].arguments(AXES[axis].choices[choice]).values())
]
MODULES = [
    module.name
    for module in pkgutil.iter_modules(ablate.tricks.__path__)
    if ">>> " in inspect.getsource(importlib.import_module(f"ablate.tricks.{module.name}"))
]
VANISHING = [(axis, choice) for axis, choice in TABLE if AXES[axis].choices[choice].off]


def run_module(make, x):
    module = make()
    rngs = {"params": KEY, "dropout": KEY}
    return module.apply(module.init(rngs, x, train=True), x, train=True, mutable="batch_stats", rngs=rngs)[0]


def run_augment(augment, images):
    wants = "visit" in inspect.signature(augment).parameters
    return augment(KEY, images, PROBS, **({"visit": VISIT} if wants else {}))


def run_gradient(wrap, x):
    def loss(params, batch, key):
        return 0.5 * optax.tree.norm(optax.tree.sub(params, jax.tree.map(lambda g: g[0], batch)), squared=True), None

    batch = jax.tree.map(lambda g: jnp.stack([g] * 4), GRADS)
    (value, _), grads = wrap(jax.value_and_grad(loss, has_aux=True))(PARAMS, batch, KEY)
    return value, grads


def run_transform(transform, x):
    """Two updates, so that a state counts too."""
    first, state = transform.update(GRADS, transform.init(PARAMS), PARAMS)
    second, _ = transform.update(PARAMS, state, optax.apply_updates(PARAMS, first))
    return first, second


def run_feature_loss(make, x):
    """Two batches, so that the memory counts too; what it remembers is nobody else's affair."""
    loss = make()
    first, state = loss.measure(loss.begin(5, 3), x, jnp.array([0, 2, 2, 1]))
    return first + loss.measure(state, 2.0 * x, jnp.array([0, 2, 2, 1]))[0]


def run_layerwise(factor, x):
    if "depths" in signature_of(factor.func):
        factor = functools.partial(factor, depths={"conv": 0, "head": 1})
    return [factor("conv/kernel", Clock(0)), factor("head/kernel", Clock(jnp.int32(3)))]


def run_average(average):
    """Two updates, and what evaluation reads: the members' mean."""
    state = average.init(GRADS)
    for step, variables in ((7, PARAMS), (8, GRADS)):
        state = average.update(state, variables, Clock(jnp.int32(step), 12))
    members, shares = average.members(state)
    return jax.tree.map(lambda *leaves: sum(s * leaf for s, leaf in zip(shares, leaves, strict=True)), *members)


# How the step calls a bound choice; x is what is differentiated where the axis is on the way to the loss.
SEAMS = {
    "scale": (lambda f, x: f(IMAGES, STATS), IMAGES),
    "augment": (run_augment, PICTURES),
    "init": (lambda f, x: split_init(f()).kernel(KEY, (3, 3, 4, 8), jnp.float32), FEATURES),
    "bias": (lambda f, x: f()(KEY, (8,), jnp.float32), FEATURES),
    "norm": (run_module, FEATURES),
    "activation": (lambda f, x: f().init_with_output(KEY, x)[0], FEATURES),
    "dropout": (run_module, FEATURES),
    "place": (lambda f, x: f(jnp.sin, jnp.cos, x), FEATURES),
    "precision": (lambda f, x: jnp.zeros((), f()).astype(jnp.float32), FEATURES),
    "head": (lambda f, x: f(outputs=3).init_with_output(KEY, x)[0], LOGITS),
    "target": (lambda f, x: f(x), PROBS),
    "class_weight": (lambda f, x: f(jnp.array([5.0, 1.0, 40.0, 7.0, 2.0])), LOGITS),
    "loss": (lambda f, x: f(x, PROBS), LOGITS),
    "regression_loss": (lambda f, x: f(x, PROBS), LOGITS),
    "penalty": (lambda f, x: f({"kernel": x, "bias": x[0]}, {}, jnp.array([0, 4, 2, 2])), LOGITS),
    "feature_loss": (run_feature_loss, LOGITS),
    "objective": (lambda f, x: f(jnp.mean(jnp.square(x))), LOGITS),
    "gradient": (run_gradient, LOGITS),
    "clip": (lambda f, x: run_transform(f(), x), LOGITS),
    "decay": (lambda f, x: run_transform(f(optax.sgd(0.1), 0.1), x), LOGITS),
    "optimizer": (lambda f, x: run_transform(f(), x), LOGITS),
    "schedule": (lambda f, x: jnp.stack([f(Clock(t, 12, HISTORY)) for t in (0, 1, 5, 11)]), LOGITS),
    "layerwise": (run_layerwise, LOGITS),
    "average": (lambda f, x: run_average(f()), LOGITS),
    "views": (lambda f, x: f(FEATURES)[0], LOGITS),
    "stop": (lambda f, x: f(Clock(3, 9, HISTORY)).go_on, LOGITS),
}


def arguments_of(axis, choice):
    """Required arguments and defaults, split into traced and static."""
    given = {**AXES[axis].choices[choice].example, **AXES[axis].begin}
    known = AXES[axis].arguments(AXES[axis].choices[choice])
    values = {name: given.get(name, argument.default) for name, argument in known.items()}
    traced = {name: float(value) for name, value in values.items() if known[name].traced}
    return traced, {name: value for name, value in values.items() if not known[name].traced}


def runner(axis, choice):
    """From traced numbers, and the data that is differentiated, to what the step gets."""
    run, data = SEAMS[axis]
    static = arguments_of(axis, choice)[1]
    make = AXES[axis].choices[choice].make
    return lambda hp, x=data: run(functools.partial(make, **static, **hp), x)


def other(value):
    """A second value of a number that is legal wherever the first is."""
    return 1.5 if math.isinf(value) else 0.25 if value == 0 else 0.5 * value


def as_float32(hp):
    return {name: jnp.float32(value) for name, value in hp.items()}


def assert_trees_equal(one, two):
    assert jax.tree.structure(one) == jax.tree.structure(two)
    jax.tree.map(np.testing.assert_array_equal, one, two)


def assert_trees_close(one, two):
    assert jax.tree.structure(one) == jax.tree.structure(two)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), one, two)


def test_the_table_has_the_axes_in_the_order_of_the_code():
    expected = (
        "scale augment init bias norm activation place dropout head precision target class_weight loss regression_loss "
        "penalty feature_loss objective gradient clip decay optimizer schedule layerwise average views stop"
    )
    assert list(AXES) == expected.split()
    assert all(name == axis.name or name.endswith(f"_{axis.name}") for name, axis in AXES.items())
    assert all(axis.identity is None or axis.identity in axis.choices for axis in AXES.values())


@pytest.mark.parametrize(("axis", "choice"), TABLE)
def test_signature_begins_with_the_data_and_off_names_traced_numbers(axis, choice):
    entry, table = AXES[axis].choices[choice], AXES[axis]
    assert tuple(signature_of(entry.make))[: len(table.data)] == table.data
    assert all(table.arguments(entry)[name].traced for name in entry.off)
    assert not entry.off or table.identity is not None


@pytest.mark.parametrize(("axis", "choice"), TABLE)
def test_public_under_its_own_name(axis, choice):
    make = AXES[axis].choices[choice].make
    assert getattr(ablate.tricks, make.__name__) is make
    assert make.__name__ in ablate.tricks.__all__
    assert make.__name__ not in AXES


@pytest.mark.parametrize(("axis", "choice"), TABLE)
def test_defaults_give_finite_values_of_the_axis_s_shape_and_dtype(axis, choice):
    out = jax.jit(lambda: runner(axis, choice)(arguments_of(axis, choice)[0]))()
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(out))
    reference = AXES[axis].identity or next(iter(AXES[axis].choices))
    expected = jax.eval_shape(runner(axis, reference), arguments_of(axis, reference)[0])
    assert jax.tree.structure(out) == jax.tree.structure(expected)
    jax.tree.map(lambda a, b: pytest.fail(f"{a} {b}") if (a.shape, a.dtype) != (b.shape, b.dtype) else 0, out, expected)


@pytest.mark.parametrize(("axis", "choice"), NUMERIC)
def test_one_compile_and_vmap_equals_a_loop(axis, choice):
    run, (hp, _), traces = runner(axis, choice), arguments_of(axis, choice), []

    def counted(hp):
        traces.append(hp)
        return run(hp)

    lanes = [as_float32(hp), as_float32({name: other(value) for name, value in hp.items()})]
    compiled = jax.jit(counted)
    looped = [compiled(lane) for lane in lanes]
    assert len(traces) == 1
    together = jax.jit(jax.vmap(counted))(jax.tree.map(lambda *numbers: jnp.stack(numbers), *lanes))
    for lane, alone in enumerate(looped):
        assert_trees_close(alone, jax.tree.map(operator.itemgetter(lane), together))


@pytest.mark.parametrize(("axis", "choice"), VANISHING)
@pytest.mark.parametrize("traced", [True, False])
def test_at_off_equals_the_identity_exactly(axis, choice, traced):
    identity, hp = AXES[axis].identity, arguments_of(axis, choice)[0] | AXES[axis].choices[choice].off
    expected = arguments_of(axis, identity)[0]
    if traced:
        assert_trees_equal(
            jax.jit(runner(axis, choice))(as_float32(hp)), jax.jit(runner(axis, identity))(as_float32(expected))
        )
    else:
        assert_trees_equal(runner(axis, choice)(hp), runner(axis, identity)(expected))


@pytest.mark.parametrize(("axis", "choice"), [(a, c) for a, c in TABLE if a in DIFFERENTIATED])
def test_gradients_are_finite_at_ordinary_and_at_zero_data(axis, choice):
    run, (hp, _), data = runner(axis, choice), arguments_of(axis, choice), SEAMS[axis][1]
    gradient = jax.jit(jax.grad(lambda x, hp: jnp.sum(run(hp, x))))
    for numbers in (hp, hp | AXES[axis].choices[choice].off):
        for x in (data, jnp.zeros_like(data)):
            assert bool(jnp.all(jnp.isfinite(gradient(x, as_float32(numbers)))))


@pytest.mark.parametrize(("axis", "choice"), TABLE)
def test_docstring_is_complete(axis, choice):
    entry = AXES[axis].choices[choice]
    doc = inspect.getdoc(entry.make)
    if choice == AXES[axis].identity and "\n" not in doc:
        assert doc.endswith(".")  # absence needs no formula and no paper
        return
    summary, rest = doc.split("\n", 1)
    formula = rest.split("Args:")[0].split("Returns:")[0]
    assert summary.endswith((".", "?")) or ":" in summary
    assert re.search(r"^ {4}\S", formula, re.MULTILINE), "no indented formula"
    for section in ("Returns:", "Example:", "References:"):
        assert f"\n{section}\n" in doc, f"no {section}"
    assert ">>> " in doc.split("Example:")[1]
    assert "https://" in doc.split("References:")[1]
    for name in signature_of(entry.make):
        described = re.search(rf"^ {{4}}{name}: (.+(?:\n {{8}}.+)*)", doc, re.MULTILINE)
        assert described, f"{name} is not described"
        if name in entry.off:
            assert "off at" in described[1], f"{name} does not say where it is off"


@pytest.mark.parametrize(("axis", "choice"), TABLE)
def test_the_signature_allows_what_the_docstring_says(axis, choice):
    entry = AXES[axis].choices[choice]
    doc = inspect.getdoc(entry.make) or ""
    for name, argument in AXES[axis].arguments(entry).items():
        described = re.search(rf"^ {{4}}{name}: (.+(?:\n {{8}}.+)*)", doc, re.MULTILINE)
        text, allowed = described[1] if described else "", argument.range
        if least := re.search(r"at least (\d+)", text):
            assert (allowed.low, allowed.above) == (int(least[1]), False), name
        if floor := re.search(r"above (\d+)", text):
            assert (allowed.low, allowed.above) == (int(floor[1]), True), name
        if "0 to 1" in text:
            assert allowed[:2] == (0, 1), name
        if "0 to 1" in text or "below 1" in text:
            assert allowed.below == ("below 1" in text), name


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    module = importlib.import_module(f"ablate.tricks.{name}")
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
