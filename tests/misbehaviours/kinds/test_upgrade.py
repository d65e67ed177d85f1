"""What STARTTLS gets for an answer: what the client gets of each kind."""

from __future__ import annotations

from typing import Any

import pytest

from labserver.dialogues.exchange import Await
from labserver.wire.actions import Close, Pause, StartTls
from tests.misbehaviours.kinds.rows import (
    OK,
    TURN,
    InCommand,
    named,
    over_a_command,
    refused,
)
from tests.misbehaviours.stage import raw

COMMANDS = [
    InCommand("upgrade-refused", {}, "smtp", b"NOOP", [OK["smtp"]], [raw([OK["smtp"]])]),
    InCommand(
        "upgrade-refused",
        {"how": "permanent", "close": True},
        "smtp",
        b"STARTTLS",
        [OK["smtp"], StartTls()],
        [b"502 5.5.1 Refused\r\n", Close()],
    ),
    InCommand("upgrade-pretended", {}, "imap", b"a1 STARTTLS", [OK["imap"], StartTls()], [raw([OK["imap"]])]),
    InCommand(
        "upgrade-pretended",
        {},
        "imap",
        b"a1 IDLE",
        [TURN["imap"], Await.line(), OK["imap"]],
        [raw([TURN["imap"]]), Await.line(), raw([OK["imap"]])],
    ),
    InCommand(
        "injection",
        {"payload": "half-line"},
        "smtp",
        b"STARTTLS",
        [OK["smtp"], StartTls()],
        [raw([OK["smtp"]]), b"250-AUTH PLAIN X-INJECTED ", StartTls()],
    ),
    InCommand(
        "injection",
        {"payload": "half-line"},
        "pop3",
        b"STLS",
        [OK["pop3"], StartTls()],
        [raw([OK["pop3"]]), b"+OK injected ", StartTls()],
    ),
    InCommand(
        "injection",
        {"payload": "half-line", "apart": 0.5},
        "imap",
        b"a1 STARTTLS",
        [OK["imap"], StartTls()],
        [raw([OK["imap"]]), Pause(0.5), b"* CAPABILITY IMAP4rev1 AUTH=PLAIN X-INJECTED ", StartTls()],
    ),
    InCommand(
        "injection",
        {"send": "* BYE <tag+1>", "where": "before"},
        "imap",
        b"a1 STARTTLS",
        [OK["imap"], StartTls()],
        [b"* BYE a2\r\n", raw([OK["imap"]]), StartTls()],
    ),
    InCommand("injection", {}, "imap", b"a1 NOOP", [OK["imap"]], [raw([OK["imap"]])]),
]


@pytest.mark.parametrize("row", named(COMMANDS))
def test_over_a_command(row: InCommand) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    over_a_command(row)


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "two payloads": ("injection", {"send": "a", "octets": "b"}, "either send or octets"),
    "apart before": ("injection", {"apart": 1, "where": "before"}, "apart has a meaning only"),
}


@pytest.mark.parametrize(("kind", "fields", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: str, fields: dict[str, Any], reason: str) -> None:
    """What cannot be meant is refused when it is read."""
    refused(kind, fields, reason)
