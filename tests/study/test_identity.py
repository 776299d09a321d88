"""What counts as the code of a cell: adding a choice trains nothing anew, changing a formula just what reaches it."""

import ast
import functools
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import pytest

from ablate import choice
from ablate.study import identity
from ablate.study.identity import Library, Source, code_of, source_of
from ablate.tricks.penalty import l1, l2

from .studies import cells, study_of

ROOT = Path(identity.__file__).parents[2]
VARY = {
    "init": ("he", "normal"),
    "norm": ("layer", "group"),
    "penalty": ("l1", "l2"),
    "decay": ("coupled", "decoupled"),
    "schedule": ("warmup", "cosine"),
}
ARMS = {f"{axis}={name}" if axis != "penalty" else name for axis, names in VARY.items() for name in names} | {
    "baseline"
}
MASKED = {"l1", "l2", "decay=coupled", "decay=decoupled"}


@functools.cache
def spec():
    return study_of({axis: tuple(map(choice, names)) for axis, names in VARY.items()}, data=choice("digits"))


def fingerprints():
    return {cell.arm.name: cell.fingerprint for cell in cells(spec())}


unchanged = functools.cache(fingerprints)


@pytest.fixture
def changed(monkeypatch):
    """The arms whose cells are others where sources are: module name -> its text, or what its text becomes."""

    def arms(**sources):
        def read(name):
            source, change = source_of(name), sources.get(name.replace(".", "__"))
            if change is None:
                return source
            before = source.text.decode() if source else ""
            after = change(before) if callable(change) else change
            assert after != before
            return Source(after, bool(source and source.package))

        before = unchanged()
        with monkeypatch.context() as patch:
            patch.setattr(identity, "source_of", read)
            after = fingerprints()
        assert before.keys() == after.keys() == ARMS
        return {name for name in before if before[name] != after[name]}

    return arms


def replace(old, new):
    def change(text):
        assert old in text
        return text.replace(old, new)

    return change


NEW_TRICK = replace(
    "AXIS = Axis(", "def l3(params, features, labels):\n    return 3 * total(abs, params, 'all')\n\n\nAXIS = Axis("
)
NEW_LINE = replace('"l2": Choice(l2,', '"l3": Choice(l3), "l2": Choice(l2,')


def test_a_new_trick_trains_nothing_anew(changed):
    exported = replace("import l1, l2, no_penalty", "import l1, l2, l3, no_penalty")
    assert changed(ablate__tricks__penalty=lambda text: NEW_LINE(NEW_TRICK(text)), ablate__tricks=exported) == set()


def test_a_new_model_trains_nothing_anew(changed):
    line = replace('"mlp": Mlp,', '"mlp": Mlp, "cnn": Cnn,')
    imported = replace("from ablate.models.mlp", "from ablate.models.cnn import Cnn\nfrom ablate.models.mlp")
    model = "import flax.linen as nn\n\n\nclass Cnn(nn.Module):\n    layers: object\n"
    assert changed(ablate__models=lambda text: imported(line(text)), ablate__models__cnn=model) == set()


def test_a_new_data_set_trains_nothing_anew(changed):
    line = replace('    "digits": digits,\n', '    "digits": digits,\n    "moons": moons,\n')
    imported = replace("from ablate.data.digits", "from ablate.data.moons import moons\nfrom ablate.data.digits")
    data = "def moons(size: int = 3):\n    return size\n"
    assert changed(ablate__data=lambda text: imported(line(text)), ablate__data__moons=data) == set()


def test_a_new_task_trains_nothing_anew(changed):
    line = replace('    "regression": Regression,\n', '    "regression": Regression,\n    "ordinal": Ordinal,\n')
    imported = replace(
        "from ablate.tasks.regression", "from ablate.tasks.ordinal import Ordinal\nfrom ablate.tasks.regression"
    )
    task = "class Ordinal:\n    needs = ('label',)\n"
    has_them = replace('SUPERVISED = ("classification", ', 'SUPERVISED = ("ordinal", "classification", ')
    tasks = {"ablate__tasks": lambda text: imported(line(text)), "ablate__tasks__ordinal": task}
    assert changed(**tasks, ablate__tricks__axis=has_them) == set()


