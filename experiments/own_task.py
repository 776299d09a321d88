"""Does clipping the gradient, or a rate that decays, help a tiny character model? A task of your own, in one file.

The text is what `import this` prints. What a task needs is `ablate.tasks.Task`; everything around it (seeds, pairing,
lanes, checkpoints, statistics, reports) comes with `cfg.task = "own_task:CharacterModel"`, the import path of the class
below. Expected time: about 20 s on 2 CPU cores.
"""

import codecs
import contextlib
import dataclasses
import io
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ablate import base_config, choice
from ablate.data import DataInfo, DataSet
from ablate.tasks import Mean, Metric, mean_of, parts

WINDOW = 24


def text() -> DataSet:
    """Windows of the Zen of Python: the characters as numbers, and for each the one that follows."""
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    letters = codecs.decode(this.s, "rot13").lower()
    alphabet = sorted(set(letters))
    codes = np.array([alphabet.index(letter) for letter in letters], np.int32)
    windows = np.stack([codes[k : k + WINDOW + 1] for k in range(len(codes) - WINDOW)])
    last = len(windows) // 5  # the end of the text is for the test; no window crosses the border
    pool, test = windows[: -last - WINDOW], windows[-last:]
    arrays = ({"characters": part[:, :-1], "following": part[:, 1:]} for part in (pool, test))
    return DataSet(
        "zen", *arrays, description="The Zen of Python, by Tim Peters", facts={"alphabet": "".join(alphabet)}
    )


@dataclasses.dataclass(frozen=True)
class CharacterModel:
    """Predicts the next character with a recurrent network of `width` units."""

    choices: parts.ProgramChoices
    data: DataInfo
    width: int = 32

    axes: ClassVar = ("clip", "decay", "optimizer", "schedule")  # shared ones; tables of your own may follow
    metrics: ClassVar = (Metric("bits", higher_is_better=False, scale=1 / np.log(2), unit="bits"),)
    watch: ClassVar = "bits"
    curves: ClassVar = ("train_bits",)

    def init(self, keys, batch, init_hp, hp):
        letters, width = len(self.data.facts["alphabet"]), self.width
        shapes = {"embed": (letters, width), "recur": (width, width), "out": (width, letters)}
        pairs = zip(jax.random.split(keys("init"), len(shapes)), shapes.items(), strict=True)
        params = {name: jax.random.normal(key, shape) / shape[0] ** 0.5 for key, (name, shape) in pairs}
        return params, parts.begin(self.choices, hp, params)

    def step(self, state, batch, keys, clock, hp):
        params, opt_state = state
        loss, grads = jax.value_and_grad(lambda params: jnp.mean(self.losses(params, batch)))(params)
        return parts.descend(self.choices, hp, clock, grads, params, opt_state), {"train_bits": loss}

    def losses(self, params, batch):
        """Nats per character of every window; the unit of the metric turns them into bits."""

        def read(state, letter):
            state = jnp.tanh(params["embed"][letter] + state @ params["recur"])
            return state, state @ params["out"]

        characters = batch["characters"].T
        start = jnp.zeros((characters.shape[1], self.width))
        _, logits = jax.lax.scan(read, start, characters)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, batch["following"].T), axis=0)

    def variables(self, state):
        return {"params": state[0]}

    def predict(self, variables, batch, keys, hp):
        return self.losses(variables["params"], batch)

    def combine(self, predictions, shares):
        return mean_of(predictions, shares)

    def measure(self, prediction, batch, weights):
        return Mean.of(prediction, weights)

    def summarise(self, sums):
        return {"bits": sums.value}

    def rates(self, clock, hp):
        return {"learning_rate": parts.rate(self.choices, hp, clock)}


def get_config():
    cfg = base_config()
    cfg.task = choice("own_task:CharacterModel", width=24)
    cfg.data = choice("own_task:text", validation=0.1)
    cfg.recipe.optimizer = choice("adam", learning_rate=0.01)
    cfg.train.update(steps=300, batch_size=32, eval_every=50)
    cfg.vary.clip = (choice("global_norm", max=0.5),)
    cfg.vary.schedule = (choice("cosine"),)
    cfg.seeds = 6
    return cfg
