"""What is shown and repeated of a unit that is no whole command, or no command at all: never what may be a password."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labserver.wire.framing import Framed

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Command

__all__ = ["cut", "nameless", "untagged"]


def cut(parts: tuple[bytes, ...]) -> Framed:
    """Return the beginning of something that is not whole, for its tag, its verb and the transcript."""
    return Framed(parts=parts, raw=b"".join(parts)[:128] + b" \xe2\x80\xa6\r\n")


def nameless(parts: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return parts of what is not whole without their beginning, so that nothing is taken for its tag."""
    return (b"", *parts[1:])


def untagged(command: Command, *, suspicious: bool) -> Command:
    """Return words that make no command without their tag where that may be a password: no reply must repeat it.

    That is so if they stand alone, or where it is ``suspicious``: after a refusal. BAD then has no tag (RFC 9051 7.1).
    """
    return replace(command, tag=b"") if suspicious or not command.verb else command
