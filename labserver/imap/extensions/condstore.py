"""CONDSTORE (RFC 7162): every change has a number, so a client can ask what changed, and change only what did not.

What it adds inside SELECT, FETCH and STORE is there, behind ``Dialect.has``. ``NOMODSEQ`` never occurs: every
mailbox keeps modification sequences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.imap.cursor import BadSyntax
from labserver.imap.fetch import Item
from labserver.imap.search_keys import Changed
from labserver.imap.vocabulary import Extension

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.search import KeyReader

__all__ = ["EXTENSION"]

_MODSEQ = Item(
    name=b"MODSEQ",
    render=lambda view, message: b"MODSEQ (%d)" % view.modseq(message),
    implies="CONDSTORE",
)


_ENTRY_KINDS = (b"priv", b"shared", b"all")


def _key(reader: KeyReader) -> Changed:
    """Read ``MODSEQ [entry kind] number``; per-flag mod-sequences are not kept, so the entry changes nothing."""
    cursor = reader.argument()
    if cursor.peek() == b'"':
        cursor.string()
        cursor.space()
        if not any(cursor.skip(kind) for kind in _ENTRY_KINDS):
            raise BadSyntax("Expected priv, shared or all")
        cursor.space()
    return Changed(modseq=cursor.number64())


def _modseq(_cursor: Cursor) -> Item:
    return _MODSEQ


EXTENSION = Extension(
    name="CONDSTORE",
    reference="RFC 7162",
    capabilities=("CONDSTORE",),
    enabling=True,
    fetch_items={b"MODSEQ": _modseq},
    search_keys={b"MODSEQ": _key},
    status_items={b"HIGHESTMODSEQ": lambda mailbox: mailbox.highest_modseq},
)
