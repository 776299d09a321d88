"""Made-up studies with the exact shape of study.json and its rows, for tests of the report.

Every seed has an effect of its own that all arms share, as paired seeds do in a real study, so that paired deltas are
sharper than unpaired ones.
"""

import base64
import copy
import dataclasses
import math
from typing import Any

import numpy as np

ARMS = {
    "baseline": ({}, 0.0),
    "norm=batch": ({"norm": {"name": "batch"}}, 0.019),
    "norm=group": ({"norm": {"name": "group", "groups": 4}}, 0.008),
    "init=he": ({"init": {"name": "he"}}, 0.006),
    "init=lsuv": ({"init": {"name": "lsuv"}}, 0.001),
    "dropout=0.2": ({"dropout": {"name": "plain", "rate": 0.2}}, -0.012),
    "smooth=0.1": ({"target": {"name": "smooth", "smoothing": 0.1}}, 0.003),
    "clip=1.0": ({"clip": {"name": "global_norm", "max": 1.0}}, 0.0),
    "adam": ({"optimizer": {"name": "adam"}}, 0.012),
    "rmsprop": ({"optimizer": {"name": "rmsprop"}}, -0.025),
    "cosine": ({"schedule": {"name": "cosine"}}, 0.009),
    "ema": ({"average": {"name": "ema", "rate": 0.99}}, 0.004),
    "sam": ({"gradient": {"name": "sam", "rho": 0.05}}, 0.007),
}
RECIPE = {
    axis: {"name": name}
    for axis, name in {
        "norm": "none",
        "init": "xavier",
        "dropout": "none",
        "target": "hard",
        "clip": "none",
        "optimizer": "momentum",
        "schedule": "constant",
        "average": "none",
        "gradient": "plain",
    }.items()
}
PROGRAM_OF = {"norm=batch": 1, "norm=group": 2, "adam": 3, "rmsprop": 4, "sam": 5}
STEPS = 600


def described(name: str, better: str, scale: float = 1.0, unit: str = "", difference: str = "") -> dict[str, Any]:
    """One of a task's metrics."""
    return {
        "name": name, "higher_is_better": better == "higher", "scale": scale, "unit": unit, "difference": difference,
    }  # fmt: skip


METRICS = (described("accuracy", "higher", 100.0, "%", "points"), described("loss", "lower", 1.0, "nats", "nats"))
ENVIRONMENT = {
    "versions": {"ablate": "0.1.0", "jax": "0.10.2", "flax": "0.12.8", "optax": "0.2.8", "numpy": "2.4.6"},
    "python": "3.11.2",
    "platform": "Linux-6.1-x86_64",
    "devices": ["TFRT_CPU_0", "TFRT_CPU_1"],
    "xla_flags": "--xla_force_host_platform_device_count=2",
    "git_commit": "0f3e907aa",
    "git_dirty": False,
    "variables": {},
}
PROGRESS = {
    "pid": 4711,
    "started": "2026-01-02T03:04:05+00:00",
    "updated": "2026-01-02T03:14:05+00:00",
    "state": "finished",
    "sessions": 1,
    "compiles": 6,
    "compile_seconds": 12.5,
    "train_seconds": 580.0,
    "program": None,
    "step": 600,
    "steps": 600,
    "running_cells": [],
}


@dataclasses.dataclass
class Made:
    """A study with its rows, ready for `write_report(directory, *made.parts)`."""

    study: dict[str, Any]
    rows: list[dict[str, Any]]
    environment: dict[str, Any] = dataclasses.field(default_factory=lambda: copy.deepcopy(ENVIRONMENT))
    progress: dict[str, Any] | None = dataclasses.field(default_factory=lambda: copy.deepcopy(PROGRESS))

    @property
    def parts(self) -> tuple[Any, ...]:
        """The arguments of `write_report` behind the directory."""
        return self.study, self.rows, self.environment, self.progress

    def values(self, arm: str, metric: str = "") -> dict[int, float]:
        """Seed to a metric, the deciding one if none is named, for the rows of one arm, nan where it diverged."""
        metric = metric or self.study["metric"]["name"]
        found = {row["seed"]: row for row in self.rows if row["arm"] == arm and row["status"] in ("done", "diverged")}
        return {
            seed: math.nan if row["metrics"][metric] is None else row["metrics"][metric] for seed, row in found.items()
        }


