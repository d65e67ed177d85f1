"""The wire in TLS, by both engines: implicit and STARTTLS, how it ends, and for whom it never begins."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from OpenSSL import SSL

from labserver import events
from labserver.verdicts.canary import Canary, Exposure
from labserver.verdicts.sightings import sightings
from tests.servers.exposure import exposed, shown
from tests.servers.line import Line, Loop, line
from tests.session.playbook import Scripted
from tests.tls.clients import NAME, OpensslClient, StdlibClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.tls.engine import TlsEngine
    from tests.session.playbook import Building
    from tests.tls.clients import Client

pytestmark = pytest.mark.usefixtures("loop")

_UPGRADES = {
    "smtp": (b"EHLO me\r\nSTARTTLS\r\n", b"QUIT\r\n", b"221 "),
    "imap": (b"a STARTTLS\r\n", b"b LOGOUT\r\n", b"* BYE "),
    "pop3": (b"STLS\r\n", b"QUIT\r\n", b"+OK "),
}


def _tls_record(line: Line) -> bool:
    """Tell whether everything sent since TLS began was records."""
    sent = [event for event in line.all(events.RawSent) if isinstance(event, events.RawSent) and event.encrypted]
    return bool(sent) and all(event.data[0] in (20, 21, 22, 23) and event.data[1] == 3 for event in sent)


def _only(line: Line, kind: type[events.Event]) -> events.Event:
    (event,) = line.all(kind)
    return event


def _client(authority: trustme.CA) -> StdlibClient:
    return StdlibClient(ca=authority.cert_pem.bytes().decode())


def test_implicit(building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA) -> None:
    """A TLS service is silent until the handshake is done; its greeting is inside."""
    opened = line(building, "imaps", make_engine=make_engine)
    assert opened.connect() == b""
    client = _client(served_authority)
    assert opened.tls(client).startswith(b"* OK ")
    established = _only(opened, events.TlsEstablished)
    assert isinstance(established, events.TlsEstablished)
    assert established.facts.server_name == NAME
    assert _tls_record(opened)


@pytest.mark.parametrize("service", list(_UPGRADES))
def test_starttls(
    building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA, service: str
) -> None:
    """After the upgrade everything is records; the server speaks only when spoken to; the end is clean."""
    upgrade, quit_, last_words = _UPGRADES[service]
    opened = line(building, service, make_engine=make_engine)
    opened.connect()
    assert opened.say(upgrade)
    client = _client(served_authority)
    assert opened.tls(client) == b""
    client.send(quit_)
    assert opened.tls(client).startswith(last_words)
    assert client.closed, "close_notify before the connection closes"
    assert _tls_record(opened)
    assert opened.end() == "closing"
    last = opened.lose()
    assert (last.by, last.clean) == ("server", True)


def test_injected_plaintext_never_reaches_tls(
    building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA
) -> None:
    """What came in clear in the segment of the upgrade is neither a command nor part of the handshake."""
    opened = line(building, "smtp", make_engine=make_engine)
    opened.connect()
    opened.say(b"EHLO me\r\n")
    assert opened.say(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@x.test>\r\n").count(b"\r\n") == 1
    client = _client(served_authority)
    assert opened.tls(client) == b""
    client.send(b"RCPT TO:<alice@lab.test>\r\n")
    assert opened.tls(client).startswith(b"503 ")


@pytest.mark.parametrize("leaves", [True, False])
def test_the_client_closes(
    building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA, *, leaves: bool
) -> None:
    """A client's end is clean with close_notify and not without."""
    opened = line(building, "pop3s", make_engine=make_engine)
    opened.connect()
    client = _client(served_authority)
    opened.tls(client)
    if leaves:
        client.shutdown()
        assert opened.say(client.outgoing()), "answered with ours"
    else:
        opened.connection.readConnectionLost()
    assert opened.end() == "closing"
    last = opened.lose()
    assert (last.by, last.clean) == ("client", leaves)


