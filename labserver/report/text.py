"""A transcript as people read it: ``C:`` what the client said, ``S:`` what the server said, ``--`` what happened.

Works on the decoded lines of :mod:`labserver.report.ndjson`, so that a live session and a file look the same.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["lines"]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CHALLENGE = re.compile(r"(?:334|\+) ([A-Za-z0-9+/]{4,}={0,2})\r\n")
_MOST_LINES = 40
"""Lines shown of one reply or one message; the rest is counted."""


def lines(record: Mapping[str, object], *, raw: bool = False) -> Iterator[str]:
    """Yield the lines that show one event; ``raw`` shows the octets of the network too."""
    kind = str(record.get("event", ""))
    if kind.startswith("Raw") and not raw:
        return
    show = _SHOWN.get(kind)
    if show is None:
        return
    prefix = f"{record.get('session', '?'):>4} {record.get('at', 0.0):9.4f} "
    for line in show(record):
        yield prefix + _visible(line)


def _visible(text: str) -> str:
    """Show what would do something to a terminal; any text may have come from a client, a mechanism's name too."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text).replace("\n", "⏎")


def _octets(record: Mapping[str, object], who: str) -> Iterator[str]:
    """Yield the octets as lines; an ending other than CRLF is shown."""
    data = str(record.get("data", ""))
    lock = "" if record.get("secure") else "!"
    parts = data.split("\r\n")
    complete = parts and parts[-1] == ""
    if complete:
        parts.pop()
    for index, part in enumerate(parts):
        if index == _MOST_LINES:
            yield f"{lock:1}{who}  … {len(parts) - index} more lines"
            break
        text = part.encode("latin-1", "replace").decode("utf-8", "replace")
        ending = "" if complete or index < len(parts) - 1 else "  (no line end)"
        yield f"{lock:1}{who} {text}{ending}"
    size = record.get("size")
    if isinstance(size, int) and size > len(data):
        yield f"{lock:1}{who}  … {size} octets in all"


def _replied(record: Mapping[str, object]) -> Iterator[str]:
    """Yield the reply, and what a SASL challenge says, which is in base64 (RFC 4954 4, RFC 9051 6.2.2)."""
    yield from _octets(record, "S:")
    found = _CHALLENGE.fullmatch(str(record.get("data", ""))) if record.get("kind") == "continuation" else None
    if found is None:
        return
    try:
        challenge = base64.b64decode(found[1], validate=True).decode("ascii")
    except ValueError:  # no base64, or no text
        return
    if challenge.isprintable():
        yield f"-- challenge: {challenge}"


def _connected(record: Mapping[str, object]) -> Iterator[str]:
    yield f"-- {record.get('service')}: {record.get('peer')} connected, {record.get('started')}"


def _hello(record: Mapping[str, object]) -> Iterator[str]:
    for what in ("versions", "suites", "groups", "signatures", "extensions"):
        listed = record.get(what)
        yield f"-- ClientHello: {what} {' '.join(map(str, listed)) if isinstance(listed, list) and listed else 'none'}"


def _listed(record: Mapping[str, object]) -> Iterator[str]:
    names = record.get("mechanisms")
    yield f"-- SASL mechanisms offered: {' '.join(map(str, names)) if isinstance(names, list) and names else 'none'}"


def _rejected(record: Mapping[str, object]) -> Iterator[str]:
    yield f"-- login rejected: {record.get('code')}"


def _established(record: Mapping[str, object]) -> Iterator[str]:
    facts = record.get("facts")
    facts = facts if isinstance(facts, dict) else {}
    name = f", asked for {facts.get('server_name')}" if facts.get("server_name") else ", no SNI"
    group = f" {facts.get('group')}" if facts.get("group") else ""
    certificate = ", client certificate" if facts.get("client_certificate") else ""
    yield f"-- TLS: {facts.get('version')} {facts.get('cipher')}{group}{name}{certificate}"