@pytest.mark.parametrize(
    ("module", "old", "new", "arms"),
    [
        ("tricks.penalty", "weight * total(jnp.abs", "2 * weight * total(jnp.abs", {"l1"}),
        ("tricks.penalty", "jnp.sum(measure(w))", "jnp.mean(measure(w))", {"l1", "l2"}),
        ("tricks.masks", "jnp.ndim(w) > 1", "jnp.ndim(w) > 2", MASKED),
        ("tricks.masks", '("kernels", "all")', '("kernels", "none", "all")', MASKED),
        ("tricks.decay", "import jax.numpy as jnp", "import numpy as jnp", set()),  # in an example only
        ("tricks.masks", "import jax.numpy as jnp", "import numpy as jnp", MASKED),
        ("tricks.norm", "num_groups=1,", "num_groups=2,", {"norm=layer"}),
        ("tricks.norm", 'Float[Array, "batch *pos', 'Float[Array, "a batch *pos', ARMS),  # no norm has it too
        ("tricks.initializers", 'scaled_by_fan(2.0, "fan_in"', 'scaled_by_fan(3.0, "fan_in"', {"init=he"}),
        ("tricks.initializers", "initializers.normal(stddev)", "initializers.uniform(stddev)", {"init=normal"}),
        ("tricks.initializers", "initializers.variance_scaling(gain", "initializers.variance_scaling(2 * gain", ARMS),
        ("tricks.schedule", "constant(clock, warmup=steps)", "constant(clock, warmup=0)", {"schedule=warmup"}),
        ("tricks.gradient", "jnp.", "jax.numpy.", set()),
        ("tricks.layerwise", "jnp.ones(", "jnp.zeros(", ARMS),
        ("models.resnet", "range(3)", "range(4)", set()),
        ("models.mlp", "layers.activated(x, train=train)", "x", ARMS),
        ("data.digits", "255", "256", ARMS),
        ("data.sampling", "round(sampling.validation", "int(sampling.validation", ARMS),
        ("data.tfds_source", "num_classes", "numbers", set()),
        ("tasks.keys", '"init", "order"', '"order", "init"', ARMS),
        ("tasks.classification", "jnp.mean(loss(", "jnp.sum(loss(", ARMS),
        ("train.lane", "lane.step + 1", "lane.step + 2", ARMS),
        ("train.checkpoints", '"sha256"', '"md5"', set()),
        ("study.programs", "1.0 if argument.required", "2.0 if argument.required", ARMS),
        ("study.design", "itertools", "itertools_", set()),
    ],
)  # fmt: skip
def test_a_formula_trains_what_reaches_it_anew(changed, module, old, new, arms):
    assert changed(**{f"ablate__{module.replace('.', '__')}": replace(old, new)}) == arms


def test_words_and_layout_train_nothing_anew(monkeypatch):
    def read(name):
        source = source_of(name)
        if source is None:
            return None
        tree = ast.parse(source.text)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node):
                node.body[0].value.value = "Other words."
        return Source("# A comment.\n\n\n" + ast.unparse(tree), source.package)

    before = unchanged()
    monkeypatch.setattr(identity, "source_of", read)
    assert fingerprints() == before


def test_the_report_and_the_command_line_are_not_read(monkeypatch):
    names = set()
    monkeypatch.setattr(identity, "source_of", lambda name: names.add(name) or source_of(name))
    fingerprints()
    packages = {".".join(name.split(".")[:2]) for name in names if name.startswith("ablate.")}
    assert packages == {f"ablate.{name}" for name in ("data", "models", "results", "study", "tasks", "train", "tricks")}
    # Of what is stored, how predictions are packed.
    assert {name for name in names if name.startswith("ablate.results.")} == {"ablate.results.packed"}


