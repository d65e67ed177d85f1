"""Frozen values that are made for every command, made quickly.

A frozen dataclass sets each of its fields by way of ``object.__setattr__``, which looks the field up by its name; that
is four times the work of setting an attribute, and a command needs a dozen values of five fields. :func:`quick` sets
them by their slots instead. Nothing else about the class changes.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import Field

__all__ = ["quick"]

T = TypeVar("T")


def quick(cls: type[T]) -> type[T]:
    """Give a frozen dataclass with slots a faster ``__init__`` of the same signature. It goes above ``@dataclass``.

    That is written when the first value is made, so that a program starts no later for those that it never needs.
    """

    @wraps(cls.__init__)
    def first(self: T, *arguments: object, **fields_: object) -> None:
        made = _made(cls)
        cls.__init__ = made  # type: ignore[method-assign]  # the same signature
        made(self, *arguments, **fields_)

    cls.__init__ = first  # type: ignore[method-assign, assignment]  # the same
    return cls


def _made(cls: type[Any]) -> Callable[..., None]:
    """Return the ``__init__``."""
    known: dict[str, Any] = {"absent": MISSING}
    parameters, body = [], []
    keywords_began = False
    for field in fields(cls):
        if field.kw_only and not keywords_began:
            keywords_began = True
            parameters.append("*")
        value = field.name
        if field.default_factory is not MISSING:
            known[f"make_{field.name}"] = field.default_factory
            value = f"make_{field.name}() if {field.name} is absent else {field.name}"
        parameters.append(_parameter(field, known))
        known[f"set_{field.name}"] = getattr(cls, field.name).__set__
        body.append(f"    set_{field.name}(self, {value})\n")
    if hasattr(cls, "__post_init__"):
        body.append("    self.__post_init__()\n")
    # As dataclass does it: there is no other way to a signature, and arguments by a dictionary would be slow again.
    exec(f"def __init__(self, {', '.join(parameters)}):\n{''.join(body)}", known)  # noqa: S102 -- our own fields' names
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = cls.__init__.__annotations__
    return made


def _parameter(field: Field[Any], known: dict[str, Any]) -> str:
    if field.default_factory is not MISSING:
        return f"{field.name}=absent"
    if field.default is MISSING:
        return field.name
    known[f"default_{field.name}"] = field.default
    return f"{field.name}=default_{field.name}"
