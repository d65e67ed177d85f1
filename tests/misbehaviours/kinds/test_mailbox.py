"""The state of a mailbox: what the client gets of each kind."""

from __future__ import annotations

from typing import Any

import pytest

from labserver.dialogues.exchange import Reply
from tests.misbehaviours.kinds.rows import (
    LONG,
    OK,
    InCommand,
    made,
    named,
    over_a_command,
    refused,
    stays_masked,
)
from tests.misbehaviours.stage import raw

COMMANDS = [
    InCommand(
        "uidvalidity",
        {"add": 5},
        "imap",
        b"a1 SELECT x",
        [Reply.untagged(b"* OK [UIDVALIDITY 10] x\r\n"), OK["imap"]],
        [b"* OK [UIDVALIDITY 15] x\r\n", raw([OK["imap"]])],
    ),
    InCommand(
        "uidvalidity",
        {"value": 0},
        "imap",
        b"a1 STATUS x",
        [Reply.untagged(b"* STATUS x (UIDVALIDITY 10 UIDNEXT 4)\r\n")],
        [b"* STATUS x (UIDVALIDITY 0 UIDNEXT 4)\r\n"],
    ),
    InCommand(
        "uidvalidity",
        {"add": 5, "each": "session"},
        "imap",
        b"a1 SELECT x",
        [Reply.untagged(b"* OK [UIDVALIDITY 10] x\r\n")],
        [b"* OK [UIDVALIDITY 15] x\r\n"],
    ),
    InCommand("exists", {"add": -9}, "imap", b"a1 NOOP", [Reply.untagged(b"* 3 EXISTS\r\n")], [b"* 0 EXISTS\r\n"]),
    InCommand(
        "exists",
        {"value": 7},
        "imap",
        b"a1 SELECT x",
        [Reply.untagged(b"* 3 EXISTS\r\n* 0 RECENT\r\n")],
        [b"* 7 EXISTS\r\n* 0 RECENT\r\n"],
    ),
    InCommand(
        "literal-length",
        {"add": 10},
        "imap",
        b"a1 FETCH 1 BODY[]",
        [LONG],
        [b"* 1 FETCH (BODY[] {22}\r\nSubject: x\r\nz\r\n)\r\n"],
    ),
    InCommand(
        "literal-length",
        {"value": -1},
        "imap",
        b"a1 FETCH 1 BODY[]",
        [LONG],
        [b"* 1 FETCH (BODY[] {-1}\r\nSubject: x\r\nz\r\n)\r\n"],
    ),
]


@pytest.mark.parametrize("row", named(COMMANDS))
def test_over_a_command(row: InCommand) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    over_a_command(row)


MASKED: dict[str, tuple[str, dict[str, Any], bytes, bytes, bytes]] = {
    "a number": (
        "exists",
        {"add": 1},
        b"x secret\r\n* 1 EXISTS\r\n",
        b"x ****\r\n* 1 EXISTS\r\n",
        b"x ****\r\n* 2 EXISTS\r\n",
    ),
}


@pytest.mark.parametrize(("kind", "fields", "octets", "masked", "shown"), MASKED.values(), ids=MASKED)
def test_what_is_masked_stays_masked(
    kind: str, fields: dict[str, Any], octets: bytes, masked: bytes, shown: bytes
) -> None:
    """A changed reply shows no more in the transcript than the honest one."""
    stays_masked(made(kind, **fields), octets, masked, shown)


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "two numbers": ("exists", {"add": 1, "value": 1}, "either add or value"),
    "no number": ("uidvalidity", {}, "either add or value"),
    "no length": ("literal-length", {}, "either add or value"),
}


@pytest.mark.parametrize(("kind", "fields", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: str, fields: dict[str, Any], reason: str) -> None:
    """What cannot be meant is refused when it is read."""
    refused(kind, fields, reason)
