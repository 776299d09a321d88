"""The code that a result follows from: the definitions that a function or a class reaches, read from the source.

A definition is a statement of a module that binds a name: a function, a class, a constant. It reaches the names that
it reads, wherever they are defined; statements that bind nothing (`jax.config.update(...)`) belong to every
definition of their module. Nothing is imported and nothing is run.

Followed are the modules of `ablate` and of the user, not the standard library nor installed packages; of a thing from
one of those, the definitions of its own module count. Tables of choices are not followed, or every trick would be
part of every cell: what is assigned from a call of `Axis`, and what `TABLES` names.
"""

import ast
import functools
import hashlib
import importlib.machinery
import importlib.util
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ablate.study.definitions import Chain, Import, Module, Statement, parse, without_words

PACKAGE = "ablate"
AXIS = (f"{PACKAGE}.tricks.axis", "Axis")
LAMBDA = "<lambda>"
TABLES = ("AXES", "MODELS", "DATASETS", "TASKS", "SUPERVISED")  # of `ablate`; a user's own names are never left out
LOOSE = "statements"  # stands for the name of those that bind none


class Source(NamedTuple):
    """The text of a module; `package` where it may hold others."""

    text: str | bytes
    package: bool = False


Read = Callable[[str], Source | None]
Place = tuple[str, str]  # a module and a name in it; no name: all of it
Passed = frozenset[tuple[str, Chain]]  # on the way to a definition, so that imports in a circle end


def coder() -> Callable[[Any], str]:
    """`code_of` that reads every source once: for one planning, during which no file changes."""
    return functools.cache(functools.partial(code_of, library=Library(source_of)))


def code_of(thing: Any, library: "Library | None" = None) -> str:
    """Fingerprint of the code that a thing reaches; comments, docstrings and layout do not count.

    Args:
        thing: a function, class, module, partial or callable object, or a path "module:name", which is not imported.
            The values that closures and objects hold count too.
        library: what the sources are read from; by default those of `source_of`, anew.

    Returns:
        16 hexadecimal digits; without source, of the `repr` without addresses.

    Example:
        >>> code_of("ablate.tricks.penalty:l1") == code_of("ablate.tricks.penalty:l2")
        False
    """
    library = library or Library(source_of)
    if isinstance(thing, str):
        module, _, name = thing.partition(":")
        return _hashed(library.closure([(module, name)]) or thing)
    return _hashed(_written(thing, library))


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def source_of(name: str) -> Source | None:
    """The source of a module of `ablate` or of the user's, by its dotted name; None for any other."""
    top = name.partition(".")[0]
    if top != PACKAGE and (top in sys.stdlib_module_names or _installed(_origin(top))):
        return None
    return _any_source_of(name)


def _any_source_of(name: str) -> Source | None:
    path = _origin(name)
    if path is None or path.suffix != ".py" or not path.is_file():
        return None
    return Source(path.read_bytes(), path.name == "__init__.py")


def _installed(path: Path | None) -> bool:
    return path is not None and bool({"site-packages", "dist-packages"} & set(path.parts))


def _origin(name: str) -> Path | None:
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        spec = _spec(name)
        file = spec.origin if spec and spec.has_location else None
    return Path(file) if file else None


def _spec(name: str) -> importlib.machinery.ModuleSpec | None:
    """Where a module would be found; unlike `importlib.util.find_spec`, without importing packages on the way."""
    parent = name.rpartition(".")[0]
    try:
        if not parent:
            return importlib.util.find_spec(name)
        above = _spec(parent)
        folders = above.submodule_search_locations if above else None
        return importlib.machinery.PathFinder.find_spec(name, list(folders)) if folders else None
    except (ImportError, ValueError):  # ValueError: a module in memory that has no spec, such as `__main__`
        return None


