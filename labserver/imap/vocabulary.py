"""The words from which a dialect of IMAP is composed: states, command entries, extensions.

A *request* is one parsed command: a frozen dataclass with its arguments, a ``parse`` that reads them and an ``answer``,
a generator that yields untagged replies and returns how the command ended. An *extension* is a table of what it adds.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from labserver.dialogues.exchange import Await, Reply
from labserver.effort import GiveWay
from labserver.wire.framing import Framed, Overflow

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect
    from labserver.imap.fetch import Item
    from labserver.imap.search import KeyReader
    from labserver.imap.search_keys import SearchKey
    from labserver.imap.session import Session
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.properties import Property

__all__ = [
    "ANY",
    "AUTHENTICATED",
    "NOT_AUTHENTICATED",
    "SELECTED",
    "Answer",
    "Done",
    "Entry",
    "Extension",
    "Request",
    "State",
]


class State(Enum):
    """Where a session is (RFC 3501 3); logout has no state, the connection is closed."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"


ANY = frozenset(State)
NOT_AUTHENTICATED = frozenset({State.NOT_AUTHENTICATED})
AUTHENTICATED = frozenset({State.AUTHENTICATED, State.SELECTED})
SELECTED = frozenset({State.SELECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command ended well: its tagged OK."""

    text: str = ""
    """For people; empty means "<verb> completed"."""
    code: bytes = b""
    """The response code without its brackets."""
    farewell: bool = False
    """The connection is closed after it."""


Answer = Generator[Reply | Await | GiveWay, Framed | Overflow | None, Done]
"""How a request is answered: like an exchange, but its end is a value, so that changes can be told before it."""


class Request(Protocol):
    """One parsed command."""

    def answer(self, session: Session) -> Answer:
        """Yield what comes before the completion, and return it; raises BadSyntax, Refused and StoreError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the table of commands."""

    states: frozenset[State]
    parse: Callable[[Cursor, Dialect], Request]
    """Reads everything after the verb."""
    expunges: bool = True
    """EXPUNGE may be told with its completion: not for FETCH, STORE and SEARCH by number (RFC 3501 7.4.1)."""
    uid: bool = False
    """Its FETCH responses carry the UID (RFC 3501 6.4.8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What one extension adds. What it changes inside a core command asks ``Dialect.has``."""

    name: str
    """As in ``--imap-without``."""
    reference: str
    capabilities: tuple[str, ...]
    """What it announces; ``{limits.…}`` is filled in."""
    before_login: bool = False
    """It is announced to everyone, because it is of use before login."""
    enabling: bool = False
    """ENABLE switches it on for a session (RFC 5161)."""
    needs: frozenset[str] = frozenset()
    """Extensions without which it is off too."""
    commands: Mapping[str, Entry] = field(default_factory=dict)
    fetch_items: Mapping[bytes, Callable[[Cursor], Item]] = field(default_factory=dict)
    """Name → what reads the rest of the item."""
    search_keys: Mapping[bytes, Callable[[KeyReader], SearchKey]] = field(default_factory=dict)
    """Name → what reads the key's arguments. A key that is tested in a way of its own is a ``Brought``."""
    status_items: Mapping[bytes, Callable[[Mailbox], int]] = field(default_factory=dict)
    properties: tuple[Property, ...] = ()
    """What messages have to have; each is in :mod:`labserver.imap.extensions.properties`, too."""