PLAN = """
import json
from ablate import choice
from tests.study.studies import cells, study_of
spec = study_of({vary!r}, data=choice("digits"))
print(json.dumps({{cell.arm.name: cell.fingerprint for cell in cells(spec)}}))
"""


def test_another_process_and_another_folder_agree(tmp_path):
    """A copy of the package with a new trick, a new model, and words in the report, planned for real."""
    for name in ("ablate", "tests/study"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    penalty, models = (tmp_path / "ablate" / name for name in ("tricks/penalty.py", "models/__init__.py"))
    penalty.write_text(NEW_LINE(NEW_TRICK(penalty.read_text())))
    models.write_text(models.read_text() + '\nMODELS["none"] = Mlp\n')
    (tmp_path / "ablate/report/wording.py").write_text("")
    code = PLAN.format(vary=VARY)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONHASHSEED": "1"}
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )
    assert json.loads(shown.stdout) == unchanged()


def code(root="m:f", **modules):
    """The code of a path where these are all the modules: `pkg__mod` for pkg.mod, `pkg__` for a package."""
    sources = {name.rstrip("_").replace("__", "."): Source(text, name.endswith("__")) for name, text in modules.items()}
    return code_of(root, Library(sources.get))


@pytest.mark.parametrize(
    ("m", "counts"),
    [
        ("def f(): return g()", True),
        ("def f(x=g): ...", True),
        ("def f(x: g): ...", True),
        ("def f(x: 'list[g]'): ...", True),
        ("def f() -> g: ...", True),
        ("@g\ndef f(): ...", True),
        ("@k.wrap(g)\ndef f(): ...", True),
        ("class f(g): ...", True),
        ("class f:\n  x: g = 1", True),
        ("class f:\n  def method(self): return g.attribute", True),
        ("class f:\n  g = 1\n  def method(self): return g()", True),
        ("f = lambda x: g(x)", True),
        ("f = g", True),
        ("f = 1\nf += g()", True),
        ("f = {}\nf['x'] = g", True),
        ("def f(): ...\nf.x = g", True),
        ("def f(): ...\nregister(f, g)", True),
        ("if 1:\n  def f(): return g\nelse:\n  f = 0", True),
        ("def f(): return [g for g in g]", True),
        ("def f():\n  global g\n  g = 2", True),
        ("async def f(): await g()", True),
        ("def f():\n  def inner(): return g()\n  return inner", True),
        ("def h(): return g()\ndef f(): return h()", True),
        ("def h(): return f() + g()\ndef f(): return h()", True),
        ("def f(g): return g()", False),
        ("def f(*, g=1, **k): return g", False),
        ("def f(*g): return g", False),
        ("def f():\n  g = 1\n  return lambda: g", False),
        ("def f():\n  for g in (): g", False),
        ("def f():\n  with x as (g, y): g", False),
        ("def f():\n  try: x\n  except x as g: g", False),
        ("def f():\n  match x:\n    case [g, *_]: g", False),
        ("def f():\n  if (g := 1): return g", False),
        ("def f():\n  def g(): ...\n  return g()", False),
        ("def f(): return [g for g in x]", False),
        ("def f(x): return x.g", False),
        ("def f(): return 'g'", False),
        ("def f(): ...\ndef h(): return g()", False),
        ("def f(): ...\nif __name__ == '__main__':\n  g()", False),
    ],
)
def test_what_a_definition_reads(m, counts):
    assert (code(m=f"{m}\ndef g(): return 1") != code(m=f"{m}\ndef g(): return 2")) == counts


G = "\ndef g(): return {}\n"
OTHERS = "\nimport this\nfrom typing import *\ndef other(): return {}\n"