def make(arms: dict[str, tuple[dict, float]] | None = None, seeds: int = 6, metric: str = "test_accuracy") -> Made:
    """A study in which every cell is done.

    Args:
        arms: name to (changes, true effect on accuracy); the first is the baseline. None for the usual thirteen.
        seeds: how many.
        metric: the metric that decides, `test_accuracy` or `test_loss`.
    """
    arms = ARMS if arms is None else arms
    names = list(arms)
    cells = [
        {"cell": f"cell-{i:02d}-s{seed}-{i * 100 + seed:06x}", "arm": name, "seed": seed, "program": program(name)}
        for i, name in enumerate(names)
        for seed in range(seeds)
    ]
    study = make_study(arms, cells, seeds, metric)
    return Made(study, [make_row(cell, arms[cell["arm"]][1]) for cell in cells])


def program(arm: str) -> str:
    """The program an arm belongs to."""
    return f"p{PROGRAM_OF.get(arm, 0)}"


def make_study(arms: dict, cells: list[dict], seeds: int, metric: str) -> dict[str, Any]:
    """study.json around the cells."""
    ids = sorted({cell["program"] for cell in cells})
    return {
        "format": 2,
        "name": "digits",
        "question": "Which tricks help a small network on handwritten digits?",
        "command": "ablate run --config=experiments/digits.py",
        "config": {"train": {"steps": STEPS}},
        "design": "one_at_a_time",
        "baseline": next(iter(arms)),
        "arms": [
            {
                "name": n,
                "changes": changes,
                "recipe": RECIPE | changes,
                "flops": 1e6 * (1 + i / 10),
                "rates": {"learning_rate": learning_rate(n)},
            }
            for i, (n, (changes, _)) in enumerate(arms.items())
        ],
        "seeds": list(range(seeds)),
        "paired": True,
        "task": "classification",
        "metrics": [dict(metric) for metric in METRICS],
        "watch": "loss",
        "curves": ["train_loss"],
        "metric": {"name": metric, "higher_is_better": metric == "test_accuracy", "margin": 0.005},
        "alpha": 0.05,
        "data": {
            "name": "digits",
            "arguments": {},
            "shape": {"image": [8, 8, 1], "label": []},
            "train": 1297,
            "validation": 200,
            "test": 300,
            "description": "8x8 handwritten digits bundled with scikit-learn",
        },
        "train": {"steps": STEPS, "batch_size": 128, "eval_every": 30, "lanes": 24},
        "seed_varies": ["init", "order", "augmentation", "dropout", "train/validation split"],
        "cells": cells,
        "programs": [make_program(name, cells) for name in ids],
        "fingerprint": "f" * 16,
    }


def learning_rate(arm: str) -> dict[str, list[float]]:
    """The rate at every tenth step; cosine has one of its own."""
    steps = np.arange(0, STEPS, 10)
    rate = 0.1 * (0.5 + 0.5 * np.cos(np.pi * steps / STEPS)) if arm == "cosine" else 0.1 + 0 * steps
    return {"step": steps.tolist(), "rate": rate.tolist()}


def make_program(name: str, cells: list[dict]) -> dict[str, Any]:
    """One entry of study["programs"]."""
    mine = [cell for cell in cells if cell["program"] == name]
    arms = list(dict.fromkeys(cell["arm"] for cell in mine))
    norms = {"p1": "batch", "p2": "group"}
    optimizers = {"p3": "adam", "p4": "rmsprop"}
    return {
        "id": name,
        "arms": arms,
        "cells": [cell["cell"] for cell in mine],
        "lanes": len(mine),
        "devices": 2,
        "strategy": "vmap",
        "why": "matmul only: lanes are vmapped and steps scanned",
        "structure": {
            "norm": [norms.get(name, "none")],
            "optimizer": [optimizers.get(name, "momentum")],
            "gradient": ["sam" if name == "p5" else "plain"],
            "clip": ["none", "global_norm"] if name == "p0" else ["none"],
        },
    }


