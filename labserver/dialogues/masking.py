"""Credentials out of the transcript: what a command may show of its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Command

__all__ = ["MASK", "masked_argument"]

MASK = b"****"


def masked_argument(command: Command, *, keep: int) -> bytes:
    """Return the command with its first ``keep`` arguments and a mask for whatever follows them."""
    words = command.argument.split(b" ")
    if len(words) <= keep and len(command.parts) == 1:
        return command.raw
    head = [command.tag] if command.tag else []
    return b" ".join([*head, command.verb.encode(), *words[:keep], MASK]) + b"\r\n"
