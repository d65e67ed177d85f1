"""A scenario's session rehearsed without a network: what it says to a typical client, and what it answers in TLS.

The client here believes everything; it is there to have the server speak, and judges nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from labserver.events import Misbehaved, TlsEstablished, TlsFacts, TlsStarted
from labserver.mailstore.directory import DEFAULT_USERS
from labserver.services import SERVICES, ProtocolName
from labserver.session.access import NoChannel
from labserver.session.membrane import Membrane
from labserver.wire.actions import Abort, Close, Send, StartTls, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from labserver.events import Event
    from labserver.lab import Lab
    from labserver.mailstore.directory import User
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
_SENDING = (
    b"MAIL FROM:<alice@lab.test>\r\n",
    *(b"RCPT TO:<bob@lab.test>\r\n",) * 3,
    b"DATA\r\n",
    b"Subject: hello\r\n\r\nHello!\r\n.\r\n",
    b"QUIT\r\n",
)
_USING = {
    ProtocolName.SMTP: _SENDING,
    ProtocolName.LMTP: _SENDING,
    ProtocolName.IMAP: (
        b"a4 SELECT INBOX\r\n",
        b"a5 FETCH 1:* (FLAGS BODY.PEEK[])\r\n",
        b"a6 IDLE\r\n",
        b"DONE\r\n",
        b"a7 LOGOUT\r\n",
    ),
    ProtocolName.POP3: (b"STAT\r\n", b"UIDL\r\n", b"RETR 1\r\n", b"QUIT\r\n"),
}
"""What a client does with mail; only as much of it as it takes to see everything."""
_IN_TURN = {b"\r\n.\r\n": b"354", b"DONE\r\n": b"+"}
"""How lines end that are said only if the answer before gave the client its turn, and how that one begins."""
_ENOUGH = 1 << 16
"""Octets of one answer, from which on it is called endless."""
_NONCE = "rOprNGfwEbeRWgbNEkqO"


def dialogue(lab: Lab, scenario: Scenario, service: Service) -> list[Event]:
    """Return what happens between the scenario's session and a typical client; times are all 0."""
    happened: list[Event] = []
    role = lab.roles.role(scenario.id)
    membrane = Membrane(
        service=service.name,
        peer="192.0.2.1",
        dialogue=role.backends.dialogue(service),
        access=role.access,
        make_backend=role.maker(service),
        observe=happened.append,
        elapsed=lambda: 0.0,
        upgradable=not service.implicit_tls,
        scenario=role.scenario,
        account=role.account,
        chain=role.chain,
        memories=role.memories,
    )
    if service.implicit_tls:
        _secure(membrane)
    membrane.open(lambda: None)
    client = _client(service, scenario, DEFAULT_USERS[0], lambda: _has_acted(scenario, happened))
    next(client)
    ended = False
    while not ended:
        answer, upgraded, ended = _pulled(membrane, happened)
        if upgraded:
            _secure(membrane)
        try:
            said = client.send(answer)
        except (StopIteration, LookupError, ValueError):  # it has finished, or cannot make anything of a challenge
            break
        if not ended:
            membrane.receive(said)
    membrane.disconnected()
    return [TlsStarted(at=0.0) if isinstance(event, TlsEstablished) else event for event in happened]


def _has_acted(scenario: Scenario, happened: Iterable[Event]) -> bool:
    """Return whether everything that the scenario does wrong has been seen."""
    if scenario.chain.only_presents:
        return True
    told = {event.facet for event in happened if isinstance(event, Misbehaved)}
    return told >= {tell.kind for tell in scenario.chain.reach}


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
        engine = lab.roles.role(scenario.id).watched_engine(service, lambda *_: None)
        engine.receive(client.bio_read(1 << 14))
        engine.decrypted()
        return engine.outgoing()
    raise AssertionError("nobody can have answered")


def _secure(membrane: Membrane) -> None:
    membrane.secured(TlsFacts(version="", cipher=""), NoChannel())


def _pulled(membrane: Membrane, happened: list[Event]) -> tuple[bytes, bool, bool]:
    """Return what the server says until it waits, whether TLS starts then, and whether it has no more to say."""
    said = b""
    while (action := membrane.next_action()) is not None:
        match action:
            case Send():
                said += action.data
            case Told():
                happened.append(action.event)
            case StartTls():
                return said, True, False
            case Close() | Abort():
                return said, False, True
        if len(said) > _ENOUGH:
            return said, False, True
    return said, False, False


def _client(service: Service, scenario: Scenario, user: User, has_seen_all: Callable[[], bool]) -> Client:
    """Ask, start TLS, log in; where TLS does not start, log in all the same; then use mail as long as there is more."""
    protocol, kinds = service.protocol, {link.kind for link in scenario.chain.links}
    yield b""
    if not service.implicit_tls:
        yield _ASKING[protocol]
        yield _UPGRADING.get(protocol, b"STARTTLS\r\n")
        if "injection" in kinds:
            return  # everything that is to be seen has been said
    if "preauth" not in kinds:
        if protocol is ProtocolName.SMTP:
            yield _ASKING[protocol]
        yield from _scram(protocol, user) if scenario.server.mechanisms else _login(protocol, user)
    elif protocol is ProtocolName.IMAP:
        yield b"a3 SELECT INBOX\r\n"
    yield from _using(protocol, has_seen_all)


def _using(protocol: ProtocolName, has_seen_all: Callable[[], bool]) -> Client:
    """Use mail until everything has been seen."""
    answer = b""
    for line in _USING[protocol]:
        if has_seen_all():
            return
        turn = next((turn for end, turn in _IN_TURN.items() if line.endswith(end)), b"")
        if answer.startswith(turn):
            answer = yield line


def _login(protocol: ProtocolName, user: User) -> Client:
    """Log in with the password."""
    name, password = user.name.encode(), user.password.encode()
    match protocol:
        case ProtocolName.SMTP:
            yield b"AUTH PLAIN %b\r\n" % base64.b64encode(b"\0%b\0%b" % (name, password))
        case ProtocolName.IMAP:
            yield b"a3 LOGIN %b %b\r\n" % (name, password)
        case ProtocolName.POP3:
            yield b"USER %b\r\n" % name
            yield b"PASS %b\r\n" % password


def _scram(protocol: ProtocolName, user: User) -> Client:
    """Log in by SCRAM-SHA-256 (RFC 5802 3, RFC 7677), and believe whatever the server proves."""
    bare = f"n={user.name},r={_NONCE}"
    yield b"a3 AUTHENTICATE SCRAM-SHA-256\r\n" if protocol is ProtocolName.IMAP else b"AUTH SCRAM-SHA-256\r\n"
    challenge = base64.b64decode((yield _coded(f"n,,{bare}")).split()[-1]).decode()
    given = dict(part.split("=", 1) for part in challenge.split(","))
    unsigned = f"c=biws,r={given['r']}"
    salted = hashlib.pbkdf2_hmac("sha256", user.password.encode(), base64.b64decode(given["s"]), int(given["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    message = f"{bare},{challenge},{unsigned}".encode()
    signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
    proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
    yield _coded(f"{unsigned},p={base64.b64encode(proof).decode()}")
    yield b"\r\n"


def _coded(text: str) -> bytes:
    return base64.b64encode(text.encode()) + b"\r\n"
