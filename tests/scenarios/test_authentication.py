"""Authentication scenarios on the wire, inside verified TLS."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest

from labserver.services import ProtocolName
from tests.reference.scram import ScramClient
from tests.scenarios.places import Way, place, places
from tests.scenarios.wire import ASKING, Wire

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

SERVICES = ("smtp", "submissions", "imap", "imaps", "pop3", "pop3s")
USER, PASSWORD = "alice", "secret"
_REFUSED = {
    ProtocolName.SMTP: b"535 5.7.8 ",
    ProtocolName.IMAP: b"a1 NO [AUTHENTICATIONFAILED] ",
    ProtocolName.POP3: b"-ERR [AUTH] ",
}
_DONE = {ProtocolName.SMTP: b"235 2.7.0 ", ProtocolName.IMAP: b"a1 OK ", ProtocolName.POP3: b"+OK"}
_PLAIN = f"\0{USER}\0{PASSWORD}".encode()


def _begin(wire: Wire, mechanism: str) -> bytes:
    """Ask for a mechanism; return the first challenge."""
    verb = b"a1 AUTHENTICATE" if wire.where.service.protocol is ProtocolName.IMAP else b"AUTH"
    wire.send(b"%b %b\r\n" % (verb, mechanism.encode()))
    return _challenge(wire)


def _respond(wire: Wire, response: bytes) -> None:
    wire.send(base64.b64encode(response) + b"\r\n")


def _challenge(wire: Wire) -> bytes:
    """Return a challenge, decoded; anything else as it is, which is the end."""
    line = wire.line()
    found = re.fullmatch(rb"(?:\+|334) ([A-Za-z0-9+/=]*)\r\n", line)
    return line if found is None else base64.b64decode(found[1])


def _plain(wire: Wire) -> bytes:
    _begin(wire, "PLAIN")
    _respond(wire, _PLAIN)
    return wire.line()


def _login(wire: Wire) -> bytes:
    assert _begin(wire, "LOGIN") == b"Username:"
    _respond(wire, USER.encode())
    assert _challenge(wire) == b"Password:"
    _respond(wire, PASSWORD.encode())
    return wire.line()


def _scram(wire: Wire) -> bytes:
    client = ScramClient(USER, PASSWORD)
    _begin(wire, "SCRAM-SHA-256")
    _respond(wire, client.first())
    _respond(wire, client.final(_challenge(wire)))
    refusal = _challenge(wire)
    assert refusal.startswith(b"e="), refusal
    wire.send(b"*\r\n")
    return wire.line()


def _password(wire: Wire) -> bytes:
    if wire.where.service.protocol is ProtocolName.IMAP:
        return wire.ask(b"a1 LOGIN alice secret\r\n")
    assert wire.ask(b"USER alice\r\n").startswith(b"+OK")
    return wire.ask(b"PASS secret\r\n")


@pytest.mark.parametrize(("scenario", "service", "way"), places(["auth-rejected"], SERVICES))
def test_rejected(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """Right credentials are refused with the protocol's own words, by PLAIN, LOGIN, SCRAM and its own command."""
    attempts = [_plain, _login, _scram]
    if not service.startswith(("smtp", "submission")):
        attempts.append(_password)
    for attempt in attempts:
        with Wire(place(stage, scenario, service, way)).secured() as wire:
            protocol = wire.where.service.protocol
            wire.ask(ASKING[protocol])
            answer = attempt(wire)
            assert answer.startswith(_REFUSED[protocol]), (attempt, answer)


@pytest.mark.parametrize(("scenario", "service", "way"), places(["scram-bad-server-signature"], SERVICES))
def test_bad_signature(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """SCRAM alone is offered; the server's signature has its length and its form, is wrong, and success follows."""
    with Wire(place(stage, scenario, service, way)).secured() as wire:
        protocol = wire.where.service.protocol
        listed = wire.ask(ASKING[protocol])
        assert set(re.findall(rb"SCRAM[\w-]+|PLAIN|LOGIN(?!DISABLED)|OAUTH\w+|CRAM-MD5|XOAUTH2|\nUSER", listed)) == {
            b"SCRAM-SHA-256",
            b"SCRAM-SHA-1",
        }
        client = ScramClient(USER, PASSWORD)
        _begin(wire, "SCRAM-SHA-256")
        _respond(wire, client.first())
        _respond(wire, client.final(_challenge(wire)))
        final = _challenge(wire)
        assert final.startswith(b"v=")
        assert len(base64.b64decode(final[2:], validate=True)) == 32
        assert not client.proved(final)
        wire.send(b"\r\n")
        assert wire.line().startswith(_DONE[protocol])


def test_good_signature(stage: LabProcess) -> None:
    """Elsewhere the same client is shown the right signature."""
    with Wire(place(stage, "good", "imaps", Way.NAME)).secured() as wire:
        client = ScramClient(USER, PASSWORD)
        _begin(wire, "SCRAM-SHA-256")
        _respond(wire, client.first())
        _respond(wire, client.final(_challenge(wire)))
        assert client.proved(_challenge(wire))