@pytest.mark.parametrize(
    ("m", "modules"),
    [
        ("from n import g\ndef f(): g()", {"n": G}),
        ("from n import g as h\ndef f(): h()", {"n": G}),
        ("import n\ndef f(): n.g()", {"n": G}),
        ("import n as h\ndef f(): h.g.x()", {"n": G}),
        ("def f():\n  from n import g\n  g()", {"n": G}),
        ("def f():\n  import n\n  n.g()", {"n": G}),
        ("from n import *\ndef f(): g()", {"n": G}),
        ("try:\n  from n import g\nexcept ImportError:\n  g = None\ndef f(): g()", {"n": G}),
        ("import n.k\ndef f(): n.k.g()", {"n__": "", "n__k": G}),
        ("from n import k\ndef f(): k.g()", {"n__": "", "n__k": G}),
        ("from n import k\ndef f(): k.g()", {"n__": "from n import k", "n__k": G}),
        ("from n import k\ndef f(): k.g()", {"n__k": G}),
        ("import n.k as h\ndef f(): h.g()", {"n__k": G}),
        ("from n import g\ndef f(): g()", {"n__": "from n.k import g", "n__k": G}),
        ("from n import g\ndef f(): g()", {"n__": "from .k import g", "n__k": G}),
        ("from n import h\ndef f(): h", {"n__": "from .k.j import h", "n__k__": G, "n__k__j": "from . import g as h"}),
        ("import n\ndef f(): n.g()", {"n__": "from n.k import g as g", "n__k": G}),
    ],
)  # fmt: skip
def test_imports_lead_to_one_definition(m, modules):
    def with_(g, other):
        home = next(name for name in modules if modules[name] == G)
        return code(m=m, **{**modules, home: G.format(g) + OTHERS.format(other)})

    assert with_(1, 1) == with_(1, 2) != with_(2, 1)


def test_a_module_that_is_used_otherwise_counts_whole():
    m = "import n\ndef f(name): return getattr(n, name)"
    assert code(m=m, n="def g(): return 1") != code(m=m, n="def g(): return 2")
    assert code(m=m, n="from k import g", k="g = 1") != code(m=m, n="from k import g", k="g = 2")


def test_attributes_that_a_module_makes_when_asked():
    m = "import n\ndef f(): return n.lazy"
    assert code(m=m, n="def __getattr__(name): return 1") != code(m=m, n="def __getattr__(name): return 2")


def test_a_name_that_a_module_makes_unseen_counts_with_all_of_it():
    m = "from n import g\ndef f(): g()"
    assert code(m=m, n="globals().update(g=h)\nh = 1") != code(m=m, n="globals().update(g=h)\nh = 2")
    assert code(m="import n\ndef f(): n.__name__", n="g = 1") == code(m="import n\ndef f(): n.__name__", n="g = 2")


def test_names_that_change_places_count():
    """The same text and the same definitions, which stand for one another."""
    m, n = "from n import {} as a, {} as b\ndef f(): return a - b", "x = 1\ny = 2"
    assert code(m=m.format("x", "y"), n=n) != code(m=m.format("y", "x"), n=n)
    assert code(m="import numpy as np\ndef f(): np.sum") != code(m="import jax.numpy as np\ndef f(): np.sum")


def test_a_statement_that_binds_nothing_belongs_to_its_module():
    assert code(m="def f(): ...") != code(m="import jax\njax.config.update('x64', True)\ndef f(): ...")
    m = "from n import g\ndef f(): g()"
    assert code(m=m, n="g = 1") != code(m=m, n="g = 1\nregister(g)")


def test_tables_are_recognised_by_their_call_and_by_name():
    axis = "class Axis: ..."
    own = "from ablate.tricks.axis import Axis\ndef g(): return {}\nX = Axis(g)\ndef f(): return X.name"
    other = "def g(): return {}\nAXES = g\ndef f(): return AXES"
    assert code(m=own.format(1), ablate__tricks__axis=axis) == code(m=own.format(2), ablate__tricks__axis=axis)
    assert code(m=other.format(1)) != code(m=other.format(2))  # a user's own name
    assert code("ablate.m:f", ablate__m=other.format(1)) == code("ablate.m:f", ablate__m=other.format(2))


