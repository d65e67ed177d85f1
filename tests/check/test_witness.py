"""A witness: what is kept of a run is proof enough, holds no secret, and is whole however much was said."""

from __future__ import annotations

import base64
import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from OpenSSL import SSL

from labserver import events
from labserver.check.witness import Witness
from labserver.report.ndjson import encoded
from labserver.verdicts.canary import Canary, Exposure
from tests.verdicts.scenes import Scene

if TYPE_CHECKING:
    from labserver.verdicts.trace import Session

_CANARY = Canary(user="canary-1", password="Sing1234")
_STARTED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_PLAIN = base64.b64encode(b"\0canary-1\0Sing1234")


@dataclass
class _Record:
    number: int = 1
    started: datetime = _STARTED


def _kept(*happened: events.Event) -> Session:
    witness = Witness(_CANARY)
    for event in happened:
        witness.observe(_Record(), event)
    (session,) = witness.trace().sessions
    return session


def _command(data: bytes, masked: bytes = b"****\r\n", *, secure: bool = True, verb: str = "") -> events.Event:
    return events.CommandReceived(at=0.5, verb=verb, data=data, masked=masked, secure=secure, size=len(data))


def _reply(data: bytes, kind: str = "untagged", masked: bytes | None = None) -> events.Event:
    return events.ReplySent(at=0.5, kind=kind, data=data, secure=True, size=len(data), masked=masked)


_SECRETS = {
    "a login": _command(b"a LOGIN canary-1 Sing1234\r\n", b"a LOGIN canary-1 ****\r\n"),
    "an argument after login": _command(b"b SELECT Sing1234\r\n", b"b SELECT Sing1234\r\n", verb="SELECT"),
    "a response": events.LineReceived(at=1, data=_PLAIN + b"\r\n", masked=b"****\r\n", secure=True),
    "a mail": events.DataReceived(at=1, data=b"Subject: Sing1234\r\n", size=19, secure=True),
    "octets behind STARTTLS": events.PlaintextDiscarded(at=1, data=b"PASS Sing1234\r\n", size=15),
    "a line without its end": events.RawReceived(at=1, data=b"PASS Sing1234", size=13, encrypted=False),
}


@pytest.mark.parametrize("event", _SECRETS.values(), ids=list(_SECRETS))
def test_secrets(event: events.Event) -> None:
    """What holds the password is kept as proof that it does, and the password is not kept."""
    session = _kept(event)
    assert [(one.index, one.exposure) for one in session.sightings] == [(0, Exposure.PASSWORD)]
    (kept,) = session.events
    told = encoded(1, _STARTED, kept, secrets=True)
    assert "Sing1234" not in told
    assert _PLAIN.decode() not in told
    assert type(kept) is type(event)
    assert {"at", "size", "secure"} & {field.name for field in dataclasses.fields(kept)}


def test_echoes() -> None:
    """A reply that repeats the password, once the client has said it, is masked as well."""
    *_, kept = _kept(_SECRETS["a login"], _reply(b"* BAD unknown Sing1234\r\n")).events
    assert isinstance(kept, events.ReplySent)
    assert kept.data == b"****\r\n"


def _hello() -> bytes:
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
    client.set_connect_state()
    client.set_tlsext_host_name(b"good.lab.test")
    client.request_ocsp()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    return client.bio_read(1 << 16)


@pytest.mark.parametrize("pieces", [1, 3])
def test_client_hello(pieces: int) -> None:
    """What the client offers to TLS is read from its octets, in however many pieces they come."""
    octets = _hello()
    size = -(-len(octets) // pieces)
    raw = [
        events.RawReceived(at=1, data=octets[start : start + size], size=size, encrypted=True)
        for start in range(0, len(octets), size)
    ]
    session = _kept(events.TlsStarted(at=0), *raw)
    assert [type(event) for event in session.events[:-1]] == [events.TlsStarted, *([events.RawReceived] * pieces)]
    hello = session.events[-1]
    assert isinstance(hello, events.ClientHelloReceived)
    assert "TLSv1.3" in hello.versions
    assert "secp256r1" in hello.groups
    assert "ecdsa_secp256r1_sha256" in hello.signatures
    assert {"server_name", "status_request"} <= set(hello.extensions)
    assert "TLS_AES_128_GCM_SHA256" in hello.suites


def test_no_client_hello() -> None:
    """Octets that are no ClientHello are none, and what comes behind them is not read either."""
    first = events.RawReceived(at=1, data=b"EHLO x\r\n", size=8, encrypted=False)
    second = events.RawReceived(at=1, data=_hello(), size=8, encrypted=True)
    kinds = {type(event) for event in _kept(events.TlsStarted(at=0), first, second).events}
    assert events.ClientHelloReceived not in kinds


@pytest.mark.parametrize(
    ("reply", "mechanisms"),
    [
        (b"* CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 SASL-IR AUTH=PLAIN\r\n", ("SCRAM-SHA-256", "PLAIN")),
        (b"250-lab.test\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE\r\n", ("PLAIN", "LOGIN")),
        (b"250-AUTH=LOGIN\r\n250 X\r\n", ("LOGIN",)),
        (b"+OK\r\nUSER\r\nSASL SCRAM-SHA-1 X-UNHEARD\r\n.\r\n", ("SCRAM-SHA-1",)),
    ],
)
def test_mechanisms(reply: bytes, mechanisms: tuple[str, ...]) -> None:
    """A list of SASL mechanisms is taken out of the reply that has it, until the client has logged in."""
    session = _kept(_reply(reply))
    assert session.events[1:] == (events.MechanismsListed(at=0.5, mechanisms=mechanisms, secure=True),)
    entered = events.AuthenticationSucceeded(at=0.1, account="x", mechanism="PLAIN", secure=True)
    assert len(_kept(entered, _reply(reply)).events) == 2


def test_floods() -> None:
    """Of very many events those that tell something new are kept, and the rest is counted."""
    noop = _command(b"a NOOP\r\n", b"a NOOP\r\n", verb="NOOP")
    secret = _command(b"a LOGIN canary-1 Sing1234\r\n", b"a LOGIN canary-1 ****\r\n", verb="LOGIN")
    session = _kept(*[noop] * 30_000, secret, noop, secret)
    assert len(session.events) == 10_000 + 2
    assert session.elided == 20_000 + 3 - 2
    (seen,) = session.sightings
    kept = session.events[seen.index]
    assert isinstance(kept, events.CommandReceived)
    assert kept.data == b"a LOGIN canary-1 ****\r\n"


def test_much_in_clear() -> None:
    """The password is found in clear octets however many come before it, and where it is cut in two."""
    raw = [events.RawReceived(at=1, data=b"x" * 30_000, size=30_000, encrypted=False) for _ in range(40)]
    raw += [events.RawReceived(at=1, data=data, size=9, encrypted=False) for data in (b"PASS Sing", b"1234")]
    (seen,) = _kept(*raw).sightings
    assert (seen.index, seen.exposure, seen.secure) == (41, Exposure.PASSWORD, False)


def test_several_sessions() -> None:
    """Each connection is a session of its own, in the order in which they came."""
    witness = Witness(_CANARY)
    for number in (1, 2, 1):
        witness.observe(_Record(number), Scene().events[0])
    assert [(session.number, len(session.events)) for session in witness.trace().sessions] == [(1, 2), (2, 1)]