def make_row(cell: dict[str, Any], effect: float) -> dict[str, Any]:
    """A row with realistic curves: accuracy saturates, loss falls, the seed's own luck shows in both."""
    shared = np.random.default_rng(1000 + cell["seed"])
    own = np.random.default_rng([ord(letter) for letter in cell["cell"]])
    accuracy = 0.93 + 0.006 * shared.standard_normal() + effect + 0.003 * own.standard_normal()
    steps = np.arange(30, STEPS + 1, 30)
    rise = 1 - np.exp(-steps / (90.0 - 900 * effect))
    noise = 0.004 * own.standard_normal(steps.size)
    val_accuracy = np.clip(0.1 + (accuracy - 0.1) * rise + noise, 0, 1)
    train_loss = 2.3 * np.exp(-steps / 110.0) + 0.05 + 0.01 * np.abs(own.standard_normal(steps.size))
    val_loss = 2.2 * np.exp(-steps / 100.0) + 4 * (1 - accuracy) - 0.08 + 0.01 * own.standard_normal(steps.size)
    rate = 0.1 * (0.5 + 0.5 * np.cos(np.pi * steps / STEPS)) if cell["arm"] == "cosine" else 0.1 + 0 * steps
    speed = {"p0": 210.0, "p1": 160.0, "p2": 150.0, "p3": 190.0, "p4": 195.0, "p5": 104.0}[cell["program"]]
    return {
        "format": 1,
        "cell": cell["cell"],
        "arm": cell["arm"],
        "seed": cell["seed"],
        "status": "done",
        "identity": {},
        "fingerprint": "0" * 16,
        "metrics": {
            "test_accuracy": round(float(accuracy), 6),
            "test_loss": float(val_loss[-1] + 0.01),
            "val_accuracy": float(val_accuracy[-1]),
            "val_loss": float(val_loss[-1]),
            "train_loss": float(train_loss[-1]),
            "initial_loss": 2.3,
        },
        "curves": {
            "step": steps.tolist(),
            "train_loss": train_loss.tolist(),
            "val_loss": val_loss.tolist(),
            "val_accuracy": val_accuracy.tolist(),
            "learning_rate": rate.tolist(),
        },
        "diverged_step": None,
        "stopped_step": None,
        "best_step": None,
        "members": [],
        "costs": {
            "parameters": 109386 + (256 if "norm" in cell["arm"] else 0),
            "steps": STEPS,
            "examples": STEPS * 128,
            "program": cell["program"],
            "lanes": 12,
            "devices": 2,
            "strategy": "vmap",
            "steps_per_second": speed,
            "train_seconds": STEPS / speed,
            "compile_seconds": 2.25,
        },
        "error": None,
    }


def diverge(row: dict[str, Any], step: int = 210) -> None:
    """Turns a finished row into a diverged one, in place."""
    row["status"], row["diverged_step"] = "diverged", step
    row["metrics"] = dict.fromkeys(row["metrics"])
    for name, curve in row["curves"].items():
        if name != "step" and not name.endswith("learning_rate"):
            row["curves"][name] = [v if s < step else None for s, v in zip(row["curves"]["step"], curve, strict=True)]


def fail(row: dict[str, Any], message: str = "RESOURCE_EXHAUSTED: out of memory", status: str = "failed") -> None:
    """Turns a finished row into a failed one, in place."""
    row["status"] = status
    row["metrics"], row["curves"] = {}, {}
    trace = f'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\nRuntimeError: {message}\n'
    row["error"] = {"type": "RuntimeError", "message": message, "traceback": trace}


def rows_of(made: Made, arm: str) -> list[dict[str, Any]]:
    """The rows of one arm."""
    return [row for row in made.rows if row["arm"] == arm]


def finished(**kwargs: Any) -> Made:
    """Everything done."""
    return make(**kwargs)


def troubled() -> Made:
    """Some cells diverged, one arm wholly, two failed, three are pending."""
    made = make()
    for row in rows_of(made, "rmsprop"):
        diverge(row, 210 + 30 * row["seed"])
    diverge(rows_of(made, "adam")[2])
    fail(rows_of(made, "sam")[0])
    fail(rows_of(made, "sam")[4], "lane 3 | `device` <lost> & gone", "oom")
    made.rows = [row for row in made.rows if (row["arm"], row["seed"]) not in {("ema", 3), ("ema", 4), ("ema", 5)}]
    return made


def empty() -> Made:
    """A study that has not begun."""
    made = make()
    made.rows, made.progress = [], None
    return made


def all_diverged() -> Made:
    """Not one finite result."""
    made = make()
    for row in made.rows:
        diverge(row)
    return made


def all_failed() -> Made:
    """Not one cell ran to its end."""
    made = make()
    for row in made.rows:
        fail(row)
    return made


def one_seed() -> Made:
    """No spread to be had."""
    return make(seeds=1)


def one_arm() -> Made:
    """Only the baseline."""
    return make(arms={"baseline": ARMS["baseline"]})