USER = '''"""Words."""
import functools
from my_tricks.helper import half


def soft(loss):
    return half(loss)


def make(factor):
    def inner(x):
        return factor * x
    return inner


def doubled(function):
    @functools.wraps(function)
    def wrapper(x):
        return 2 * function(x)
    return wrapper


class Callable:
    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return x / self.by

    def method(self, x):
        return x


three, four = make(3), make(4)
twice, thrice = functools.partial(pow, 2), functools.partial(pow, 3)
by_two, by_five = Callable(2), Callable(5)
loud = doubled(soft)
short = lambda x: half(x)  # noqa: E731
'''


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A package of the user's own; gives a function that writes one of its files and imports it anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_tricks").mkdir()

    def forget():
        for name in [name for name in sys.modules if name.split(".")[0] == "my_tricks"]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def write(**files):
        forget()
        for name, text in files.items():
            (tmp_path / "my_tricks" / f"{name}.py").write_text(text)
        return importlib.import_module("my_tricks.mod")

    write(__init__="", helper="def half(x):\n    return x / 2\n", mod=USER)
    yield write
    forget()


def test_a_users_helper_counts(user):
    before = user()
    codes = {name: code_of(getattr(before, name)) for name in ("soft", "three", "short", "loud")}
    after = user(helper="# A comment.\nMORE = 1\n\n\ndef half(x):\n    return x / 2\n", mod=USER + "OTHER = 1\n")
    assert {name: code_of(getattr(after, name)) for name in codes} == codes
    last = user(helper="def half(x):\n    return x / 3\n")
    assert {name for name in codes if code_of(getattr(last, name)) != codes[name]} == {"soft", "short", "loud"}


def test_a_users_choice_changes_the_cells_that_make_it(user):
    def both():
        user()
        vary = {"objective": (choice("my_tricks.mod:soft"), choice("flood", level=0.5))}
        return {cell.arm.name: cell.fingerprint for cell in cells(study_of(vary))}

    before = both()
    user(helper="def half(x):\n    return x / 3\n")
    after = both()
    assert {arm for arm in before if before[arm] != after[arm]} == {"objective=my_tricks.mod:soft"}


def test_values_that_no_source_shows_count(user):
    mod = user()
    codes = [
        code_of(getattr(mod, name))
        for name in ("three", "four", "twice", "thrice", "by_two", "by_five", "loud", "soft")
    ]
    codes.append(code_of(mod.by_two.method))
    assert len(set(codes)) == len(codes)
    assert code_of(mod.make(3)) == codes[0]
    assert code_of(mod.Callable(5)) == codes[5]


def test_a_wrapper_of_the_users_own_counts(user):
    before = code_of(user().loud)
    assert code_of(user(mod=USER.replace("return 2 * function", "return 3 * function")).loud) != before


def made_in_memory():
    namespace = {}
    exec("def f(x):\n    return x", namespace)
    return namespace["f"]


@pytest.mark.parametrize(
    "make",
    [lambda: len, lambda: jnp.add, made_in_memory, lambda: json.dumps, lambda: functools.partial(l1, mask="all"),
     lambda: dict, lambda: jnp, lambda: object(), lambda: jnp.float32, lambda: "nowhere:thing", lambda: [].append],
)  # fmt: skip
def test_anything_has_a_code_without_addresses(make):
    assert code_of(make()) == code_of(make())
    assert len(code_of(make())) == 16
    assert set(code_of(make())) <= set("0123456789abcdef")


def test_a_path_is_the_thing_it_names():
    assert code_of("ablate.tricks.penalty:l1") != code_of("ablate.tricks.penalty:l2")
    assert code_of(l1) != code_of(l2)


def test_a_module_is_parsed_once(monkeypatch):
    names = []
    monkeypatch.setattr(identity, "source_of", lambda name: names.append(name) or source_of(name))
    cells(spec())
    assert len(names) == len(set(names))


def test_installed_packages_are_not_followed():
    assert source_of("ablate.tricks.penalty").text.startswith(b'"""Axis `penalty`')
    assert source_of("ablate.tricks").package
    assert [source_of(name) for name in ("jax", "jax.numpy", "json", "numpy", "ablate.nowhere", "nowhere.at.all")] == [
        None
    ] * 6
