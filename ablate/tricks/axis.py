"""What an axis and a choice are; every axis file ends with one `Axis`.

A choice is an ordinary function, optax factory or flax module. Its signature is the only place where its
arguments, defaults and kinds are written down: a parameter annotated `Scalar` (or `float`) is a number that the
compiled program takes as an *input*; every other parameter (`int`, `str`, `bool`, `tuple`) shapes the program.
"""

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import jax
from jaxtyping import Float, Int

__all__ = [
    "Argument",
    "Axis",
    "BelowOne",
    "Choice",
    "Count",
    "Counts",
    "FilePath",
    "IsFile",
    "NonNegative",
    "OneOrMore",
    "Positive",
    "Range",
    "Scalar",
    "Share",
    "signature_of",
]

SUPERVISED = ("classification", "regression", "multi_task")  # tasks with one network and answers per example
Scalar = float | int | Float[jax.Array, ""] | Int[jax.Array, ""]


class Range(NamedTuple):
    """What an argument may be, written into its annotation: `alpha: Annotated[Scalar, Range(0, 1)]`.

    Args:
        low: the least value, itself allowed; None for no bound.
        high: the largest value, itself allowed; None for no bound.
        above: True leaves `low` itself out.
        below: True leaves `high` itself out.
    """

    low: float | None = None
    high: float | None = None
    above: bool = False
    below: bool = False

    def problem(self, value: int | float) -> str | None:
        """What is wrong with a value, in words; None where it is allowed.

        >>> Range(0, 1).problem(2), Range(0, above=True).problem(0.5), Range(1).problem(0)
        ('must lie between 0 and 1, got 2', None, 'must be 1 or more, got 0')
        """
        low, high = self.low, self.high
        if low is not None and high is not None and not low <= value <= high:
            return f"must lie between {low:g} and {high:g}, got {value:g}"
        if low is not None and (value < low or (self.above and value == low)):
            return f"must be {f'above {low:g}' if self.above else f'{low:g} or more'}, got {value:g}"
        if high is not None and (value > high or (self.below and value == high)):
            return f"must be {f'below {high:g}' if self.below else f'{high:g} or less'}, got {value:g}"
        return None


Share = Annotated[Scalar, Range(0, 1)]
Positive = Annotated[Scalar, Range(0, above=True)]
NonNegative = Annotated[Scalar, Range(0)]
BelowOne = Annotated[Scalar, Range(0, 1, below=True)]
OneOrMore = Annotated[Scalar, Range(1)]
Count = Annotated[int, Range(1)]
Counts = Annotated[tuple[int, ...], Range(1)]


class IsFile(NamedTuple):
    """Marks an argument that names a file: what is in it, not where it lies, decides whether results are used again."""


FilePath = Annotated[str, IsFile()]


@dataclasses.dataclass(frozen=True)
class Argument:
    """One argument of a choice: `traced` numbers are program inputs, the rest shapes the program."""

    name: str
    annotation: Any
    default: Any
    traced: bool
    range: Range
    file: bool = False

    @property
    def required(self) -> bool:
        """True where the signature has no default."""
        return self.default is inspect.Parameter.empty


@dataclasses.dataclass(frozen=True)
class Choice:
    """A named primitive on an axis.

    Args:
        make: the function, factory or module; the axis supplies its leading `data` parameters.
        off: the argument values at which it vanishes exactly, that is, equals the axis's identity choice.
        merges: False where the off value still costs time, so that arms without it get a program of their own.
        example: arguments without a default, as they might be, for whoever must build every choice.
        unless: arguments that shape the program and that keep it from vanishing where they are not at their default.
        of_loss: as of its axis, where not all choices of the axis do so.
    """

    make: Callable[..., Any]
    off: Mapping[str, float] = dataclasses.field(default_factory=dict)
    merges: bool = True
    example: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    unless: tuple[str, ...] = ()
    of_loss: bool = False

    def asks_for(self, name: str) -> bool:
        """Whether it has a parameter of that name: what its axis supplies goes to those choices alone that ask."""
        return name in signature_of(self.make)

    def off_with(self, arguments: Mapping[str, Any]) -> Mapping[str, float]:
        """The off values beside other arguments; empty where it does not vanish with those.

        >>> def shift(x: float, by: float = 0.0, twice: bool = False): ...
        >>> [Choice(shift, {"by": 0.0}, unless=("twice",)).off_with({"twice": twice}) for twice in (False, True)]
        [{'by': 0.0}, {}]
        """
        known = signature_of(self.make) if self.unless else {}
        return {} if any(arguments[name] != known[name].default for name in self.unless) else self.off


@dataclasses.dataclass(frozen=True)
class Axis:
    """One place in training where a choice is made.

    Args:
        name: the key under `cfg.recipe` and `cfg.vary`.
        seam: the signature of the primitive, in words, for the catalogue.
        choices: the table.
        data: names of the parameters that training supplies when it calls the primitive.
        supplied: names of further parameters that training supplies, by keyword, to a choice that has them.
        identity: the choice that stands for absence, to which every off value reduces; None where there is none.
        composes: True where several choices can stand behind one another in one program (a clip after a clip).
        in_step: False for an axis that only makes initial values, so that its choices share one training program.
        tasks: the tasks that have it; empty for every task.
        default: where there is no identity, the choice that a fresh config has.
        begin: arguments of that choice.
        bare: False where names of choices are read behind the axis only, as `init=normal`, so that arms name both.
        of_loss: True where its choices decide what the loss of training measures, whose curves then differ in kind.
    """

    name: str
    seam: str
    choices: Mapping[str, Choice]
    data: tuple[str, ...] = ()
    supplied: tuple[str, ...] = ()
    identity: str | None = None
    composes: bool = False
    in_step: bool = True
    tasks: tuple[str, ...] = SUPERVISED
    default: str = ""
    begin: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    bare: bool = True
    of_loss: bool = False

    def arguments(self, choice: Choice) -> dict[str, Argument]:
        """The arguments a config may set: the signature without what training supplies."""
        others = (*self.data, *self.supplied)
        return {name: arg for name, arg in signature_of(choice.make).items() if name not in others}


@functools.cache
def signature_of(make: Callable[..., Any]) -> Mapping[str, Argument]:
    """Arguments of a callable by name; flax's own `parent` and `name` fields are not arguments."""
    target = make.__init__ if inspect.isclass(make) else make
    hints = typing.get_type_hints(target, include_extras=True)
    return {
        name: _argument(name, hints.get(name, Any), parameter.default)
        for name, parameter in inspect.signature(make).parameters.items()
        if name not in ("parent", "name") and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def _argument(name: str, hint: Any, default: Any) -> Argument:
    inside = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
    ranges = [extra for extra in inside[1:] if isinstance(extra, Range)]
    file = any(isinstance(extra, IsFile) for extra in inside[1:])
    return Argument(name, inside[0], default, is_scalar(inside[0]), ranges[0] if ranges else Range(), file)


def is_scalar(annotation: Any) -> bool:
    """Whether an annotation admits a float, so that the number can be an input of the program.

    >>> is_scalar(float), is_scalar(Scalar), is_scalar(int), is_scalar(bool)
    (True, True, False, False)
    """
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(is_scalar(option) for option in typing.get_args(annotation))
    return annotation is float
