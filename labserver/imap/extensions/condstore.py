"""CONDSTORE (RFC 7162): every change has a number, so a client can ask what changed, and change only what did not.

What it adds inside SELECT, FETCH, STORE and SEARCH is there, behind ``Dialect.has``. ``NOMODSEQ`` never occurs: every
mailbox keeps modification sequences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.imap.fetch import Item
from labserver.imap.vocabulary import Extension

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor

__all__ = ["EXTENSION"]

_MODSEQ = Item(
    name=b"MODSEQ",
    render=lambda view, message: b"MODSEQ (%d)" % view.modseq(message),
    implies="CONDSTORE",
)


def _modseq(_cursor: Cursor) -> Item:
    return _MODSEQ


EXTENSION = Extension(
    name="CONDSTORE",
    reference="RFC 7162",
    capabilities=("CONDSTORE",),
    enabling=True,
    fetch_items={b"MODSEQ": _modseq},
    status_items={b"HIGHESTMODSEQ": lambda mailbox: mailbox.highest_modseq},
)
