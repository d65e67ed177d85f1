"""Some fields of a header that may be long, piece by piece: HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 6.4.5).

The same octets as :meth:`labserver.message.header.Header.selection`, and never more than a window of them in memory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labserver.message.header import Header

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

__all__ = ["WINDOW", "selected"]

WINDOW = 1 << 15
"""Octets of a header that are looked at together."""

_FIELD_END = re.compile(rb"\n(?![ \t])")


def selected(
    read: Callable[[int, int], bytes], size: int, names: Collection[bytes], *, excluding: bool, window: int = WINDOW
) -> Iterator[bytes]:
    """Yield the fields of a header of ``size`` octets called one of ``names`` (lower-case), or all others.

    ``read`` brings octets. An empty piece after each window is a turn for others.
    """
    position, last = 0, b"\n"
    while position < size:
        end = min(position + window, size)
        header = Header(read(position, end), 0, end - position)
        chosen, position, open_field = _whole_fields(header, position, names, excluding=excluding, final=end == size)
        yield chosen
        last = chosen[-1:] or last
        if position < size and chosen:
            yield b""  # whatever was found: a window of short fields is milliseconds of work
        if open_field is not None:
            for piece in _long_field(read, position, size, window):
                position += len(piece)
                if open_field:
                    yield piece
                    last = piece[-1:] or last
    yield b"\r\n" if last == b"\n" else b"\r\n\r\n"


def _whole_fields(
    header: Header, position: int, names: Collection[bytes], *, excluding: bool, final: bool
) -> tuple[bytes, int, bool | None]:
    """Return what is chosen of the fields that are whole, where the next begins, and whether that one is chosen.

    The last is None unless the next is longer than the window.
    """
    chosen: list[bytes] = []
    done = 0
    for field in header.fields():
        wanted = (field.name in names) is not excluding
        if field.end == header.end and not final:
            return b"".join(chosen), position + field.start, None if field.start else wanted
        done = field.end
        if wanted:
            chosen.append(header.content[field.start : field.end])
    if final:
        done = header.end
    return b"".join(chosen), position + done, None if done else False


def _long_field(read: Callable[[int, int], bytes], position: int, size: int, window: int) -> Iterator[bytes]:
    """Yield a field that begins at ``position`` in windows, up to its end."""
    while position < size:
        end = min(position + window, size)
        octets = read(position, end)
        found = _FIELD_END.search(octets)
        if found is not None and found.end() == len(octets) and end < size:
            found = None  # what follows may continue the line
        stop = found.end() if found else len(octets) - (end < size)
        yield octets[:stop]
        position += stop
        if found:
            return
