"""Values of JSON against types: what a file holds, and whether it is that; how a type is written for readers."""

import functools
import typing
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired


def misfit(value: Any, kind: Any, where: str = "") -> str | None:
    """The first place at which a value of JSON is not of a type, in words; None where it fits.

    Knows what JSON can hold: TypedDict (keys beyond its own are allowed), list, dict, unions, Literal, Any and plain
    types. An int is a float, a bool is not an int.

    >>> misfit([{"a": 2}, {"a": 0.5}], list[dict[str, int]])
    '[1].a: expected int, found float'
    >>> misfit([], list[int]) is None
    True
    """
    if kind is Any:
        return None
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if typing.is_typeddict(kind):
        return _misfit_of_keys(value, kind, where)
    if origin in (list, dict):
        return _misfit_of_items(value, origin, inside[-1], where)
    plain = _plain(kind)
    if plain:
        expected = " or ".join(sorted({"NoneType": "null"}.get(one.__name__, one.__name__) for one in plain))
        return None if type(value) in plain else _wrong(where, expected, value)
    if origin is Literal:
        fits = isinstance(value, str | int) and not isinstance(value, bool) and value in inside
        return None if fits else _wrong(where, " or ".join(map(repr, inside)), value)
    wrong = [misfit(value, option, where) for option in inside]  # a union
    # Of several, the one about the value's own insides says most.
    return None if None in wrong else max((text or "" for text in wrong), key=len)


def explained(kind: Any) -> dict[str, tuple[str, str]]:
    """The keys of a record: how their values are written as types, and what they hold.

    >>> explained(typing.TypedDict("Wave", {"width": typing.Annotated[int, "lanes"]}))
    {'width': ('int', 'lanes')}
    """
    keys = {}
    for key, hint in typing.get_type_hints(kind, include_extras=True).items():
        annotated = typing.get_args(hint)[0] if typing.get_origin(hint) is NotRequired else hint
        inside, words = typing.get_args(annotated)
        keys[key] = (named(inside), words)
    return keys


def records_in(kind: Any) -> list[Any]:
    """The records that a type holds, itself first, each once."""
    if not typing.is_typeddict(kind):
        inside = [records_in(option) for option in typing.get_args(kind)]
        return list(dict.fromkeys(record for records in inside for record in records))
    below = [record for hint in _hints(kind).values() for record in records_in(hint)]
    return list(dict.fromkeys([kind, *below]))


def named(kind: Any) -> str:
    """A type as a reader of JSON would write it.

    >>> named(dict[str, list[float | None]]), named(Literal["t", "max_t"])
    ('{str: list[float or null]}', '"t" or "max_t"')
    """
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict:
        return f"{{{named(inside[0])}: {named(inside[1])}}}"
    if origin is list:
        return f"list[{named(inside[0])}]"
    if origin in (typing.Union, UnionType):
        return " or ".join(named(option) for option in inside)
    if origin is Literal:
        return " or ".join(f'"{option}"' if isinstance(option, str) else str(option) for option in inside)
    return {NoneType: "null", Any: "any"}.get(kind) or kind.__name__


def _misfit_of_keys(value: Any, kind: Any, where: str) -> str | None:
    if not isinstance(value, dict):
        return _wrong(where, "an object", value)
    missing = sorted(kind.__required_keys__ - value.keys())
    if missing:
        return f"{where}.{missing[0]}: missing".removeprefix(".")
    return _first((value[key], hint, f"{where}.{key}") for key, hint in _hints(kind).items() if key in value)


def _misfit_of_items(value: Any, container: type, kind: Any, where: str) -> str | None:
    if not isinstance(value, container):
        return _wrong(where, "a list" if container is list else "an object", value)
    mapped = isinstance(value, dict)
    if _plain(kind) >= set(map(type, value.values() if mapped else value)):  # the long curves of rows
        return None
    items, name = (value.items(), "{}.{}") if mapped else (enumerate(value), "{}[{}]")
    return _first((item, kind, name.format(where, key)) for key, item in items)


def _first(places: Iterable[tuple[Any, Any, str]]) -> str | None:
    misfits = (misfit(value, kind, where.removeprefix(".")) for value, kind, where in places)
    return next((text for text in misfits if text), None)


def _wrong(where: str, expected: str, value: Any) -> str:
    kind = "null" if value is None else type(value).__name__
    return f"{where}: expected {expected}, found {kind}".removeprefix(": ")


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _plain(kind: Any) -> frozenset[type]:
    """The types of JSON that fit a plain type, or a union of such; empty for others."""
    if typing.get_origin(kind) in (typing.Union, UnionType):
        parts = [_plain(option) for option in typing.get_args(kind)]
        return frozenset().union(*parts) if all(parts) else frozenset()
    return frozenset(
        {float: (float, int), int: (int,), str: (str,), bool: (bool,), NoneType: (NoneType,)}.get(kind, ())
    )