def test_cut_off(building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA) -> None:
    """A reset inside TLS is not clean."""
    opened = line(building, "pop3s", make_engine=make_engine)
    opened.connect()
    opened.tls(_client(served_authority))
    last = opened.lose(cleanly=False)
    assert (last.by, last.clean) == ("client", False)
    assert not opened.all(events.TlsFailed)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_does_not_trust(
    building: Building, make_engine: Callable[[], TlsEngine], version: ssl.TLSVersion
) -> None:
    """A client that refuses the certificate shows in the event, with the name of its alert."""
    opened = line(building, "imaps", make_engine=make_engine)
    opened.connect()
    client = StdlibClient(ca=trustme.CA().cert_pem.bytes().decode(), version=version)
    assert opened.tls(client) == b""
    failed = _only(opened, events.TlsFailed)
    assert isinstance(failed, events.TlsFailed)
    assert failed.alert == "unknown_ca"
    assert failed.during_handshake
    assert opened.end() == "closing"
    last = opened.lose()
    assert (last.by, last.clean) == ("error", False)


@pytest.mark.parametrize("rubbish", [b"EHLO me\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(100)])
def test_no_client_hello(building: Building, make_engine: Callable[[], TlsEngine], rubbish: bytes) -> None:
    """Whoever speaks no TLS on a TLS port hears an alert at most, and is gone; nothing is understood in clear."""
    opened = line(building, "submissions", make_engine=make_engine)
    opened.connect()
    answer = opened.say(rubbish)
    assert answer[:1] in (b"", b"\x15")
    assert opened.end() == "closing"
    failed = _only(opened, events.TlsFailed)
    assert isinstance(failed, events.TlsFailed)
    assert failed.during_handshake
    assert failed.reason
    assert not opened.all(events.CommandReceived)
    assert not opened.lose().clean


def test_an_old_client(building: Building, make_engine: Callable[[], TlsEngine]) -> None:
    """TLS 1.0 is refused with an alert that the client understands."""
    opened = line(building, "imaps", make_engine=make_engine)
    opened.connect()
    client = OpensslClient(version=SSL.TLS1_VERSION)
    opened.tls(client)
    assert "protocol version" in client.error


def test_leaving_during_the_handshake(
    building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA
) -> None:
    """A client that leaves half-way has failed TLS, and the event says so."""
    opened = line(building, "imaps", make_engine=make_engine)
    opened.connect()
    client = _client(served_authority)
    client.step()
    opened.say(client.outgoing()[:50])
    opened.connection.readConnectionLost()
    last = opened.lose()
    failed = _only(opened, events.TlsFailed)
    assert isinstance(failed, events.TlsFailed)
    assert failed.reason == "the client left during the handshake"
    assert (last.by, last.clean) == ("client", False)


@pytest.mark.parametrize(("service", "first"), [("imaps", b""), ("imap", b"a STARTTLS\r\n")])
def test_a_handshake_that_takes_too_long(
    building: Building, loop: Loop, make_engine: Callable[[], TlsEngine], service: str, first: bytes
) -> None:
    """A handshake has its own time; octets that dribble in do not prolong it."""
    building.limit(handshake_time=10.0, idle_time=1000.0)
    opened = line(building, service, make_engine=make_engine)
    opened.connect()
    if first:
        opened.say(first)
    for _ in range(3):
        loop.pass_time(3)
        opened.say(b"\x16\x03\x01\x02\x00"[:1])
    assert opened.end() != "dropped"
    loop.pass_time(2)
    assert opened.end() == "dropped"
    opened.lose(cleanly=False)
    failed = _only(opened, events.TlsFailed)
    assert isinstance(failed, events.TlsFailed)
    assert failed.reason == "handshake not finished in time"


def test_idle_inside_tls(
    building: Building, loop: Loop, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA
) -> None:
    """Inside TLS silence has the time of silence, not that of the handshake."""
    building.limit(handshake_time=10.0, idle_time=100.0)
    opened = line(building, "imaps", make_engine=make_engine)
    opened.connect()
    client = _client(served_authority)
    opened.tls(client)
    loop.pass_time(99)
    assert opened.tls(client) == b""
    loop.pass_time(2)
    assert opened.tls(client).startswith(b"* BYE Idle")
    assert client.closed
    last = opened.lose()
    assert (last.by, last.clean) == ("server", True)


def test_drain(building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA) -> None:
    """Shutting down says goodbye inside TLS, and drops a handshake that is under way."""
    opened = line(building, "imaps", make_engine=make_engine)
    opened.connect()
    client = _client(served_authority)
    opened.tls(client)
    opened.connection.drain()
    assert opened.tls(client).startswith(b"* BYE [UNAVAILABLE] ")
    assert client.closed
    waiting = line(building, "imaps", make_engine=make_engine)
    waiting.connect()
    waiting.connection.drain()
    assert waiting.end() == "dropped"
    assert waiting.heard() == b"", "nothing in clear"


def test_full(building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA) -> None:
    """The refusal of a full server is inside TLS."""
    opened = line(building, "pop3s", make_engine=make_engine, overloaded=True)
    opened.connect()
    client: Client = _client(served_authority)
    assert opened.tls(client).startswith(b"-ERR [SYS/TEMP] Too many connections")
    assert client.closed


def test_a_reply_is_one_record(
    building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA
) -> None:
    """What is said together is one segment and one record."""
    opened = line(building, "submissions", Scripted, make_engine=make_engine)
    opened.connect()
    client = _client(served_authority)
    opened.tls(client)
    client.send(b"A\r\nB\r\n")
    opened.connection.dataReceived(client.outgoing())
    (segment,) = opened.transport.writes
    assert int.from_bytes(segment[3:5], "big") == len(segment) - 5


def test_an_engine_that_cannot_be_made(building: Building, caplog: pytest.LogCaptureFixture) -> None:
    """A fault of ours before TLS has begun ends the connection, and is told."""

    def make() -> TlsEngine:
        raise ZeroDivisionError("no engine today")

    opened = line(building, "imaps", make_engine=make)
    opened.connect()
    assert opened.end() != "open"
    assert len(opened.all(events.InternalFault)) == 1
    assert "no engine today" in caplog.text


_LOGINS = {
    "submissions": b"EHLO me\r\nAUTH PLAIN AGFsaWNlAHMzY3JldA==\r\n",
    "imaps": b"1 LOGIN alice s3cret\r\n",
    "pop3s": b"USER alice\r\nPASS s3cret\r\n",
    "smtp": b"AUTH PLAIN AGFsaWNlAHMzY3JldA==\r\n",
    "imap": b"1 LOGIN alice s3cret",
    "pop3": b"USER alice\r\nPASS s3cret",
}
_CANARY = Canary(user="alice", password="s3cret")


def _seen(line: Line, service: str) -> list[tuple[Exposure, bool]]:
    """Return what the rules see of the password, having checked that nobody else sees it."""
    for name, text in shown(service, line.record.events).items():
        assert not exposed(text, "s3cret"), name
    found = sightings(_CANARY, line.record.events)
    return [(sighting.exposure, sighting.secure) for sighting in found if sighting.exposure is Exposure.PASSWORD]


@pytest.mark.parametrize("service", list(_LOGINS))
@pytest.mark.parametrize("octet_by_octet", [False, True])
def test_a_login_in_clear_where_tls_is_due(
    building: Building, make_engine: Callable[[], TlsEngine], service: str, *, octet_by_octet: bool
) -> None:
    """Typed to a port of TLS, or behind an accepted STARTTLS, a password is shown nowhere, and seen by the rules."""
    opened = line(building, service, make_engine=make_engine)
    opened.connect()
    if service in _UPGRADES:
        opened.say(_UPGRADES[service][0])
    login = _LOGINS[service]
    for segment in [login[at : at + 1] for at in range(len(login))] if octet_by_octet else [login]:
        opened.say(segment)
    opened.lose()
    assert _seen(opened, service) == [(Exposure.PASSWORD, False)]


def test_a_login_in_clear_behind_records(
    building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA
) -> None:
    """A client that falls back to clear text on an encrypted connection is found out as well."""
    opened = line(building, "imaps", make_engine=make_engine)
    opened.connect()
    client = _client(served_authority)
    opened.tls(client)
    client.send(b"1 NOOP\r\n")
    client.step()
    opened.say(client.outgoing() + _LOGINS["imaps"])
    opened.lose()
    received = [event for event in opened.all(events.RawReceived) if isinstance(event, events.RawReceived)]
    assert [event.encrypted for event in received[-2:]] == [True, False]
    assert received[-1].data == _LOGINS["imaps"]
    assert _seen(opened, "imaps") == [(Exposure.PASSWORD, False)]


def test_a_login_in_tls(building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA) -> None:
    """Of a session in TLS everything that came is records, from the ClientHello to the last alert."""
    opened = line(building, "imaps", make_engine=make_engine)
    opened.connect()
    client = _client(served_authority)
    opened.tls(client)
    client.send(_LOGINS["imaps"] + b"2 LOGOUT\r\n")
    assert b"2 OK" in opened.tls(client)
    received = [event for event in opened.all(events.RawReceived) if isinstance(event, events.RawReceived)]
    assert all(event.encrypted for event in received)
    assert _seen(opened, "imaps") == [(Exposure.PASSWORD, True)]
