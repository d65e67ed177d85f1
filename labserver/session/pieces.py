"""A long reply, piece by piece: no more of it is made, or encrypted, than the client takes."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from labserver.effort import GIVE_WAY
from labserver.errors import StoreError
from labserver.wire.actions import Send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.effort import GiveWay

__all__ = ["PIECE", "CutShort", "Pieces"]

PIECE = 1 << 16
"""Octets of a piece at the most; a reply of more, or with a rest, is a long one."""
_IN_A_ROW = 64
"""Short pieces after which others have their turn, though they are little to send: each may have been work."""


class CutShort(Exception):  # noqa: N818 -- it is no error of whoever goes through the pieces
    """The rest of a reply cannot be had, in the middle of which nothing else can be said; the cause is why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Pieces:
    """What is left of one long reply."""

    __slots__ = ("_in_a_row", "_octets", "_rest", "whole")

    def __init__(self, long: Send) -> None:
        self.whole = 0
        """Octets of it that are in memory in any case, because so many were made at once."""
        self._rest: Iterator[bytes | memoryview] = chain((long.data,) if long.data else (), long.rest)
        self._in_a_row = 0
        self._octets = 0
        """Of the pieces in a row."""

    def next_action(self) -> Send | GiveWay | None:
        """Return the next piece, or that others are to have their turn; None at the end. May raise CutShort."""
        if self._in_a_row == _IN_A_ROW:
            self._in_a_row = self._octets = 0
            return GIVE_WAY
        try:
            piece = next(self._rest, None)
            if piece is not None and len(piece) > PIECE:
                self.whole = len(piece)
                self._rest = chain(_cut(piece), self._rest)
                piece = next(self._rest)
        except StoreError as error:
            raise CutShort(f"the rest of a reply cannot be had: {error}") from error
        except Exception as error:
            raise CutShort("internal error") from error
        if piece is None:
            return None
        if not piece:
            self._in_a_row = self._octets = 0
            return GIVE_WAY
        self._in_a_row += 1
        self._octets += len(piece)
        if self._octets >= PIECE:
            self._in_a_row = self._octets = 0
        return Send(piece)


def _cut(data: bytes | memoryview) -> Iterator[bytes | memoryview]:
    """Yield long data piece by piece, without a copy of it."""
    view = memoryview(data)
    return (view[start : start + PIECE] for start in range(0, len(view), PIECE))
