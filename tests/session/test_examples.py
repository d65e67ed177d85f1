"""Every kind's example acts: a client meets it in a session, or in a handshake, and it is told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.misbehaviours.chain import Chain, Tell
from labserver.misbehaviours.moment import Memories, Moment
from labserver.misbehaviours.notation import misbehaviour
from labserver.misbehaviours.presentation import Presentation
from labserver.misbehaviours.table import KINDS
from labserver.services import SERVICES, ProtocolName
from labserver.tls.client_hello import ClientHello
from tests.reference.scram import ScramClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.session.playbook import Building, Talk

_RIGHT = base64.b64encode(b"\0alice\0s3cret")
_WRONG = base64.b64encode(b"\0alice\0wrong")
_HELLO = ClientHello(versions=(0x0304,), ciphers=(0x1301,), protocols=("imap",))
_TLS = b""
"""In a scene: finish the handshake, if STARTTLS was accepted."""

# What a client says in one session, a line each.
_SMTP = """
EHLO me|NOOP|NOOP|RSET|MAIL FROM:<a@b.test>|RCPT TO:<bob@lab.test>|RCPT TO:<bob@lab.test>|DATA|Subject: x||.|QUIT
EHLO me|AUTH PLAIN|RIGHT
EHLO me|AUTH PLAIN|WRONG
EHLO me|STARTTLS||EHLO me|NOOP
"""
_IMAP = """
a CAPABILITY|b NOOP|c NOOP|d LOGIN alice s3cret|e SELECT INBOX|f SELECT INBOX|g FETCH 1 BODY[]|h COPY 1 INBOX|i LOGOUT
a AUTHENTICATE PLAIN|RIGHT|b NOOP
a AUTHENTICATE PLAIN|WRONG
a STARTTLS||b CAPABILITY
"""
_POP3 = """
CAPA|NOOP|NOOP|USER alice|PASS s3cret|STAT|RETR 1|QUIT
AUTH PLAIN|RIGHT|NOOP
AUTH PLAIN|WRONG
STLS||CAPA
"""


def _scenes(text: str) -> list[list[bytes]]:
    words = {"RIGHT": _RIGHT, "WRONG": _WRONG}
    return [[words.get(line, line.encode()) for line in scene.split("|")] for scene in text.split("\n") if scene]


_SCENES = {
    ProtocolName.SMTP: _scenes(_SMTP),
    ProtocolName.LMTP: _scenes(_SMTP.replace("EHLO", "LHLO")),
    ProtocolName.IMAP: _scenes(_IMAP),
    ProtocolName.POP3: _scenes(_POP3),
}


def _play(talk: Talk, lines: list[bytes]) -> None:
    for line in lines:
        if line == _TLS and talk.negotiating:
            talk.secure()
        if talk.ended is not None or talk.negotiating:
            return
        talk.say(line + b"\r\n")


def _log_in_with_scram(talk: Talk) -> None:
    """Say what a client says in SCRAM, whatever the server makes of it."""
    imap = talk.membrane.service == "imap"
    client = ScramClient("alice", "s3cret")
    talk.say(b"a AUTHENTICATE SCRAM-SHA-256\r\n" if imap else b"AUTH SCRAM-SHA-256\r\n")
    challenge = talk.say(base64.b64encode(client.first()) + b"\r\n").rpartition(b" ")[2]
    if talk.ended is None:
        try:
            final = client.final(base64.b64decode(challenge))
        except (ValueError, KeyError):
            final = b"*"
        talk.say(base64.b64encode(final) + b"\r\n")
    if talk.ended is None:
        talk.say(b"\r\n")


def _sessions(building: Building, service: str, chain: Chain) -> Iterator[Talk]:
    """Yield sessions with a chain, one for each scene, played to their ends."""
    memories = Memories()
    protocol = SERVICES[service].protocol
    for lines in [*_SCENES[protocol], None]:
        talk = building.talk(service, chain=chain, memories=memories)
        talk.open()
        if lines is not None:
            _play(talk, lines)
        elif talk.ended is None:
            if protocol is ProtocolName.SMTP:
                talk.say(b"EHLO me\r\n")
            _log_in_with_scram(talk)
        talk.membrane.disconnected()
        yield talk


_IN_SESSIONS = [name for name, kind in KINDS.items() if any(map(kind.uses, ("exchange", "reply", "believes")))]


@pytest.mark.parametrize("name", _IN_SESSIONS)
def test_in_a_session(building: Building, name: str) -> None:
    """On every protocol in which the example can act, some client's session has met it."""
    building.cleartext = True
    building.deliver(b"Subject: one\r\n\r\nOne.\r\n", b"Subject: two\r\n\r\nTwo.\r\n")
    link = misbehaviour({"kind": name, **KINDS[name].example})
    told = {
        service: any(
            isinstance(event, events.Misbehaved) and event.facet == name
            for talk in _sessions(building, service, Chain([link]))
            for event in talk.seen
        )
        for service in ("smtp", "imap", "pop3")
        if service in link.protocols and _has(service, link.when.commands)
    }
    assert told
    assert all(told.values()), told


def _has(service: str, commands: tuple[str, ...]) -> bool:
    """Return whether some scene of a service has one of the commands, or none is asked for."""
    said = b"\n".join(line for scene in _SCENES[SERVICES[service].protocol] for line in scene)
    return not commands or any(command.encode() in said for command in commands)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in _IN_SESSIONS])
def test_before_any_session(building: Building, name: str) -> None:
    """What is about TLS or all octets acts on the connection itself."""
    chain = Chain([misbehaviour({"kind": name, **KINDS[name].example})])
    moment = Moment(service="imap", dialogue=building.backends().dialogue(SERVICES["imap"]), memories=Memories())
    presented, tells = chain.handshake(Presentation(), _HELLO, moment)
    if chain.presents:
        assert presented != Presentation()
        assert tells == (Tell(name, 0),)
    else:
        assert chain.below is not None
        assert chain.below[1] == Tell(name, 0)
