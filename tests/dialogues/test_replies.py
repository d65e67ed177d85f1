"""What the membrane says, in each protocol's spelling: exact octets, and the code that verdicts read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Command, Farewell, LoginFailure, Reply, ReplyKind
from labserver.wire.framing import Overflow

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Dialogue

_TAGGED = Command(verb="X", tag=b"a1")
_ARGUED = Command(verb="X", tag=b"a1", argument=b"now")

_FAILURES = [
    (LoginFailure.REJECTED, "535 5.7.8", "NO [AUTHENTICATIONFAILED]", "-ERR [AUTH]"),
    (LoginFailure.UNBOUND, "535 5.7.8", "NO [AUTHENTICATIONFAILED]", "-ERR [AUTH]"),
    (LoginFailure.CANCELLED, "501 5.7.0", "BAD", "-ERR"),
    (LoginFailure.WITHDRAWN, "501 5.7.0", "BAD", "-ERR"),
    (LoginFailure.MALFORMED, "501 5.5.2", "BAD", "-ERR"),
    (LoginFailure.UNSUPPORTED, "504 5.5.4", "NO [CANNOT]", "-ERR"),
    (LoginFailure.NEEDS_TLS, "538 5.7.11", "NO [PRIVACYREQUIRED]", "-ERR"),
    (LoginFailure.NOT_NOW, "503 5.5.1", "BAD", "-ERR"),
]

_FAREWELLS = [
    (Farewell.IDLE, "421 4.4.2", "* BYE Idle", "-ERR [SYS/TEMP] Idle"),
    (Farewell.SHUTDOWN, "421 4.3.2", "* BYE [UNAVAILABLE] Shutting", "-ERR [SYS/TEMP] Shutting"),
    (Farewell.OVERLOADED, "421 4.3.2", "* BYE [UNAVAILABLE] Too many", "-ERR [SYS/TEMP] Too many"),
    (Farewell.TOO_MANY_ERRORS, "421 4.7.0", "* BYE Too many errors", "-ERR [SYS/PERM] Too many errors"),
    (Farewell.LINE_TOO_LONG, "421 4.5.2", "* BYE Line too long", "-ERR [SYS/PERM] Line too long"),
    (Farewell.HTTP, "421 4.7.0", "* BYE This is a mail server", "-ERR [SYS/PERM] This is a mail server"),
    (Farewell.INTERNAL, "421 4.3.0", "* BYE [SERVERBUG]", "-ERR [SYS/TEMP] Internal"),
]


def _line(reply: Reply) -> str:
    """Return the reply as text, having checked that it is one line of ASCII without control characters."""
    text = reply.raw.decode("ascii")
    assert text.endswith("\r\n")
    assert text[:-2].isprintable()
    return text[:-2]


@pytest.mark.parametrize(("failure", "smtp", "imap", "pop3"), _FAILURES)
def test_login_failed(dialogues: dict[str, Dialogue], failure: LoginFailure, smtp: str, imap: str, pop3: str) -> None:
    """Each failure has the protocol's own code: RFC 4954 6, RFC 5530, RFC 3206."""
    for protocol, start in (("smtp", smtp), ("imap", f"a1 {imap}"), ("pop3", pop3)):
        reply = dialogues[protocol].login_failed(_TAGGED, failure)
        assert _line(reply).startswith(start + " ")
        assert reply.kind is ReplyKind.COMPLETION
        assert reply.code == (start.split()[1] if protocol == "imap" else start.split()[0])


@pytest.mark.parametrize("failure", LoginFailure)
def test_every_failure_is_in_the_table(failure: LoginFailure) -> None:
    """The table above is complete."""
    assert failure in {row[0] for row in _FAILURES}


@pytest.mark.parametrize(("reason", "smtp", "imap", "pop3"), _FAREWELLS)
def test_farewell(dialogues: dict[str, Dialogue], reason: Farewell, smtp: str, imap: str, pop3: str) -> None:
    """The last words are the protocol's own and end the connection."""
    for protocol, start in (("smtp", smtp), ("imap", imap), ("pop3", pop3)):
        reply = dialogues[protocol].farewell(reason)
        assert _line(reply).startswith(start)
        assert reply.kind is ReplyKind.FAREWELL
        assert reply.code == {"smtp": "421", "imap": "BYE", "pop3": "-ERR"}[protocol]


@pytest.mark.parametrize("reason", Farewell)
def test_every_farewell_is_in_the_table(reason: Farewell) -> None:
    """The table above is complete."""
    assert reason in {row[0] for row in _FAREWELLS}


