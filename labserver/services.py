"""The mail services by their IANA names: what each speaks, when TLS begins, and where the lab puts it.

A service is one row of the table. Its options, help, variables, ready line, scenarios and ``check`` derive from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["SERVICES", "ProtocolName", "Service"]


class ProtocolName(StrEnum):
    """An application protocol the lab speaks."""

    SMTP = "smtp"
    LMTP = "lmtp"
    IMAP = "imap"
    POP3 = "pop3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: its IANA name fixes the protocol and the TLS mode (RFC 8314, RFC 6409, RFC 2033)."""

    name: str
    protocol: ProtocolName
    implicit_tls: bool
    port: int
    """The lab's default port: the well-known one plus 3000."""
    authentication_required: bool = False
    """Mail is accepted only from an authenticated client (RFC 6409 4.3)."""
    default: bool = True
    """Whether ``labserver up`` opens it without being asked."""

    @property
    def security(self) -> str:
        """How a client gets to TLS here and whether it must log in, for people: ``STARTTLS, login required``."""
        if self.authentication_required:
            return f"{'TLS' if self.implicit_tls else 'STARTTLS'}, login required"
        return "TLS" if self.implicit_tls else _EXPLICIT_TLS[self.protocol]

    @property
    def variable(self) -> str:
        """The variable of ``labserver env`` that has its port: ``LABSERVER_PORT_IMAPS``."""
        return f"LABSERVER_PORT_{re.sub('[^A-Z0-9]', '_', self.name.upper())}"


_EXPLICIT_TLS = {
    ProtocolName.SMTP: "STARTTLS offered",
    ProtocolName.LMTP: "STARTTLS offered",
    ProtocolName.IMAP: "STARTTLS",
    ProtocolName.POP3: "STARTTLS (STLS)",
}


SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        Service(name="smtp", protocol=ProtocolName.SMTP, implicit_tls=False, port=3025),
        Service(
            name="submission", protocol=ProtocolName.SMTP, implicit_tls=False, port=3587, authentication_required=True
        ),
        Service(
            name="submissions", protocol=ProtocolName.SMTP, implicit_tls=True, port=3465, authentication_required=True
        ),
        Service(name="imap", protocol=ProtocolName.IMAP, implicit_tls=False, port=3143),
        Service(name="imaps", protocol=ProtocolName.IMAP, implicit_tls=True, port=3993),
        Service(name="pop3", protocol=ProtocolName.POP3, implicit_tls=False, port=3110),
        Service(name="pop3s", protocol=ProtocolName.POP3, implicit_tls=True, port=3995),
        Service(name="lmtp", protocol=ProtocolName.LMTP, implicit_tls=False, port=3024, default=False),
    )
}
"""Every service by name, in the order in which they are listed to people."""