HOSTILE = (
    "=cmd|' /C calc'!A0",
    "a|b`c*d_e_",
    "<script>alert(1)</script>",
    "&amp; \"quoted\" 'too'",
    "Größe ß λ=0.5 ≥ 日本 🎲",
    "100% $x_1^2$ \\input{x} {#~}",
    "+1\n\r\tnew line",
    "@sum [link](http://evil.example/x) ![](http://evil.example/y.png)",
    "- item\u202eesrever",
)


def decide(made: Made, names: tuple[str, ...], *, scored: bool = True, rotate: bool = False) -> Made:
    """Gives every finished row a predicted category for each of its 300 test examples, in place.

    Args:
        made: the study.
        names: of the categories.
        scored: whether `right` and the accuracy follow from them; else the rows say nothing of single examples.
        rotate: whether each seed has test examples of its own.
    """
    count, bits = len(names), max(1, (len(names) - 1).bit_length())
    drawn = {seed: np.random.default_rng(seed if rotate else 0) for seed in made.study["seeds"]}
    truth = {seed: rng.integers(count, size=300) for seed, rng in drawn.items()}
    ease = {seed: rng.normal(1.6, 1.0, size=300) for seed, rng in drawn.items()}
    written = [pack(truth[seed], bits) for seed in made.study["seeds"]]
    made.study["categories"] = {
        "one": "class", "many": "classes", "names": list(names), "truth": written if rotate else written[:1],
    }  # fmt: skip
    made.study["data"]["arguments"] = {"rotate_test": True} if rotate else {}
    made.study["data"]["pool"] = 1797
    places = {arm["name"]: k for k, arm in enumerate(made.study["arms"])}
    for row in made.rows:
        if row["status"] == "done":
            own, seed = np.random.default_rng([places[row["arm"]], row["seed"]]), row["seed"]
            wrong = ease[seed] + places[row["arm"]] / 10 + own.normal(0, 0.4, size=300) < 0
            decided = np.where(wrong, (truth[seed] + 1 + own.integers(2, size=300)) % count, truth[seed])
            row["predicted"], row["right"] = pack(decided, bits), None
            if scored:
                row["right"] = pack(decided == truth[seed], 1)
                row["metrics"]["test_accuracy"] = float(np.float32(np.mean(decided == truth[seed])))
    return made


def pack(values: np.ndarray, bits: int) -> str:
    """Numbers in so many bits each, the highest first, as base64: written out, not as the package does it."""
    text = "".join(format(int(value), f"0{bits}b") for value in values)
    text += "0" * (-len(text) % 8)
    return base64.b64encode(bytes(int(text[k : k + 8], 2) for k in range(0, len(text), 8))).decode()


def classified() -> Made:
    """Ten classes, and what every cell took each test example for."""
    return decide(make(arms=dict([*ARMS.items()][:6])), tuple(map(str, range(10))))


def hostile() -> Made:
    """Names that break out of every format unless they are escaped."""
    arms = {name: ({name: {"name": name, name: name}} if i else {}, 0.004 * i) for i, name in enumerate(HOSTILE)}
    made = make(arms=arms, seeds=6)
    made.study["name"] = made.study["question"] = made.study["command"] = " ".join(HOSTILE)
    made.study["data"]["name"] = made.study["data"]["description"] = HOSTILE[2] + HOSTILE[1]
    made.environment["versions"][HOSTILE[2]] = HOSTILE[5]
    made.study["programs"][0]["why"] = HOSTILE[2]
    fail(rows_of(made, HOSTILE[4])[1], HOSTILE[2] + HOSTILE[1] + HOSTILE[5])
    decide(made, HOSTILE, scored=False)
    return made


def factorial(seeds: int = 6) -> Made:
    """A full 2^3 design: dropout and smoothing are redundant, batch norm adds on."""
    factors = {
        "norm": {"name": "batch"},
        "dropout": {"name": "plain", "rate": 0.2},
        "target": {"name": "smooth", "smoothing": 0.1},
    }
    arms = {}
    for code in range(8):
        on = [axis for i, axis in enumerate(factors) if code >> i & 1]
        effect = 0.015 * ("norm" in on) + 0.008 * bool({"dropout", "target"} & set(on))
        arms[" + ".join(on) or "baseline"] = ({axis: factors[axis] for axis in on}, effect)
    made = make(arms=arms, seeds=seeds)
    made.study["design"] = "factorial"
    return made


