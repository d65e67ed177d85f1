"""What MAIL and RCPT mean in a session: the grammar, and what client and server have agreed on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.smtp.grammar import Addressed, parse
from labserver.smtp.lenient import Leniently, parse_leniently
from labserver.smtp.replies import Refusal
from labserver.values import quick

if TYPE_CHECKING:
    from labserver.smtp.grammar import Form

__all__ = ["Agreed", "read_leniently", "read_strictly"]

_NEEDS_SMTPUTF8 = Refusal(553, "5.6.7", "Characters beyond ASCII need SMTPUTF8")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What the session and its transaction have agreed on so far."""

    hello: str
    """The verb that lists the extensions."""
    extended: bool
    """The client said it, so it may use parameters (RFC 5321 2.2.1)."""
    international: bool
    """The transaction began with SMTPUTF8 (RFC 6531 3.4)."""

    def international_with(self, addressed: Addressed) -> bool:
        """Return whether addresses may go beyond ASCII, which MAIL itself may ask for."""
        return self.international or "SMTPUTF8" in addressed.parameters


def read_strictly(form: Form, argument: str, agreed: Agreed) -> Addressed | Refusal:
    """Read a command by RFC 5321 and the extensions' RFCs."""
    addressed = parse(form, argument)
    if isinstance(addressed, Refusal):
        return addressed
    if addressed.parameters and not agreed.extended:
        return Refusal(555, "5.5.4", f"Parameters need {agreed.hello}")
    if not (agreed.international_with(addressed) or argument.isascii()):
        return _NEEDS_SMTPUTF8
    return addressed


def read_leniently(form: Form, argument: str, agreed: Agreed) -> Leniently | Refusal:
    """Read what :func:`read_strictly` refused as Postfix does, and say why it is not as it should be."""
    read = _read(form, argument)
    if isinstance(read, Refusal):
        return read
    addressed, departures = read.addressed, read.departures
    if addressed.parameters and not agreed.extended:
        departures += (f"parameters without {agreed.hello}",)
    if not (agreed.international_with(addressed) or argument.isascii()):
        # Postfix lets raw UTF-8 pass in a local part, but not in a domain, which it would have to look up.
        local, at, domain = addressed.address.rpartition("@")
        if not "".join((domain if at else local, *addressed.parameters.values())).isascii():
            return _NEEDS_SMTPUTF8
        departures += ("characters beyond ASCII without SMTPUTF8",)
    return replace(read, departures=departures)


def _read(form: Form, argument: str) -> Leniently | Refusal:
    addressed = parse(form, argument)
    if isinstance(addressed, Refusal):
        return parse_leniently(form, argument)
    return Leniently(addressed=addressed, departures=())  # refused for what was agreed, not for its grammar
