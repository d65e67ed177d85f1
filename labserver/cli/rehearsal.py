"""A scenario's session rehearsed without a network: what it says to a typical client, and what it answers in TLS.

The client here believes everything; it is there to have the server speak, and judges nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from labserver.events import TlsEstablished, TlsFacts, TlsStarted
from labserver.facets.injection import NoInjection
from labserver.services import SERVICES, ProtocolName
from labserver.session.access import NoChannel
from labserver.session.membrane import Membrane
from labserver.wire.actions import Send, StartTls

if TYPE_CHECKING:
    from collections.abc import Generator

    from labserver.events import Event
    from labserver.facets.bundle import Facets
    from labserver.lab import Lab
    from labserver.scenario import Scenario
    from labserver.services import Service

    Client = Generator[bytes, bytes, None]
    """Yields what the client says and is sent what it is answered."""

__all__ = ["dialogue", "first_flight"]

_ASKING = {
    ProtocolName.SMTP: b"EHLO client.example\r\n",
    ProtocolName.LMTP: b"LHLO client.example\r\n",
    ProtocolName.IMAP: b"a1 CAPABILITY\r\n",
    ProtocolName.POP3: b"CAPA\r\n",
}
_UPGRADING = {ProtocolName.IMAP: b"a2 STARTTLS\r\n", ProtocolName.POP3: b"STLS\r\n"}
_LOGIN = {
    ProtocolName.SMTP: (b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n",),
    ProtocolName.LMTP: (),
    ProtocolName.IMAP: (b"a3 LOGIN alice secret\r\n",),
    ProtocolName.POP3: (b"USER alice\r\n", b"PASS secret\r\n"),
}
_USER, _PASSWORD, _NONCE = "alice", "secret", "rOprNGfwEbeRWgbNEkqO"


def dialogue(lab: Lab, scenario: Scenario, service: Service) -> list[Event]:
    """Return what happens between the scenario's session and a typical client; times are all 0."""
    happened: list[Event] = []
    role = lab.casting.role(scenario.id)
    membrane = Membrane(
        service=service.name,
        peer="192.0.2.1",
        dialogue=role.backends.dialogue(service),
        access=role.access,
        make_backend=role.maker(service),
        observe=happened.append,
        elapsed=lambda: 0.0,
        upgradable=not service.implicit_tls,
        persona=role.persona,
    )
    if service.implicit_tls:
        _secure(membrane)
    membrane.open(lambda: None)
    client = _client(service, scenario.facets)
    next(client)
    while True:
        answer, upgraded = _pulled(membrane)
        if upgraded:
            _secure(membrane)
        try:
            membrane.receive(client.send(answer))
        except StopIteration:
            membrane.disconnected()
            return [TlsStarted(at=0.0) if isinstance(event, TlsEstablished) else event for event in happened]


def first_flight(lab: Lab, scenario: Scenario) -> bytes:
    """Return what the scenario answers to a ClientHello that takes every version from TLS 1.0 on."""
    from OpenSSL import SSL  # noqa: PLC0415 -- only for what lies in the handshake

    from labserver.tls.engine import LEGACY_CIPHERS  # noqa: PLC0415 -- the same

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(LEGACY_CIPHERS.encode("ascii"))
    client = SSL.Connection(context, None)
    client.set_connect_state()
    try:
        client.do_handshake()
    except SSL.WantReadError:
        service = SERVICES[scenario.services[0]]
        engine = lab.casting.role(scenario.id).watched_engine(service, lambda *_: None)
        engine.receive(client.bio_read(1 << 14))
        engine.decrypted()
        return engine.outgoing()
    raise AssertionError("nobody can have answered")


def _secure(membrane: Membrane) -> None:
    membrane.secured(TlsFacts(version="", cipher=""), NoChannel())


def _pulled(membrane: Membrane) -> tuple[bytes, bool]:
    """Return what the server says until it waits, and whether TLS starts then."""
    said = b""
    while (action := membrane.next_action()) is not None:
        if isinstance(action, StartTls):
            return said, True
        if isinstance(action, Send):
            said += action.data
    return said, False


def _client(service: Service, facets: Facets) -> Client:
    """Ask, start TLS, log in; where TLS does not start, log in all the same."""
    protocol = service.protocol
    yield b""
    if not service.implicit_tls:
        yield _ASKING[protocol]
        yield _UPGRADING.get(protocol, b"STARTTLS\r\n")
        if not isinstance(facets.injection, NoInjection):
            return  # everything that is to be seen has been said
    if facets.greeting.authenticated:
        yield b"a3 SELECT INBOX\r\n"
        return
    if protocol is ProtocolName.SMTP:
        yield _ASKING[protocol]
    if facets.authentication.mechanisms is None:
        for line in _LOGIN[protocol]:  # noqa: UP028 -- a tuple takes no answers
            yield line
    else:
        yield from _scram(protocol)


def _scram(protocol: ProtocolName) -> Client:
    """Log in by SCRAM-SHA-256 (RFC 5802 3, RFC 7677), and believe whatever the server proves."""
    bare = f"n={_USER},r={_NONCE}"
    yield b"a3 AUTHENTICATE SCRAM-SHA-256\r\n" if protocol is ProtocolName.IMAP else b"AUTH SCRAM-SHA-256\r\n"
    challenge = base64.b64decode((yield _coded(f"n,,{bare}")).split()[-1]).decode()
    given = dict(part.split("=", 1) for part in challenge.split(","))
    unsigned = f"c=biws,r={given['r']}"
    salted = hashlib.pbkdf2_hmac("sha256", _PASSWORD.encode(), base64.b64decode(given["s"]), int(given["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    message = f"{bare},{challenge},{unsigned}".encode()
    signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
    proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
    yield _coded(f"{unsigned},p={base64.b64encode(proof).decode()}")
    yield b"\r\n"


def _coded(text: str) -> bytes:
    return base64.b64encode(text.encode()) + b"\r\n"
