"""Answers instead of the honest one: what the client gets of each kind."""

from __future__ import annotations

from typing import Any

import pytest

from labserver.wire.actions import Close
from tests.misbehaviours.kinds.rows import (
    OK,
    InCommand,
    InGreeting,
    named,
    over_a_command,
    over_the_greeting,
    refused,
)

COMMANDS = [
    InCommand("answer", {"send": "<tag> NO no"}, "imap", b"a1 NOOP", [OK["imap"]], [b"a1 NO no\r\n"]),
    InCommand("answer", {"octets": "25"}, "smtp", b"NOOP", [OK["smtp"]], [b"25"]),
    InCommand("answer", {"send": ["250-a", "550 b"]}, "smtp", b"NOOP", [OK["smtp"]], [b"250-a\r\n550 b\r\n"]),
    InCommand("silence", {}, "smtp", b"NOOP", [OK["smtp"]], []),
    InCommand(
        "refuse", {}, "smtp", b"RCPT TO:<a@b>", [OK["smtp"]], [b"450 4.2.0 Temporary failure, try again later\r\n"]
    ),
    InCommand("refuse", {"how": "permanent"}, "smtp", b"RCPT TO:<a@b>", [OK["smtp"]], [b"550 5.7.1 Refused\r\n"]),
    InCommand("refuse", {"text": "no"}, "smtp", b"DATA", [OK["smtp"]], [b"451 4.3.0 no\r\n"]),
    InCommand("refuse", {"how": "permanent"}, "smtp", b"NOOP", [OK["smtp"]], [b"554 5.3.0 Refused\r\n"]),
    InCommand(
        "refuse", {"how": "unknown"}, "smtp", b"VRFY", [OK["smtp"]], [b"500 5.5.1 Command VRFY not recognized\r\n"]
    ),
    InCommand(
        "refuse",
        {},
        "smtp",
        b"AUTH PLAIN x",
        [OK["smtp"]],
        [b"454 4.7.0 Temporary failure, try again later\r\n"],
    ),
    InCommand(
        "refuse",
        {"how": "permanent"},
        "smtp",
        b"AUTH PLAIN x",
        [OK["smtp"]],
        [b"535 5.7.8 Authentication credentials invalid\r\n"],
    ),
    InCommand(
        "refuse", {"text": "x", "how": "permanent"}, "imap", b"a1 SELECT y", [OK["imap"]], [b"a1 NO [CANNOT] x\r\n"]
    ),
    InCommand("refuse", {"text": "x"}, "imap", b"a1 SELECT y", [OK["imap"]], [b"a1 NO [UNAVAILABLE] x\r\n"]),
    InCommand("refuse", {"how": "unknown"}, "imap", b"a1 SELECT y", [OK["imap"]], [b"a1 BAD Unknown command\r\n"]),
    InCommand(
        "refuse", {"text": "x", "close": True}, "pop3", b"STAT", [OK["pop3"]], [b"-ERR [SYS/TEMP] x\r\n", Close()]
    ),
    InCommand(
        "refuse", {"how": "permanent"}, "pop3", b"PASS x", [OK["pop3"]], [b"-ERR [AUTH] Authentication failed\r\n"]
    ),
]


@pytest.mark.parametrize("row", named(COMMANDS))
def test_over_a_command(row: InCommand) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    over_a_command(row)


GREETED = [
    InGreeting("answer", {"send": "554 no"}, "smtp", [b"554 no\r\n"]),
    InGreeting("silence", {}, "imap", []),
    InGreeting("refuse", {"text": "x"}, "smtp", [b"421 4.3.2 x\r\n"]),
    InGreeting("refuse", {"text": "x", "how": "permanent", "close": True}, "smtp", [b"554 5.3.2 x\r\n", Close()]),
    InGreeting("refuse", {"text": "x"}, "imap", [b"* BYE x\r\n"]),
    InGreeting("refuse", {"text": "x"}, "pop3", [b"-ERR [SYS/TEMP] x\r\n"]),
    InGreeting("refuse", {"how": "unknown"}, "imap", [b"* BAD Unknown command\r\n"]),
]


@pytest.mark.parametrize("row", named(GREETED))
def test_over_the_greeting(row: InGreeting) -> None:
    """What a client gets first."""
    over_the_greeting(row)


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "nothing to say": ("answer", {}, "either send or octets"),
    "a line end in a line": ("refuse", {"text": "a\r\nb"}, "matching regex"),
}


@pytest.mark.parametrize(("kind", "fields", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: str, fields: dict[str, Any], reason: str) -> None:
    """What cannot be meant is refused when it is read."""
    refused(kind, fields, reason)