def _failed(record: Mapping[str, object]) -> Iterator[str]:
    alert = f" (the client sent the alert {record.get('alert')})" if record.get("alert") else ""
    when = "handshake failed" if record.get("during_handshake") else "failed"
    yield f"-- TLS {when}: {record.get('reason')}{alert}"


def _discarded(record: Mapping[str, object]) -> Iterator[str]:
    yield f"-- {record.get('size')} octets pipelined in clear behind STARTTLS were discarded"


def _authenticated(record: Mapping[str, object]) -> Iterator[str]:
    clear = "" if record.get("secure") else " IN CLEAR"
    yield f"-- authenticated as {record.get('account') or 'nobody'} by {record.get('mechanism')}{clear}"


def _refused(record: Mapping[str, object]) -> Iterator[str]:
    clear = "" if record.get("secure") else " IN CLEAR"
    how = f" by {record.get('mechanism')}" if record.get("mechanism") else ""
    yield f"-- authentication{how}{clear} failed: {record.get('reason')}"
    if record.get("remedy"):
        yield f"-- {record.get('remedy')}"


def _delivered(record: Mapping[str, object]) -> Iterator[str]:
    envelope = record.get("envelope")
    envelope = envelope if isinstance(envelope, dict) else {}
    recipients = [one for one in envelope.get("recipients", ()) if isinstance(one, dict)]
    for recipient in recipients[:_MOST_LINES]:
        where = f"to the account {recipient.get('account')}" if recipient.get("account") else "to nobody"
        yield f"-- delivered: <{envelope.get('sender')}> to <{recipient.get('address')}>, {where}"
    if len(recipients) > _MOST_LINES:
        yield f"-- … {len(recipients) - _MOST_LINES} more recipients"


def _tolerated(record: Mapping[str, object]) -> Iterator[str]:
    yield f"-- tolerated: {record.get('what')}"


def _misbehaved(record: Mapping[str, object]) -> Iterator[str]:
    yield f"-- MISBEHAVED: {record.get('scenario')} ({record.get('facet')})"


def _fault(record: Mapping[str, object]) -> Iterator[str]:
    yield f"-- THE LAB FAILED (please report this): {record.get('description')}"


def _disconnected(record: Mapping[str, object]) -> Iterator[str]:
    how = "" if record.get("clean") else ", without close_notify"
    reason = f": {record.get('reason')}" if record.get("reason") else ""
    yield (
        f"-- closed by {record.get('by')}{how}{reason} "
        f"({record.get('received')} octets received, {record.get('sent')} sent)"
    )


_SHOWN: dict[str, Callable[[Mapping[str, object]], Iterator[str]]] = {
    "Connected": _connected,
    "CommandReceived": lambda record: _octets(record, "C:"),
    "LineReceived": lambda record: _octets(record, "C:"),
    "DataReceived": lambda record: _octets(record, "C:"),
    "ReplySent": _replied,
    "RawReceived": lambda record: iter([f">> {record.get('size')} octets {_hex(record)}"]),
    "RawSent": lambda record: iter([f"<< {record.get('size')} octets {_hex(record)}"]),
    "PlaintextDiscarded": _discarded,
    "TlsStarted": lambda _: iter(["-- TLS: waiting for the handshake"]),
    "ClientHelloReceived": _hello,
    "MechanismsListed": _listed,
    "LoginRejected": _rejected,
    "TlsEstablished": _established,
    "TlsFailed": _failed,
    "AuthenticationSucceeded": _authenticated,
    "AuthenticationFailed": _refused,
    "MailDelivered": _delivered,
    "Tolerated": _tolerated,
    "Misbehaved": _misbehaved,
    "InternalFault": _fault,
    "Disconnected": _disconnected,
}


def _hex(record: Mapping[str, object]) -> str:
    if record.get("encrypted") is False:
        return "in clear"
    data = str(record.get("data", "")).encode("latin-1", "replace")
    return data[:32].hex(" ") + (" …" if len(data) > 32 else "")  # noqa: PLR2004 -- as many as fit on a line
