r"""Delivery status notifications: what NOTIFY=SUCCESS asks for (RFC 3461 5.2.3, RFC 3464).

The lab is where all mail ends: a recipient is delivered to or was refused in the dialogue, so there is one kind of
report, "delivered". It goes to the sender by the lab's own routing. One mail brings at most one report, however many
recipients it has; a report brings none, because it has no sender (RFC 3461 6.1) and asks for nothing.
"""

from __future__ import annotations

import hashlib
import re
from email.utils import format_datetime
from typing import TYPE_CHECKING

from labserver.mailstore.addresses import is_address_literal, is_atom
from labserver.mailstore.envelope import Envelope, Recipient
from labserver.message.header import header_end
from labserver.message.tree import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from labserver.mailstore.delivery import Outcome

__all__ = ["asks_for_report", "report"]

_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_BEYOND_ASCII = re.compile(r"[^ -~]")
_TEXT = """\
This is the mail system at {host}.

Your message was delivered to the following recipients, as you asked to be told:

{recipients}
"""


def asks_for_report(envelope: Envelope, read: Callable[[], bytes]) -> bool:
    """Return whether anybody is to be told of this mail's delivery: not nobody, and not of a report.

    Only who asked for one has the mail read.
    """
    if not envelope.sender or not any(map(_wants_success, envelope.recipients)):
        return False
    return tree(read()).content_type.essence != b"multipart/report"


def report(
    envelope: Envelope, content: bytes, outcomes: Sequence[Outcome], *, host: str, now: datetime, room: int
) -> tuple[Envelope, bytes] | None:
    """Return the report's own envelope and message; None when nobody who asked for one was delivered to.

    ``room``: octets of the longest message; what of the original would not fit is left out of the report.
    """
    delivered = {
        recipient.address: recipient
        for recipient, outcome in zip(envelope.recipients, outcomes, strict=True)
        if outcome.error is None and _wants_success(recipient)
    }
    if not delivered:
        return None
    recipients = tuple(delivered.values())
    digest = hashlib.sha256(b"%b\0%b" % (envelope.to_json().encode(), content)).hexdigest()[:24]
    international = not envelope.sender.isascii()
    parts = [
        _text(host, recipients),
        _status(envelope, recipients, host=host, now=now),
        *_returned(envelope, content, room),
    ]
    boundary = f"report-{digest}"
    message = (
        _header(envelope, host=host, now=now, boundary=boundary)
        + b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts)
        + b"--%b--\r\n" % boundary.encode()
    )
    parameters = {name: "" for name in ("SMTPUTF8",) if international}
    parameters |= {name: "" for name in ("REQUIRETLS",) if name in envelope.parameters}  # RFC 8689 5
    nobody = Recipient(address=envelope.sender, parameters={"NOTIFY": "NEVER"})
    return Envelope(sender="", recipients=(nobody,), parameters=parameters, service=envelope.service), message


def _wants_success(recipient: Recipient) -> bool:
    return "SUCCESS" in recipient.parameters.get("NOTIFY", "").upper().split(",")


def _header(envelope: Envelope, *, host: str, now: datetime, boundary: str) -> bytes:
    date = format_datetime(now)
    return (
        f"Date: {date}\r\n"
        f"From: Mail Delivery System <postmaster@{host}>\r\n"
        f"To: {envelope.sender}\r\n"
        "Subject: Successful Mail Delivery Report\r\n"
        f"Message-ID: <{boundary}.{int(now.timestamp())}@{host}>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status;\r\n"
        f'\tboundary="{boundary}"\r\n'
        "\r\n"
    ).encode()


def _text(host: str, recipients: Sequence[Recipient]) -> bytes:
    text = _TEXT.format(host=host, recipients="\n".join(f"<{recipient.address}>" for recipient in recipients))
    return _part("text/plain; charset=utf-8", text.replace("\n", "\r\n").encode(), "Notification")


def _status(envelope: Envelope, recipients: Sequence[Recipient], *, host: str, now: datetime) -> bytes:
    """Return message/delivery-status: a group of fields for the mail, and one for each recipient (RFC 3464 2)."""
    groups = ["".join(f"{line}\r\n" for line in _of_message(envelope, host=host, now=now))]
    groups += ["".join(f"{line}\r\n" for line in _of_recipient(recipient)) for recipient in recipients]
    return _part("message/delivery-status", "\r\n".join(groups).encode(), "Delivery report")


def _of_message(envelope: Envelope, *, host: str, now: datetime) -> Iterator[str]:
    if "ENVID" in envelope.parameters:
        yield f"Original-Envelope-Id: {_decoded(envelope.parameters['ENVID'])}"
    yield f"Reporting-MTA: dns; {host}"
    if is_atom(envelope.helo) or is_address_literal(envelope.helo[1:-1]):
        yield f"Received-From-MTA: dns; {_ascii(envelope.helo)}"
    yield f"Arrival-Date: {format_datetime(now)}"


def _of_recipient(recipient: Recipient) -> Iterator[str]:
    kind, _, original = recipient.parameters.get("ORCPT", "").partition(";")
    if original:
        yield f"Original-Recipient: {kind};{_ascii(_decoded(original) if kind.lower() != 'utf-8' else original)}"
    kind = "rfc822" if recipient.address.isascii() else "utf-8"
    yield f"Final-Recipient: {kind}; {_ascii(recipient.address)}"
    yield "Action: delivered"
    yield "Status: 2.0.0"


def _returned(envelope: Envelope, content: bytes, room: int) -> Iterator[bytes]:
    """Yield the part with the original: all of it if RET=FULL asks for that, else its header.

    RFC 3461 4.3 would have the header only where nothing failed; but nothing fails here, and RET is to be seen at work.
    A mail that may travel inside TLS only is not repeated (RFC 8689 5).
    """
    whole = envelope.parameters.get("RET", "").upper() == "FULL" and "REQUIRETLS" not in envelope.parameters
    returned = content if whole else content[: header_end(content)]
    international = "SMTPUTF8" in envelope.parameters
    if whole:
        kind = "message/global" if international else "message/rfc822"
    else:
        kind = "message/global-headers" if international else "text/rfc822-headers"
    if len(returned) <= room - (1 << 16):
        yield _part(kind, returned, "Message" if whole else "Message headers")


def _part(kind: str, octets: bytes, description: str) -> bytes:
    encoding = "binary" if b"\0" in octets else "7bit" if octets.isascii() else "8bit"
    header = f"Content-Type: {kind}\r\nContent-Description: {description}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return header.encode() + b"\r\n" + octets


def _decoded(xtext: str) -> str:
    """Undo xtext (RFC 3461 4); the grammar let only printable characters be encoded."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), xtext)


def _ascii(address: str) -> str:
    r"""Write what is beyond ASCII as ``\x{…}`` (RFC 6533 3, utf-8-addr-xtext)."""
    return _BEYOND_ASCII.sub(lambda match: f"\\x{{{ord(match[0]):X}}}", address)
