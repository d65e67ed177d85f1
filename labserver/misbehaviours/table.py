"""Every kind of misbehaviour by its name, in the order in which people read about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.misbehaviours.base import Misbehaviour
from labserver.misbehaviours.kinds import (
    answers,
    authentication,
    capabilities,
    data,
    ends,
    greeting,
    lines,
    mailbox,
    oracle,
    replies,
    timing,
    tls,
    upgrade,
)

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["AXES", "KINDS"]

_MODULES: tuple[ModuleType, ...] = (
    answers,
    replies,
    timing,
    ends,
    greeting,
    capabilities,
    upgrade,
    authentication,
    data,
    mailbox,
    lines,
    tls,
    oracle,
)


def _defined_in(module: ModuleType) -> tuple[type[Misbehaviour], ...]:
    """Return the kinds that a module defines, in its order."""
    found = (one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__)
    return tuple(one for one in found if issubclass(one, Misbehaviour) and not one.__name__.startswith("_"))


AXES: dict[ModuleType, tuple[type[Misbehaviour], ...]] = {module: _defined_in(module) for module in _MODULES}
"""The kinds of each axis; a module's docstring says what the axis is."""

KINDS: dict[str, type[Misbehaviour]] = {
    str(kind.__struct_config__.tag): kind for kinds in AXES.values() for kind in kinds
}
"""The kinds by name."""
