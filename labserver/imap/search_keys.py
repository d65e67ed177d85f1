"""What SEARCH, SORT, THREAD and the rest of the family look for: search keys as values (RFC 3501 6.4.4).

The keys that are only another spelling have no class: ``UNSEEN`` is a flag that must not be there, ``NEW`` is two keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from labserver.imap.search_evaluation import SearchContext
    from labserver.imap.syntax import SequenceSet
    from labserver.mailstore.message import Message

__all__ = [
    "ADDRESS_FIELDS",
    "Age",
    "All",
    "And",
    "Arrived",
    "Brought",
    "Changed",
    "Flag",
    "Header",
    "Not",
    "Numbered",
    "Or",
    "Recent",
    "Relation",
    "SearchKey",
    "Sent",
    "Size",
    "Text",
]


ADDRESS_FIELDS = frozenset({b"bcc", b"cc", b"from", b"to"})
"""The fields that a key of their own looks for by their addresses."""


class Relation(Enum):
    """How a day relates to the one in the key."""

    BEFORE = "before"
    ON = "on"
    SINCE = "since"


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A system flag or keyword, compared without case."""

    name: str
    present: bool = True


@dataclass(frozen=True, slots=True)
class Recent:
    r"""The session was the first to be told of the message (``\Recent``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """Messages by number, by UID, or those of the saved result (``$``). Numbers that do not exist match nothing."""

    numbers: SequenceSet
    uid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The day of the internal date, disregarding time and zone."""

    relation: Relation
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The day in the Date field, disregarding time and zone; without a valid one that of the internal date."""

    relation: Relation
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """Seconds since the internal date (RFC 5032): fewer or as many (``YOUNGER``), or more or as many (``OLDER``)."""

    seconds: int
    younger: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Strictly larger or smaller than so many octets."""

    octets: int
    larger: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A mod-sequence of at least so much (RFC 7162 3.1.5)."""

    modseq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A field whose text contains ``text``; an empty text asks for the field only."""

    name: bytes
    """Lower-case."""
    text: str
    """Folded."""
    literally: bool = False
    """HEADER asks for what an address field says; FROM and its like for its addresses in ENVELOPE too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text in the body, or with ``headers`` in the headers or the body."""

    text: str
    """Folded."""
    headers: bool


@dataclass(frozen=True, slots=True)
class And:
    """All of these."""

    keys: tuple[SearchKey, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these."""

    first: SearchKey
    second: SearchKey


@dataclass(frozen=True, slots=True)
class Not:
    """Everything else."""

    key: SearchKey


@dataclass(frozen=True, slots=True)
class Brought:
    """A key of an extension about what is known of a message without reading it; its fields are what it looks for."""

    def test(self, context: SearchContext) -> Callable[[Message], bool]:
        """Return what says whether a message is meant."""
        raise NotImplementedError


SearchKey = (
    All | Flag | Recent | Numbered | Arrived | Sent | Age | Size | Changed | Header | Text | And | Or | Not | Brought
)
