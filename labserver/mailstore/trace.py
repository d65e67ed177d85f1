r"""The headers that a delivering server puts before a message: Return-Path, Delivered-To, Received (RFC 5321 4.4).

They are made of what a client said, so nothing that could end a line or make it too long gets in.
"""

from __future__ import annotations

import ipaddress
import re
from email.utils import format_datetime
from typing import TYPE_CHECKING

from labserver.mailstore.addresses import is_address_literal, is_atom

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from labserver.mailstore.envelope import Envelope

__all__ = ["trace_headers"]

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_LONGEST_NAME = 255
_LINE = 78
"""Octets that a line should have at most (RFC 5322 2.1.1)."""
_LONGEST_LINE = 998
"""Octets that it must not exceed."""


def trace_headers(envelope: Envelope, address: str, *, host: str, date: datetime) -> bytes:
    """Return the headers of the copy for ``address``; UTF-8 stands in them as it came (RFC 6532)."""
    client = " ".join(filter(None, ("from", _name(envelope.helo), _peer(envelope.peer))))
    protocol = f" with {_clean(envelope.protocol)}" if envelope.protocol else ""
    headers = (
        _field("Return-Path:", [f"<{_clean(envelope.sender)}>"]),
        _field("Delivered-To:", [_clean(address)]),
        _field("Received:", [client, f"by {host}{protocol}; {format_datetime(date)}"]),
    )
    return b"".join(headers)


def _field(name: str, lines: Iterable[str]) -> bytes:
    """Return a header field of these lines, folded where there is a space; nothing if that is not enough."""
    folded: list[bytes] = []
    line = name.encode()
    for text in lines:
        for word in text.encode("utf-8", "surrogateescape").split(b" "):
            if len(line) + 1 + len(word) > _LINE and line.strip(b"\t") and line != name.encode():
                folded.append(line)
                line = b"\t" + word
            else:
                line += (b"" if line == b"\t" else b" ") + word
        folded.append(line)
        line = b"\t"
    if any(len(line) > _LONGEST_LINE for line in folded):
        return b""
    return b"\r\n".join(folded) + b"\r\n"


def _name(helo: str) -> str:
    """Return what the client called itself, if that is a name or an address literal (RFC 5321 4.1.2)."""
    literal = helo.startswith("[") and helo.endswith("]") and is_address_literal(helo[1:-1])
    fits = len(helo.encode("utf-8", "surrogatepass")) <= _LONGEST_NAME
    return helo if fits and (literal or is_atom(helo)) else "unknown"


def _peer(peer: str) -> str:
    """Return TCP-info (RFC 5321 4.4) for an IP address, nothing for anything else."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return ""
    return f"([{address}])" if isinstance(address, ipaddress.IPv4Address) else f"([IPv6:{address}])"


def _clean(text: str) -> str:
    """Return what a client said as it can stand in a header: no control character ends the line."""
    return _CONTROL.sub("?", text)
