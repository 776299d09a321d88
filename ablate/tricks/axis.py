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
from typing import Any

import jax
from jaxtyping import Float, Int

Scalar = float | int | Float[jax.Array, ""] | Int[jax.Array, ""]


@dataclasses.dataclass(frozen=True)
class Argument:
    """One argument of a choice: `traced` numbers are program inputs, the rest shapes the program."""

    name: str
    annotation: Any
    default: Any
    traced: bool

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
    """

    make: Callable[..., Any]
    off: Mapping[str, float] = dataclasses.field(default_factory=dict)
    merges: bool = True


@dataclasses.dataclass(frozen=True)
class Axis:
    """One place in training where a choice is made.

    Args:
        name: the key under `cfg.recipe` and `cfg.vary`.
        seam: the signature of the primitive, in words, for the catalogue.
        choices: the table.
        data: names of the parameters that training supplies when it calls the primitive.
        identity: the choice that stands for absence, to which every off value reduces; None where there is none.
        composes: True where several choices can stand behind one another in one program (a clip after a clip).
        in_step: False for an axis that only makes initial values, so that its choices share one training program.
    """

    name: str
    seam: str
    choices: Mapping[str, Choice]
    data: tuple[str, ...] = ()
    identity: str | None = None
    composes: bool = False
    in_step: bool = True

    def arguments(self, choice: Choice) -> dict[str, Argument]:
        """The arguments a config may set: the signature without what training supplies."""
        return {name: arg for name, arg in signature_of(choice.make).items() if name not in self.data}


@functools.cache
def signature_of(make: Callable[..., Any]) -> Mapping[str, Argument]:
    """Arguments of a callable by name; flax's own `parent` and `name` fields are not arguments."""
    target = make.__init__ if inspect.isclass(make) else make
    hints = typing.get_type_hints(target)
    return {
        name: Argument(name, hints.get(name, Any), parameter.default, is_scalar(hints.get(name, Any)))
        for name, parameter in inspect.signature(make).parameters.items()
        if name not in ("parent", "name") and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def is_scalar(annotation: Any) -> bool:
    """Whether an annotation admits a float, so that the number can be an input of the program.

    >>> is_scalar(float), is_scalar(Scalar), is_scalar(int), is_scalar(bool)
    (True, True, False, False)
    """
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(is_scalar(option) for option in typing.get_args(annotation))
    return annotation is float
