"""Tables become misbehaviours."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import msgspec

from labserver.misbehaviours.table import KINDS
from labserver.tables import TableError, converted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.misbehaviours.base import Misbehaviour

__all__ = ["read_misbehaviours"]

_Links: Any = msgspec.defstruct("_Links", [("links", tuple[reduce(or_, KINDS.values()), ...])], frozen=True)  # type: ignore[misc]  # made from a table
"""A struct, because msgspec keeps what it has worked out about the types of one: that takes longer than a table."""


def read_misbehaviours(tables: Sequence[object], services: Sequence[str]) -> tuple[Misbehaviour, ...]:  # noqa: ARG001 -- for static checks
    """Return the links of a chain; raises TableError, its path from the place in ``tables``."""
    try:
        links: tuple[Misbehaviour, ...] = converted({"links": list(tables)}, _Links, _read).links
    except TableError as error:
        raise TableError(error.path[1:], error.what) from error
    return links


def _read(kind: Any, value: object) -> object:  # noqa: ANN401 -- a class with a reader of its own
    return kind.read(value)
