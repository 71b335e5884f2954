"""Values of a configuration that came from a file: each of the right kind and in its range, or a sentence that says so.

What is allowed stands where a value is declared: ``features: Annotated[int, Between(1, 4096)] = 128``.
"""

import dataclasses
import json
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Between:
    """Attributes: least, most: bounds, themselves allowed, of a number; divisor: what it is a multiple of, or None."""

    least: float
    most: float
    divisor: int | None = None


@dataclass(frozen=True)
class Length:
    """Attributes: least, most: numbers of elements, themselves allowed, of a tuple."""

    least: int
    most: int


def from_plain(kind: type[Any], values: Any, where: str = "") -> Any:
    """A dataclass from plain JSON values; those that are missing have their default.

    Args:
        kind: a dataclass whose fields are declared with what is allowed.
        values: what was read.
        where: what to call the whole in an error.

    Raises:
        ValueError: a name is unknown, or a value is not allowed; the message continues a sentence.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{where or 'it'} is {_shown(values)}, not a list of values by name")
    declared = get_type_hints(kind, include_extras=True)
    known = {field.name for field in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            raise ValueError(f"it has an unknown value {_shown(name)}")
    return kind(**{name: _checked(declared[name], value, f"{where}{name}") for name, value in values.items()})


def _checked(declared: Any, value: Any, name: str) -> Any:
    """``value`` as the type declared.

    Raises:
        ValueError: it is not allowed.
    """
    if get_origin(declared) is Annotated:
        declared, *rules = get_args(declared)
        value = _checked(declared, value, name)
        for rule in rules:
            _obey(rule, value, name)
        return value
    if dataclasses.is_dataclass(declared):
        return from_plain(declared, value, f"{name}.")  # type: ignore[arg-type]
    origin, inner = get_origin(declared), get_args(declared)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{name} is {_shown(value)}, not a list")
        kinds = inner[:1] * len(value) if inner[-1] is ... else inner
        if len(value) != len(kinds):
            raise ValueError(f"{name} has {len(value)} values, not {len(kinds)}")
        return tuple(
            _checked(one, item, f"{name}[{i}]") for i, (one, item) in enumerate(zip(kinds, value, strict=True))
        )
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in inner):
            raise ValueError(f"{name} is {_shown(value)}, not one of {', '.join(map(_shown, inner))}")
        return value
    if origin in (Union, types.UnionType):  # X | None
        return None if value is None else _checked(inner[0], value, name)
    if declared is float and type(value) is int:
        value = float(value) if abs(value) < 2**53 else value
    if type(value) is not declared:
        raise ValueError(f"{name} is {_shown(value)}, not {_NAMES[declared]}")
    return value


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _obey(rule: Between | Length, value: Any, name: str) -> None:
    if isinstance(rule, Length):
        if not rule.least <= len(value) <= rule.most:
            raise ValueError(f"{name} has {len(value)} values, but must have {rule.least} to {rule.most}")
    elif value is not None and (not rule.least <= value <= rule.most or (rule.divisor and value % rule.divisor)):
        multiple = "" if rule.divisor is None else f" and a multiple of {rule.divisor}"
        raise ValueError(f"{name} is {_shown(value)}, but must be from {rule.least:g} to {rule.most:g}{multiple}")


def _shown(value: Any) -> str:
    """A value for people: in ASCII, on one line, and short."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."
