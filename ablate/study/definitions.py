"""A module's source as definitions: for every statement what it binds, what it says and which names it reads.

Scopes are those of Python: an argument or a variable of a function hides a definition of the same name.
"""

import ast
import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

Chain = tuple[str, ...]  # a name and the attributes that are read of it: ("jnp", "linalg", "norm")
PLACES = (ast.Name, ast.Attribute, ast.Subscript)
CAUGHT = (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping)
NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Import(NamedTuple):
    """What an import binds: a name to a module or, where there is an `attribute`, to what the module has there."""

    bound: str
    module: str
    attribute: str | None = None


class Content(NamedTuple):
    """What a statement says without words, hashed; the names that it takes from outside; the imports inside of it."""

    text: str
    reads: frozenset[Chain]
    imports: tuple[Import, ...]


class Statement:
    """A statement, whose content is worked out when it is asked for, since most are reached by nobody."""

    def __init__(self, node: ast.AST, package: str):
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        # The name of what is called for the value that it assigns: ("axis", "Axis") in `X = axis.Axis(...)`.
        self.calls = _chain(value.func) if isinstance(value, ast.Call) else ()
        self._node = node
        self._package = package

    @functools.cached_property
    def content(self) -> Content:
        """What it says and reads; the tree goes, since many small objects slow the garbage collector down."""
        reader = _Reader()
        reader.visit(self._node)
        text = hashlib.sha256(without_words(self._node).encode()).hexdigest()[:16]
        imports = tuple(each for node in reader.imports for each in _imports(node, self._package))
        del self._node
        return Content(text, frozenset(reader.chains), imports)


@dataclasses.dataclass(frozen=True)
class Module:
    """A parsed module.

    Args:
        name: dotted.
        package: the package that relative imports start from.
        text: of all of it.
        definitions: name -> the statements that bind or change it, in order.
        loose: statements that bind nothing.
        imports: of the module's own namespace.
    """

    name: str
    package: str
    text: str | bytes
    definitions: Mapping[str, tuple[Statement, ...]]
    loose: tuple[Statement, ...]
    imports: tuple[Import, ...]

    def lambdas_at(self, line: int) -> tuple[Statement, ...]:
        """The lambdas that start on a line."""
        nodes = (
            node for node in ast.walk(ast.parse(self.text)) if isinstance(node, ast.Lambda) and node.lineno == line
        )
        return tuple(Statement(node, self.package) for node in nodes)


@functools.lru_cache(maxsize=1024)
def parse(name: str, text: str | bytes, package: bool) -> Module:
    """The definitions of a module; `package` where it is the `__init__` of one.

    Raises:
        SyntaxError: the text is no Python.
    """
    tree = ast.parse(text)
    home = name if package else name.rpartition(".")[0]
    definitions: dict[str, list[Statement]] = {}
    loose = []
    for node in tree.body:
        statement, bound = Statement(node, home), set(_bound(node))
        for each in bound:
            definitions.setdefault(each, []).append(statement)
        if not bound and not _is_idle(node):
            loose.append(statement)
    frozen = {each: tuple(statements) for each, statements in definitions.items()}
    imports = (each for node in _top_imports(tree) for each in _imports(node, home))
    return Module(name, home, text, frozen, tuple(loose), tuple(imports))


