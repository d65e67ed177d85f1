"""A mail client as a generator of steps, without I/O: what it does depends on its traits, the dialogue is the same.

It does a whole job, so that whoever believes the server shows it: it looks at the capabilities, starts TLS, logs in,
and sends or reads a message. Drivers (:mod:`tests.reference.sockets`, :mod:`tests.reference.in_memory`) perform the
steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.services import SERVICES, ProtocolName
from tests.reference.imap import Imap
from tests.reference.pop3 import Pop3
from tests.reference.smtp import Smtp
from tests.reference.steps import (
    Connect,
    EndedError,
    Receive,
    RefusedError,
    RejectedError,
    Send,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from labserver.services import Service
    from tests.reference.session import Session
    from tests.reference.traits import (
        Account,
        Traits,
    )

__all__ = ["client"]

_SESSIONS: dict[ProtocolName, type[Session]] = {
    ProtocolName.SMTP: Smtp,
    ProtocolName.IMAP: Imap,
    ProtocolName.POP3: Pop3,
}


def client(service_name: str, traits: Traits, account: Account) -> Generator[Step, bytes, None]:
    """Return the client of a service.

    A careful one that was cut off comes back in the same way. A reckless one comes back whatever the reason was, and
    the last time without TLS.
    """
    service = SERVICES[service_name]
    for number in range(1, traits.connections + 1):
        desperate = not traits.careful and 1 < traits.connections == number
        session = _SESSIONS[service.protocol](traits, account)
        session.wants_tls = not desperate
        try:
            yield from _connection(session, service, tls=service.implicit_tls and not desperate)
        except EndedError:
            continue
        except RejectedError:
            if not traits.careful:
                yield from _again_in_clear(session, service)
            return
        except RefusedError:
            if traits.careful:
                return
        else:
            return


def _connection(session: Session, service: Service, *, tls: bool) -> Generator[Step, bytes, None]:
    yield Connect(tls)
    session.secure = tls
    if service.implicit_tls and not tls:
        yield Send(session.credentials())  # a greeting in clear never comes
        yield Receive()
        return
    yield from session.talk()


def _again_in_clear(session: Session, service: Service) -> Generator[Step, bytes, None]:
    """Try once more without TLS; where the port speaks TLS only, without waiting for a greeting that never comes."""
    session.secure, session.buffer = False, b""
    yield Connect(tls=False)
    try:
        if not service.implicit_tls:
            yield from session.greeted()
        yield Send(session.credentials())
        yield Receive()
    except RefusedError:
        return
