"""Who may import whom, read from the source; and that a light import stays light."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "ablate"
FILES = sorted(ROOT.rglob("*.py"))

# package -> what it may import beside the standard library and itself
LAYERS = {
    "tricks": {"jax", "flax", "optax", "numpy", "jaxtyping"},
    "models": {"jax", "flax", "jaxtyping", "ablate.tricks"},
    "data": {
        "tensorflow_datasets", "array_record", "grain", "numpy", "sklearn", "PIL", "jaxtyping", "absl",
        "ablate.tricks.axis",
    },
    "results": {"numpy"},
    "stats": {"numpy", "scipy", "jaxtyping"},
    "train": {
        "jax", "flax", "optax", "numpy", "jaxtyping", "clu", "orbax",
        "ablate.tasks", "ablate.tricks", "ablate.data", "ablate.results",
    },
    "tasks": {"jax", "flax", "optax", "numpy", "jaxtyping", "ablate.tricks", "ablate.models", "ablate.data"},
    "study": {
        "ml_collections", "absl", "numpy",
        "ablate.tasks", "ablate.tricks", "ablate.data", "ablate.stats", "ablate.results.schema", "ablate.results.store",
    },
    "report": {"numpy", "matplotlib", "jinja2", "markupsafe", "pandas", "ablate.stats", "ablate.results"},
    "runner": {
        "clu", "jax", "jaxlib", "numpy", "rich", "ml_collections", "jaxtyping", "ray",
        "ablate.study", "ablate.train", "ablate.tasks", "ablate.data", "ablate.tricks", "ablate.results",
        "ablate.report", "ablate.stats.checks", "ablate.stats.labels", "ablate.version",
    },
    "trackers": {"wandb", "mlflow", "trackio", "ablate.report"},
    "cli/parser.py": {
        "ablate.cli", "ablate.runner.interrupts",
        "ablate.train.strategy", "ablate.trackers", "ablate.version",
    },
}  # fmt: skip
# what only these packages and modules may see
ONLY = {
    "ml_collections": {"study", "runner/execute.py", "runner/clean.py"},
    "absl": {"study", "data/tfds_source.py"},
    "tensorflow": {"data"},
    "tensorflow_datasets": {"data"},
    "sklearn": {"data"},
    "PIL": {"data"},
    "array_record": {"data"},
    "grain": {"data/stream.py"},
    "flax": {"tricks", "models", "tasks"},
    "optax": {"tricks", "tasks"},
    "orbax": {"train"},
    "clu": {"train", "runner/tensorboard.py", "runner/plan.py"},
    "scipy": {"stats"},
    "matplotlib": {"report"},
    "jinja2": {"report"},
    "ablate.cli": {"__main__.py", "cli"},
    "ray": {"runner/engines/workers.py"},
    "wandb": {"trackers"},
    "mlflow": {"trackers"},
    "trackio": {"trackers"},
}


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at any depth of the code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_is_below_it(layer):
    own = f"ablate.{layer.removesuffix('.py').replace('/', '.')}"
    files = [path for path in FILES if within(place(path).replace("/", "."), layer.replace("/", "."))]
    strangers = {
        f"{place(path)} imports {name}"
        for path in files
        for name in imports(path)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(within(name, module) for module in {own, *LAYERS[layer]})
    }
    assert files
    assert not strangers


@pytest.mark.parametrize("module", ONLY)
def test_a_dependency_is_seen_only_where_it_belongs(module):
    seen = {place(path) for path in FILES for name in imports(path) if within(name, module)}
    assert {
        path for path in seen if not any(path == home or path.startswith(f"{home}/") for home in ONLY[module])
    } == set()


def test_study_sees_statistics_only_for_designs_tuning_and_the_range_of_levels():
    names = {name for path in (ROOT / "study").glob("*.py") for name in imports(path) if within(name, "ablate.stats")}
    assert {name for name in names if not within(name, "ablate.stats.tuning")} <= {
        "ablate.stats.designs",
        "ablate.stats.checks.POWER",
        "ablate.stats.checks.TESTS",
        "ablate.stats.checks.Test",
    }


def test_transformations_over_lanes_stand_in_one_file():
    found = {}
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and within_jax(node)}
        used |= {name.rpartition(".")[2] for name in imports(path) if within(name, "jax")}
        found[place(path)] = used & {"jit", "vmap", "pmap", "shard_map"}
    assert found.pop("train/lanes.py") == {"jit", "vmap", "shard_map"}
    assert found.pop("runner/backend.py") == {"jit", "vmap"}  # a probe of the compiler itself
    primitives = {
        path: used - {"vmap"} if path.split("/")[0] in ("tricks", "models", "tasks") else used
        for path, used in found.items()
    }
    assert {path: used for path, used in primitives.items() if used} == {}


def within_jax(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "jax"


def test_console_output_stands_in_the_commands():
    calls = {
        place(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert calls <= {
        f"cli/{name}.py" for name in ("main", "looking", "training", "reading", "planning", "printing", "ensembles")
    }


# Where a label, its classes and what is right or wrong about them are spoken of.
OF_LABELS = ("classification", "multi_task", "adversarial", "samples")
LABELS = (*(f"tasks/{name}.py" for name in OF_LABELS), "data/", "tricks/")


@pytest.mark.parametrize("word", ["accuracy", "log C", "log_classes", "classes", "nats", "softmax"])
def test_words_of_one_task_stand_in_its_file_its_data_and_its_tricks(word):
    pattern = re.compile(rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])")
    homes = {place(path) for path in FILES if pattern.search(code_of(path))}
    assert {home for home in homes if not home.startswith(LABELS)} == set()


def code_of(path: Path) -> str:
    """The code of a file without its docstrings, whose examples may speak of any task."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        first = (
            getattr(node, "body", [None])[0] if isinstance(getattr(node, "body", None), list) and node.body else None
        )
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            first.value = ast.Constant("")
    return ast.unparse(tree)


def test_no_drawer_for_odds_and_ends():
    names = {part for path in FILES for part in (path.stem, path.parent.name)}
    assert not names & {"utils", "util", "common", "helpers", "misc", "base", "shared", "core", "lib"}


@pytest.mark.parametrize("word", ["NotImplementedError", "TODO", "FIXME", "XXX", "HACK", "breakpoint(", "import pdb"])
def test_nothing_is_left_for_later(word):
    assert [place(path) for path in FILES if word in path.read_text(encoding="utf-8")] == []


def test_no_error_is_caught_without_a_kind():
    bare = [
        f"{place(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


HEAVY = [
    "matplotlib", "sklearn", "tensorflow", "tensorflow_datasets", "grain", "orbax", "ml_collections", "clu",
    "scipy.stats",
]  # fmt: skip
LIGHT = ["jax", "numpy", "rich"]  # flax itself imports rich


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("ablate.tricks", HEAVY),
        ("ablate", [*LIGHT, *HEAVY]),
        ("ablate.results.store", [*LIGHT, *HEAVY]),
        ("ablate.cli.main", ["jax", "numpy", *HEAVY]),
    ],
)
def test_light_imports_stay_light(module, absent):
    code = f"import sys, {module}; print(*sorted(set({absent!r}) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert found.stdout.split() == []
