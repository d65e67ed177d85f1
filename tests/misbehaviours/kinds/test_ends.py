"""How a connection ends: what the client gets of each kind."""

from __future__ import annotations

from typing import Any

import pytest

from labserver.dialogues.exchange import Await
from labserver.wire.actions import Abort, Close
from tests.misbehaviours.kinds.rows import (
    GREETINGS,
    LISTED,
    LONG,
    MAIL_TURN,
    OK,
    TURN,
    InCommand,
    InGreeting,
    made,
    named,
    over_a_command,
    over_the_greeting,
    stays_masked,
)
from tests.misbehaviours.stage import raw

COMMANDS = [
    InCommand("end", {}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [Close()]),
    InCommand(
        "end", {"how": "rst", "after": "reply"}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [raw([LISTED]), Abort()]
    ),
    InCommand("end", {"how": "half", "after": "half"}, "imap", b"a1 NOOP", [OK["imap"]], [b"a1 OK ", Close(half=True)]),
    InCommand("end", {"after": "half"}, "imap", b"a1 FETCH 1 BODY[]", [LONG], [LONG.raw + b"Subje", Close()]),
    InCommand(
        "end",
        {"how": "no-close-notify", "after": "continuation"},
        "smtp",
        b"DATA",
        [MAIL_TURN, Await.data(9), OK["smtp"]],
        [raw([MAIL_TURN]), Close(notify=False)],
    ),
    InCommand(
        "end",
        {"after": "taken", "say": "421 bye"},
        "smtp",
        b"DATA",
        [MAIL_TURN, Await.data(9), OK["smtp"]],
        [raw([MAIL_TURN]), Await.data(9), b"421 bye\r\n", Close()],
    ),
    InCommand("end", {"after": "taken"}, "imap", b"a1 NOOP", [OK["imap"]], [raw([OK["imap"]]), Close()]),
    InCommand(
        "farewell",
        {},
        "smtp",
        b"NOOP",
        [OK["smtp"]],
        [b"421 4.3.2 Shutting down, closing the connection\r\n", Close()],
    ),
    InCommand(
        "farewell",
        {"reason": "idle", "after": "continuation"},
        "imap",
        b"a1 IDLE",
        [TURN["imap"], Await.line(), OK["imap"]],
        [raw([TURN["imap"]]), b"* BYE Idle too long\r\n", Close()],
    ),
    InCommand(
        "farewell",
        {"reason": "errors"},
        "pop3",
        b"NOOP",
        [OK["pop3"]],
        [b"-ERR [SYS/PERM] Too many errors, closing the connection\r\n", Close()],
    ),
]


@pytest.mark.parametrize("row", named(COMMANDS))
def test_over_a_command(row: InCommand) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    over_a_command(row)


GREETED = [
    InGreeting("end", {"how": "rst"}, "smtp", [Abort()]),
    InGreeting("end", {"how": "rst", "after": "reply"}, "smtp", [raw([GREETINGS["smtp"]]), Abort()]),
]


@pytest.mark.parametrize("row", named(GREETED))
def test_over_the_greeting(row: InGreeting) -> None:
    """What a client gets first."""
    over_the_greeting(row)


MASKED: dict[str, tuple[str, dict[str, Any], bytes, bytes, bytes]] = {
    "half": ("end", {"after": "half"}, b"a1 OK secretsecret\r\n", b"a1 OK ****\r\n", b"a1 OK "),
}


@pytest.mark.parametrize(("kind", "fields", "octets", "masked", "shown"), MASKED.values(), ids=MASKED)
def test_what_is_masked_stays_masked(
    kind: str, fields: dict[str, Any], octets: bytes, masked: bytes, shown: bytes
) -> None:
    """A changed reply shows no more in the transcript than the honest one."""
    stays_masked(made(kind, **fields), octets, masked, shown)