class Library:
    """Modules and what their definitions reach, read once.

    Args:
        read: gives the source of a module by its name, None for one that is not followed.
    """

    def __init__(self, read: Read):
        self.read = read
        self.module = functools.cache(self._module)
        self._step = functools.cache(self._words_and_targets)

    def closure(self, roots: Sequence[Place]) -> str:
        """Every definition that is reached from the roots, hashed, and what each of its names stands for; sorted."""
        waiting = [place for root in roots for place in self._begin(*root)]
        reached, words = set(waiting), set()
        while waiting:
            said, targets = self._step(waiting.pop())
            words |= said
            waiting += targets - reached
            reached |= targets
        return "\n".join(sorted(words))

    def _module(self, name: str) -> Module | None:
        source = self.read(name)
        try:
            return parse(name, source.text, source.package) if source else None
        except SyntaxError:  # nothing can import it either
            return None

    def _begin(self, module: str, name: str) -> Iterator[Place]:
        if name.startswith(LAMBDA):
            return iter([(module, name)])
        return self._resolve(module, (name,) if name else ())

    def _words_and_targets(self, place: Place) -> tuple[frozenset[str], frozenset[Place]]:
        words, targets = set(), set()
        for k, statement in enumerate(self._statements(place)):
            words.add(f"{':'.join(place)}:{k} {statement.content.text}")
            for chain, target in self._reads(place[0], statement):
                words.add(f"{place[0]}:{'.'.join(chain)} is {':'.join(target)}")
                targets.add(target)
        return frozenset(words), frozenset(targets)

    def _statements(self, place: Place) -> tuple[Statement, ...]:
        """The statements of a place; none where it lies outside, or is a table."""
        name, module = place[1], self.module(place[0])
        if module is None or self._is_table(module, name):
            return ()
        if name.startswith(LAMBDA):
            return module.lambdas_at(int(name.removeprefix(LAMBDA)))
        return module.loose if name == LOOSE else module.definitions.get(name, ())

    def _is_table(self, module: Module, name: str) -> bool:
        if name in TABLES and module.name.partition(".")[0] == PACKAGE:
            return True
        calls = (statement.calls for statement in module.definitions.get(name, ()))
        return any(AXIS in self._resolve(module.name, call) for call in calls if call)

    def _reads(self, name: str, statement: Statement) -> Iterator[tuple[Chain, Place]]:
        """The names that a statement of a module reads, with what they stand for; not what Python has built in."""
        module = self.module(name)
        known = {*module.definitions, *(each.bound for each in module.imports)} if module else set()
        for chain in statement.content.reads:
            for each in statement.content.imports:
                if each.bound == chain[0]:
                    yield from ((chain, place) for place in self._follow(each, chain[1:]))
            if chain[0] in known or "*" in known:
                yield from ((chain, place) for place in self._resolve(name, chain))

    def _follow(self, each: Import, rest: Chain, passed: Passed = frozenset()) -> Iterator[Place]:
        return self._resolve(each.module, (each.attribute, *rest) if each.attribute else rest, passed)

    def _resolve(self, name: str, chain: Chain, passed: Passed = frozenset()) -> Iterator[Place]:
        """What a chain of names means in the namespace of a module; without a chain, everything in the module."""
        module, again = self.module(name), (name, chain) in passed
        passed |= {(name, chain)}
        below = f"{name}.{chain[0]}" if chain else ""
        if below and (module is None or again) and self.module(below):
            # In a folder without __init__, or in a package that imports a module of its own.
            yield from self._resolve(below, chain[1:], passed)
        elif module is None:
            yield name, ".".join(chain)
        elif not again:
            yield from [(name, LOOSE)] if module.loose else []
            yield from self._attribute(module, chain, passed) if chain else self._whole(module, passed)

    def _whole(self, module: Module, passed: Passed) -> Iterator[Place]:
        yield from ((module.name, defined) for defined in module.definitions)
        for each in module.imports:
            yield from self._follow(each, (), passed)

    def _attribute(self, module: Module, chain: Chain, passed: Passed) -> Iterator[Place]:
        head, rest = chain[0], chain[1:]
        imports = [each for each in module.imports if each.bound == head]
        if head in module.definitions:
            yield module.name, head
        for each in imports:
            yield from self._follow(each, rest, passed)
        if head in module.definitions or imports:
            return
        stars = [each.module for each in module.imports if each.bound == "*"]
        if self.module(f"{module.name}.{head}"):
            yield from self._resolve(f"{module.name}.{head}", rest, passed)
        elif "__getattr__" in module.definitions:
            yield module.name, "__getattr__"
        elif not stars and not head.startswith("__"):  # the module makes it in a way that nobody can read
            yield from self._whole(module, passed)
        for star in stars:
            yield from self._resolve(star, chain, passed)


def _written(value: Any, library: Library, seen: frozenset[int] = frozenset()) -> str:
    """A value as text that is the same in every process: code as what it reaches, data as its `repr`."""
    if id(value) in seen:
        return "itself"
    inside = functools.partial(_written, library=library, seen=seen | {id(value)})
    if isinstance(value, functools.partial):
        return f"partial({inside(value.func)}, {inside(value.args)}, {inside(value.keywords)})"
    if isinstance(value, types.MethodType):
        return f"method({inside(value.__func__)}, {inside(value.__self__)})"
    if isinstance(value, types.FunctionType):
        if hasattr(value, "__wrapped__") and not library.module(_home(value)):
            return inside(value.__wrapped__)  # a wrapper from elsewhere: what it holds is its own affair
        return f"function({_code(value, library)}, {inside(_values_in(value))})"
    if isinstance(value, types.ModuleType) or hasattr(value, "__qualname__"):
        return _code(value, library)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {inside(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inside, value))}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(inside, value)))}}}"
    if hasattr(value, "__dict__"):
        return f"{_plain(value)}({inside(type(value))}, {inside(vars(value))})"
    return _plain(value)


def _plain(value: Any) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _values_in(function: types.FunctionType) -> dict[str, Any]:
    """What a function that was made by another one holds of it."""
    if "<locals>" not in function.__code__.co_qualname:
        return {}
    cells = zip(function.__code__.co_freevars, function.__closure__ or ())
    values = {name: cell.cell_contents for name, cell in cells if cell != types.CellType()}  # not those still empty
    return {**values, "defaults": function.__defaults__, "named defaults": function.__kwdefaults__}


def _code(thing: Any, library: Library) -> str:
    """What a function, class or module reaches; its own module is read even if it is an installed one."""
    if isinstance(thing, types.ModuleType):
        roots = [(thing.__name__, "")]
    else:
        roots = [(getattr(thing, "__module__", None) or "", thing.__qualname__.partition(".")[0])]
    if isinstance(thing, types.FunctionType):  # a wrapper bears the names of what it wraps
        roots.append((_home(thing), thing.__code__.co_qualname.partition(".")[0]))
        line = f"{LAMBDA}{thing.__code__.co_firstlineno}"
        roots = [(module, line if name == LAMBDA else name) for module, name in roots]
    return _at_home(library, roots[0][0]).closure(roots) or _text(thing)


def _home(function: types.FunctionType) -> str:
    return str(function.__globals__.get("__name__"))


def _at_home(library: Library, home: str) -> Library:
    if library.module(home):
        return library
    return Library(lambda name: _any_source_of(name) if name == home else library.read(name))


def _text(thing: Any) -> str:
    """The source of what stands in no file, in a notebook for example."""
    try:
        return without_words(ast.parse(textwrap.dedent(inspect.getsource(thing))))
    except (OSError, TypeError, SyntaxError):
        return _plain(thing)
