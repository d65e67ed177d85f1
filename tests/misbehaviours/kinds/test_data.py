"""What becomes of mail: what the client gets of each kind."""

from __future__ import annotations

from typing import Any

import pytest

from labserver.dialogues.exchange import Await
from labserver.wire.actions import Close
from tests.misbehaviours.kinds.rows import (
    MAIL_TURN,
    OK,
    InCommand,
    named,
    over_a_command,
    refused,
)
from tests.misbehaviours.stage import raw

COMMANDS = [
    InCommand(
        "data-refused",
        {},
        "smtp",
        b"DATA",
        [MAIL_TURN, Await.data(9), OK["smtp"]],
        [raw([MAIL_TURN]), Await.data(9), b"451 4.3.0 Temporary failure, try again later\r\n"],
    ),
    InCommand(
        "data-refused",
        {"how": "permanent", "text": "no", "close": True},
        "smtp",
        b"BDAT 3 LAST",
        [Await.chunk(3, 9), OK["smtp"]],
        [Await.chunk(3, 9), b"554 5.3.0 no\r\n", Close()],
    ),
    InCommand("data-refused", {}, "smtp", b"DATA", [OK["smtp"]], [raw([OK["smtp"]])]),
    InCommand("quota-full", {}, "smtp", b"RCPT TO:<a@b>", [OK["smtp"]], [b"452 4.2.2 Mailbox full\r\n"]),
    InCommand(
        "quota-full", {"how": "permanent"}, "smtp", b"RCPT TO:<a@b>", [OK["smtp"]], [b"552 5.2.2 Mailbox full\r\n"]
    ),
    InCommand("quota-full", {}, "imap", b"a1 APPEND x", [OK["imap"]], [b"a1 NO [OVERQUOTA] Mailbox full\r\n"]),
    InCommand("quota-full", {}, "smtp", b"NOOP", [OK["smtp"]], [raw([OK["smtp"]])]),
]


@pytest.mark.parametrize("row", named(COMMANDS))
def test_over_a_command(row: InCommand) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    over_a_command(row)


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown data": ("data-refused", {"how": "unknown"}, "temporary or permanent"),
    "unknown quota": ("quota-full", {"how": "unknown"}, "temporary or permanent"),
}


@pytest.mark.parametrize(("kind", "fields", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: str, fields: dict[str, Any], reason: str) -> None:
    """What cannot be meant is refused when it is read."""
    refused(kind, fields, reason)