def test_upgrade_ready(dialogues: dict[str, Dialogue]) -> None:
    """The upgrade is accepted with the code clients wait for."""
    expected = {"smtp": "220 ", "imap": "a1 OK ", "pop3": "+OK "}
    for protocol, start in expected.items():
        reply = dialogues[protocol].upgrade_ready(_TAGGED)
        assert _line(reply).startswith(start)
        assert reply.kind is ReplyKind.COMPLETION


def test_upgrade_refused(dialogues: dict[str, Dialogue]) -> None:
    """A refusal tells why; SMTP tells a wrong argument from a wrong moment (RFC 3207 4)."""
    expected = [
        ("smtp", _TAGGED, "503 5.5.1 because"),
        ("smtp", _ARGUED, "501 5.5.4 because"),
        ("imap", _TAGGED, "a1 BAD because"),
        ("pop3", _TAGGED, "-ERR because"),
    ]
    for protocol, command, line in expected:
        assert _line(dialogues[protocol].upgrade_refused(command, "because")) == line


def test_upgrade_unavailable(dialogues: dict[str, Dialogue]) -> None:
    """TLS that is not to be had now is a temporary failure."""
    expected = {"smtp": "454 4.7.0 ", "imap": "a1 NO ", "pop3": "-ERR "}
    for protocol, start in expected.items():
        assert _line(dialogues[protocol].upgrade_unavailable(_TAGGED)).startswith(start)


def test_unrecognized(dialogues: dict[str, Dialogue]) -> None:
    """A command that does not exist is an error of the client."""
    expected = {"smtp": "500 5.5.1 ", "imap": "a1 BAD ", "pop3": "-ERR "}
    for protocol, start in expected.items():
        assert _line(dialogues[protocol].unrecognized(_TAGGED)).startswith(start)


def test_challenge(dialogues: dict[str, Dialogue]) -> None:
    """A challenge is base64 behind the protocol's continuation; an empty one keeps its space."""
    for protocol, start in {"smtp": b"334 ", "imap": b"+ ", "pop3": b"+ "}.items():
        assert dialogues[protocol].challenge(b"").raw == start + b"\r\n"
        reply = dialogues[protocol].challenge(b"\x00" * 60)
        assert reply.raw == start + b"A" * 80 + b"\r\n", "one line however long"
        assert reply.kind is ReplyKind.CONTINUATION


def test_overflow_of_a_line(dialogues: dict[str, Dialogue]) -> None:
    """A line beyond the limit is answered with the limit; the dialogue goes on."""
    overflow = Overflow(parts=(b"a1 NOOP xxxxx",), limit=512)
    expected = {
        "smtp": "500 5.5.2 Line too long, at most 512 octets",
        "imap": "a1 BAD Line too long, at most 512 octets",
        "pop3": "-ERR Line too long, at most 512 octets",
    }
    for protocol, line in expected.items():
        reply = dialogues[protocol].overflow(overflow)
        assert _line(reply) == line
        assert reply.kind is ReplyKind.COMPLETION


def test_overflow_of_a_literal(dialogues: dict[str, Dialogue]) -> None:
    """A literal beyond the limit is NO [TOOBIG] (RFC 7888 4), one that cannot be skipped ends the connection."""
    literal = Overflow(parts=(b"a1 APPEND x {999+}",), limit=64, literal=True)
    assert _line(dialogues["imap"].overflow(literal)) == "a1 NO [TOOBIG] Literal too large, at most 64 octets"
    fatal = Overflow(parts=(b"a1 APPEND x {99999999999+}",), limit=64, literal=True, fatal=True)
    reply = dialogues["imap"].overflow(fatal)
    assert reply.raw == b"* BYE Line too long\r\n"
    assert reply.kind is ReplyKind.FAREWELL


def test_overflow_without_a_tag(dialogues: dict[str, Dialogue]) -> None:
    """What has no tag is answered untagged."""
    reply = dialogues["imap"].overflow(Overflow(parts=(b"\x00\x00",), limit=512))
    assert _line(reply).startswith("* BAD ")


def test_go_ahead(dialogues: dict[str, Dialogue]) -> None:
    """Only IMAP has literals."""
    assert dialogues["imap"].go_ahead().raw.startswith(b"+ ")
    for protocol in ("smtp", "pop3"):
        with pytest.raises(NotImplementedError):
            dialogues[protocol].go_ahead()
