"""Where the body of a message begins: looked for once, as far as that costs no memory of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.message.header import MOST_OCTETS, header_end

if TYPE_CHECKING:
    from labserver.mailstore.message import Message

__all__ = ["body_start"]

_KEY = "imap.start"


def body_start(message: Message, content: bytes, *, kept: bool = False) -> int:
    """Return where the body begins; of a header of more than ``MOST_OCTETS``, where those end.

    Unless it is to be ``kept``, it is left only with a message that has a cache already: a search, which goes through
    whole mailboxes, makes none.
    """
    cache = message.cache
    found: int | None = cache.get(_KEY) if cache is not None else message.known(_KEY) if kept else None
    if found is None:
        found = header_end(content, within=MOST_OCTETS)
        if kept or cache is not None:
            message.keep(_KEY, found)
    return found
