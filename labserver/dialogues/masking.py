"""Credentials out of the transcript: what a command may show of itself.

An allow-list, because a credential can be mistyped in more ways than anybody lists: a forgotten tag, a tab for a space,
another protocol's command, a response to a challenge that never came. A command shows its verb where that is a word of
its protocol, and as much of its argument as is known to be harmless there. Once the client has logged in, the arguments
of the commands that are then possible are shown as they came. All the rest is masked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.mechanisms import SASL_MECHANISMS
from labserver.values import quick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labserver.dialogues.exchange import Command

__all__ = [
    "ACCOUNT",
    "HOST_NAME",
    "MASK",
    "MASKED_LINE",
    "MECHANISM",
    "Lexicon",
    "Standing",
    "counts",
    "harmless",
    "host_name",
]

MASK = b"****"
MASKED_LINE = MASK + b"\r\n"

MECHANISM = rb" +(?:%b)(?!\S)" % "|".join(sorted(SASL_MECHANISMS)).encode()
"""A pattern for AUTH's first argument; a mechanism that does not exist may be the response of a forgotten one."""
ACCOUNT = rb" +(?P<account>[^\s\"]+)(?!\S)"
"""A pattern for a login name, which is shown if there is an account of that name: it may be the password."""
HOST_NAME = rb"(?:\[[0-9A-Z:.]{1,60}\]|[0-9A-Z\x80-\xff_.-]{1,255})"
"""A pattern for what a client calls itself (RFC 5321 4.1.3, and names that are none)."""
_A_HOST_NAME = re.compile(HOST_NAME, re.IGNORECASE)
_NOTHING = re.compile(rb"")
_COUNTING = re.compile(rb"[A-Za-z0-9]{0,4}[.:_-]?(?:[0-9]{1,10}(?:\.[0-9]{1,10})?)?")
_ESCAPED = re.compile(rb'\\(["\\])')


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a client when it says something."""

    authenticated: bool
    is_account: Callable[[str], bool]
    """Whether there is an account of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """What a transcript may show of one protocol's commands."""

    head: re.Pattern[bytes]
    """Matches a command up to the end of its verb."""
    words: frozenset[str]
    """Every verb that somebody specified; no other is shown."""
    harmless: Mapping[str, re.Pattern[bytes]]
    """What of a verb's argument is shown in every state; nothing of those that are missing."""
    readable: frozenset[str]
    """The verbs whose arguments are shown as they are once the client has logged in."""

    def shown(self, command: Command, standing: Standing) -> bytes:
        """Return ``command.raw`` with ``****`` for whatever is not known to be harmless."""
        raw = command.raw
        if command.verb not in self.words:
            return MASKED_LINE if raw.strip() else raw
        if not command.argument and len(command.parts) == 1:
            return raw
        if standing.authenticated and command.verb in self.readable:
            return raw
        end = self._end(command, standing)
        if raw[end:].strip():
            return raw[:end].rstrip() + b" " + MASKED_LINE
        return raw

    def _end(self, command: Command, standing: Standing) -> int:
        """Return where that ends which can be shown."""
        head = self.head.match(command.raw)
        start = head.end() if head else 0
        argument = self.harmless.get(command.verb, _NOTHING).match(command.raw, start)
        if argument is None:
            return start
        if argument.lastgroup != "account" or standing.is_account(_name(argument["account"])):
            return argument.end()
        return argument.start("account")


def counts(tag: bytes) -> bool:
    """Return whether IMAP's tag looks like one: a few letters or digits, then a number, or only one of these.

    Another one may be the password, the words being in the wrong order.
    """
    return _COUNTING.fullmatch(tag) is not None


def host_name(text: str) -> str:
    """Return what a client calls itself, or a mask where that is no name."""
    return text if not text or _A_HOST_NAME.fullmatch(text.encode(errors="replace")) else MASK.decode()


def harmless(**patterns: bytes) -> dict[str, re.Pattern[bytes]]:
    """Return verbs with the pattern of what is shown of their arguments, in any case of letters."""
    return {verb: re.compile(pattern, re.IGNORECASE) for verb, pattern in patterns.items()}


def _name(text: bytes) -> str:
    unquoted = _ESCAPED.sub(rb"\1", text[1:-1]) if text.startswith(b'"') else text
    return unquoted.decode(errors="replace")
