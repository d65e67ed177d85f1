"""When something is said, and in which pieces: what the client gets of each kind."""

from __future__ import annotations

import pytest

from labserver.misbehaviours.chain import Chain, Tell
from labserver.wire.actions import Close, Hold, Pace, Pause
from tests.misbehaviours.kinds.rows import (
    GREETINGS,
    LISTED,
    OK,
    InCommand,
    InGreeting,
    made,
    named,
    over_a_command,
    over_the_greeting,
)
from tests.misbehaviours.stage import raw

COMMANDS = [
    InCommand("delay", {"seconds": 2}, "pop3", b"NOOP", [OK["pop3"]], [Pause(2.0), raw([OK["pop3"]])]),
    InCommand(
        "delay",
        {"seconds": 2, "before": "end"},
        "imap",
        b"a1 NOOP",
        [LISTED, OK["imap"]],
        [raw([LISTED]), Pause(2.0), raw([OK["imap"]])],
    ),
    InCommand(
        "delay",
        {"seconds": 2, "before": "replies"},
        "imap",
        b"a1 NOOP",
        [LISTED, OK["imap"]],
        [Pause(2.0), raw([LISTED]), Pause(2.0), raw([OK["imap"]])],
    ),
    InCommand("stall", {"seconds": 9}, "pop3", b"NOOP", [OK["pop3"]], [Pause(9.0), Close()]),
    InCommand(
        "stall", {"seconds": 9, "then": "answer"}, "pop3", b"NOOP", [OK["pop3"]], [Pause(9.0), raw([OK["pop3"]])]
    ),
    InCommand("hold", {"seconds": 9}, "pop3", b"NOOP", [OK["pop3"]], [Hold(9.0), raw([OK["pop3"]])]),
    InCommand(
        "drip", {"size": 2}, "pop3", b"NOOP", [OK["pop3"]], [Pace(size=2, seconds=1.0), raw([OK["pop3"]]), Pace()]
    ),
    InCommand("segments", {}, "pop3", b"NOOP", [OK["pop3"]], [Pace(size=1), raw([OK["pop3"]]), Pace()]),
    InCommand(
        "segments",
        {"cut": "inside-crlf"},
        "pop3",
        b"NOOP",
        [OK["pop3"]],
        [Pace(behind=b"\r"), raw([OK["pop3"]]), Pace()],
    ),
    InCommand(
        "segments", {"cut": "line"}, "pop3", b"NOOP", [OK["pop3"]], [Pace(behind=b"\n"), raw([OK["pop3"]]), Pace()]
    ),
]


@pytest.mark.parametrize("row", named(COMMANDS))
def test_over_a_command(row: InCommand) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    over_a_command(row)


GREETED = [
    InGreeting("drip", {}, "smtp", [Pace(size=1, seconds=1.0), raw([GREETINGS["smtp"]]), Pace()]),
]


@pytest.mark.parametrize("row", named(GREETED))
def test_over_the_greeting(row: InGreeting) -> None:
    """What a client gets first."""
    over_the_greeting(row)


def test_records() -> None:
    """Everything leaves in pieces, from the first octet on."""
    assert Chain([made("records", size=7)]).below == (Pace(size=7), Tell("records", 0))
