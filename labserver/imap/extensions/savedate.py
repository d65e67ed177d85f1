"""SAVEDATE (RFC 8514): when a message came into its mailbox, whatever its internal date says.

A message that was in a store file before save dates were kept has none: FETCH says NIL, and a search goes by its
internal date (RFC 8514 4.2 and 4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.imap.extensions.properties import SAVED
from labserver.imap.fetch import Item
from labserver.imap.search_evaluation import RELATIONS
from labserver.imap.search_keys import Brought, Relation
from labserver.imap.syntax import internal_date
from labserver.imap.vocabulary import Extension
from labserver.mailstore.moments import unpacked

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from labserver.imap.cursor import Cursor
    from labserver.imap.search import KeyReader
    from labserver.imap.search_evaluation import SearchContext
    from labserver.imap.view import View
    from labserver.mailstore.message import Message

__all__ = ["EXTENSION"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved(Brought):
    """The day of the save date, disregarding time and zone."""

    relation: Relation
    day: date

    def test(self, context: SearchContext) -> Callable[[Message], bool]:
        related, day, properties = RELATIONS[self.relation], self.day, context.properties

        def test(message: Message) -> bool:
            saved = properties.value(SAVED.name, message)
            return related(unpacked(message.arrived if saved is None else saved).date(), day)

        return test


@dataclass(frozen=True, slots=True)
class _Supported(Brought):
    """Every message, if save dates are kept here."""

    def test(self, context: SearchContext) -> Callable[[Message], bool]:
        supported = SAVED.name in context.properties.names
        return lambda _message: supported


def _render(view: View, message: Message) -> bytes:
    saved = view.mailbox.properties.value(SAVED.name, message)
    return b"SAVEDATE NIL" if saved is None else b"SAVEDATE " + internal_date(saved)


_SAVEDATE = Item(name=b"SAVEDATE", render=_render)


def _item(_cursor: Cursor) -> Item:
    return _SAVEDATE


def _key(relation: Relation) -> Callable[[KeyReader], Brought]:
    return lambda reader: _Saved(relation=relation, day=reader.argument().date())


EXTENSION = Extension(
    name="SAVEDATE",
    reference="RFC 8514",
    capabilities=("SAVEDATE",),
    fetch_items={b"SAVEDATE": _item},
    search_keys={
        b"SAVEDATESUPPORTED": lambda _: _Supported(),
        b"SAVEDBEFORE": _key(Relation.BEFORE),
        b"SAVEDON": _key(Relation.ON),
        b"SAVEDSINCE": _key(Relation.SINCE),
    },
    properties=(SAVED,),
)