def tuned() -> Made:
    """Every arm with a learning rate of its own, chosen out of three; adam's lies at the border."""
    made = make()
    points = [{"optimizer": {"learning_rate": rate}} for rate in (0.01, 0.03, 0.1)]
    records = {}
    for i, arm in enumerate(made.study["arms"]):
        chosen = 2 if arm["name"] == "adam" else 1
        arm["recipe"]["optimizer"] = arm["recipe"]["optimizer"] | points[chosen]["optimizer"]
        records[arm["name"]] = {
            "chosen": chosen,
            "validation": [0.9, 0.93, 0.94 + i / 1000 if chosen == 2 else None],
            "at_border": ["optimizer.learning_rate=0.1 (high)"] if chosen == 2 else [],
            "expected_best": [0.91, 0.925, 0.94] if chosen == 2 else [0.915, 0.93],
        }
    made.study["tuning"] = {
        "metric": "val_accuracy", "relative": False, "seeds": [65536, 65537], "points": points, "arms": records,
    }  # fmt: skip
    return made


def loss_metric() -> Made:
    """Decided by the test loss: lower is better."""
    return make(metric="test_loss")


def regression() -> Made:
    """Another task: three errors without a percentage among them, decided by the mean squared error."""
    made = make()
    made.study |= {
        "task": "regression",
        "question": "Which tricks help a small network to predict a distance?",
        "metrics": [described("mse", "lower", 1.0, "m²", "m²"), described("mae", "lower", 1.0, "m", "m"),
                    described("r2", "higher")],
        "watch": "mse",
        "curves": ["train_loss"],
        "metric": {"name": "test_mse", "higher_is_better": False, "margin": None},
    }  # fmt: skip
    for row in made.rows:
        skill, curves = row["metrics"]["test_accuracy"], row["curves"]
        mse = [40 * (1 - value) for value in curves["val_accuracy"]]
        errors = {"mse": mse, "mae": [math.sqrt(x) for x in mse], "r2": [1 - x / 30 for x in mse]}
        row["curves"] = {
            "step": curves["step"],
            **{f"val_{name}": values for name, values in errors.items()},
            "train_loss": curves["train_loss"],
            "learning_rate": curves["learning_rate"],
        }
        row["metrics"] = {f"val_{name}": values[-1] for name, values in errors.items()} | {
            "test_mse": 40 * (1 - skill), "test_mae": math.sqrt(40 * (1 - skill)), "test_r2": skill,
            "train_loss": curves["train_loss"][-1], "initial_mse": 36.0,
        }  # fmt: skip
    return made


def adversarial() -> Made:
    """Two networks against each other: no loss that should fall, and a learning rate of the critic's own."""
    made = make()
    made.study |= {
        "task": "adversarial",
        "question": "Which tricks keep a generator from forgetting modes?",
        "metrics": [described("modes", "higher"), described("high_quality", "higher", 100.0, "%", "points"),
                    described("wasserstein", "lower")],
        "watch": "wasserstein",
        "curves": ["critic_loss", "generator_loss"],
        "metric": {"name": "test_modes", "higher_is_better": True, "margin": 0.5},
    }  # fmt: skip
    for arm in made.study["arms"]:
        arm["rates"] = {"critic_learning_rate": arm["rates"]["learning_rate"]}
    for row in made.rows:
        skill, curves = row["metrics"]["test_accuracy"], row["curves"]
        values = {
            "modes": [round(25 * value) for value in curves["val_accuracy"]],
            "high_quality": curves["val_accuracy"],
            "wasserstein": [1.1 - value for value in curves["val_accuracy"]],
        }
        row["curves"] = {
            "step": curves["step"],
            **{f"val_{name}": curve for name, curve in values.items()},
            "critic_loss": [-x for x in curves["train_loss"]],
            "generator_loss": [x - 0.5 for x in curves["train_loss"]],
            "critic_learning_rate": curves["learning_rate"],
        }
        row["metrics"] = {f"val_{name}": float(curve[-1]) for name, curve in values.items()} | {
            "test_modes": 25 * skill, "test_high_quality": skill, "test_wasserstein": 1.1 - skill,
            "critic_loss": row["curves"]["critic_loss"][-1], "generator_loss": row["curves"]["generator_loss"][-1],
            "initial_wasserstein": 1.05,
        }  # fmt: skip
    return made


VARIANTS = {
    "finished": finished,
    "troubled": troubled,
    "empty": empty,
    "all_diverged": all_diverged,
    "all_failed": all_failed,
    "one_seed": one_seed,
    "one_arm": one_arm,
    "classified": classified,
    "hostile": hostile,
    "factorial": factorial,
    "loss_metric": loss_metric,
    "tuned": tuned,
    "regression": regression,
    "adversarial": adversarial,
}
