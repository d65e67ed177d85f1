"""The properties of messages that extensions bring. A store keeps them from its start, before IMAP is loaded.

So this module imports nothing of IMAP. An extension's row names its properties again; a test compares the two.
"""

from __future__ import annotations

from labserver.mailstore.properties import Property

__all__ = ["PROPERTIES", "SAVED"]

SAVED = Property(name="saved", begins=lambda moment, _original: moment)
"""When a message came into its mailbox, which a copy does anew (RFC 8514 3)."""

PROPERTIES = (SAVED,)
"""All of them. None is ever taken out: files have them."""