def without_words(tree: ast.AST) -> str:
    """The tree as text, without the docstrings in it: statements that are a constant and nothing else.

    >>> without_words(ast.parse("def f():\\n  'Words.'\\n  g()")) == without_words(ast.parse("def f(): g() # words"))
    True
    """
    for node in _statements(tree):
        node.body = [line for line in node.body if not _is_constant(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node with a list of statements for a body; expressions are not looked into, since none has."""
    if isinstance(getattr(tree, "body", None), list):
        yield tree
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        block = getattr(tree, field, ())
        for node in block if isinstance(block, list) else ():
            yield from _statements(node)


def _is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_idle(node: ast.stmt) -> bool:
    """Whether an import of the module does nothing here but import others."""
    if isinstance(node, ast.If) and any(getattr(part, "id", None) == "__name__" for part in ast.walk(node.test)):
        return True
    parts = [part for part in ast.walk(node) if isinstance(part, ast.stmt) and not isinstance(part, ast.If | ast.Try)]
    return all(_is_constant(part) or isinstance(part, ast.Import | ast.ImportFrom | ast.Pass) for part in parts)


def _top_imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from (part for part in ast.walk(node) if isinstance(part, ast.Import | ast.ImportFrom))


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield Import(alias.asname, alias.name) if alias.asname else Import(top, top)
    else:
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        yield from (Import(alias.asname or alias.name, module, alias.name) for alias in node.names)


def _bound(node: ast.AST, *, changed: bool = True) -> Iterator[str]:
    """The names that a statement binds in its own scope, imports apart; `changed` adds x of `x.y = z`."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, NAMED):
            yield node.name
        elif isinstance(node, COMPREHENSIONS):  # its variables are its own, but not those of := in it
            yield from (part.target.id for part in ast.walk(node) if isinstance(part, ast.NamedExpr))
        elif not isinstance(node, ast.Lambda):
            yield from _bound_here(node, changed)
            waiting += _children(node)


def _children(node: ast.AST) -> list[ast.AST]:
    """As `ast.iter_child_nodes` as a list, without the marks of what is loaded and what is stored."""
    children: list[ast.AST] = []
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            children += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
            children.append(value)
    return children


def _bound_here(node: ast.AST, changed: bool) -> Iterator[str]:
    if isinstance(node, PLACES):
        if isinstance(node.ctx, ast.Load):
            return
        root: ast.AST = node
        while changed and isinstance(root, PLACES[1:]):
            root = root.value
        if isinstance(root, ast.Name):
            yield root.id
    elif isinstance(node, CAUGHT):
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        yield from [name] if name else []


def _local(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> frozenset[str]:
    """Arguments and variables of a function."""
    args = function.args
    named = [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))]
    body = function.body if isinstance(function.body, list) else [function.body]
    variables = {name for node in body for name in _bound(node, changed=False)}
    return frozenset({arg.arg for arg in named} | variables)


def _chain(node: ast.AST) -> Chain:
    """The names of `a.b.c`; none where it does not start with a name."""
    attributes: Chain = ()
    while isinstance(node, ast.Attribute):
        attributes, node = (node.attr, *attributes), node.value
    return (node.id, *attributes) if isinstance(node, ast.Name) else ()


class _Reader(ast.NodeVisitor):
    """Collects the chains of names that are not local where they stand.

    The body of a class hides nothing: its names are unknown inside of its methods, and above them it may read a name
    before it binds it.
    """

    def __init__(self) -> None:
        self.chains: set[Chain] = set()
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self._hidden: frozenset[str] = frozenset()

    def generic_visit(self, node: ast.AST) -> None:
        self._visit_all(_children(node))

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.imports.append(node)

    visit_ImportFrom = visit_Import

    def visit_Global(self, node: ast.Global) -> None:
        self.chains.update((name,) for name in node.names)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id not in self._hidden:
            self.chains.add((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        if not chain:
            self.visit(node.value)
        elif chain[0] not in self._hidden:
            self.chains.add(chain)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all(node.decorator_list)
        self._visit_annotation(node.returns)
        self._visit_function(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node: ast.arg) -> None:
        self._visit_annotation(node.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_annotation(node.annotation)
        self._visit_all(filter(None, (node.target, node.value)))

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self.visit(node.args)  # annotations and defaults, which know nothing of the arguments
        self._visit_inside(_local(node), node.body if isinstance(node.body, list) else [node.body])

    visit_Lambda = _visit_function

    def _visit_comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        first, *others = node.generators
        self.visit(first.iter)  # the only part that is read outside
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        variables = frozenset(name for each in node.generators for name in _bound(each.target))
        self._visit_inside(variables, [*parts, *first.ifs, *others])

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension

    def _visit_annotation(self, node: ast.AST | None) -> None:
        """Names in quotes count too; the dimensions of an array look alike, and reach too much at worst."""
        for part in ast.walk(node) if node else ():
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                with contextlib.suppress(SyntaxError):
                    self.visit(ast.parse(part.value, mode="eval"))
        self._visit_all([node] if node else [])

    def _visit_inside(self, names: frozenset[str], nodes: Iterable[ast.AST]) -> None:
        outside, self._hidden = self._hidden, self._hidden | names
        self._visit_all(nodes)
        self._hidden = outside

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)
