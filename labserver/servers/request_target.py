"""For whom an HTTP request is meant: its target and its Host fields must name this machine, and each other's name.

A page of another site must not read what is here because its name leads to 127.0.0.1 (DNS rebinding), and nobody
between may understand a request otherwise than this server (RFC 9112 3.2 and 11).
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["path_of"]

_HOSTS = frozenset(("127.0.0.1", "localhost"))
_AUTHORITY = re.compile(r"(?P<host>[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
"""RFC 3986 3.2 without userinfo; OpenSSL leaves the port out."""
_ABSOLUTE = re.compile(r"http://(?P<authority>[^/?#]*)(?P<path>[^#]*)", re.IGNORECASE)
_HIGHEST_PORT = 65_535


def path_of(target: str, hosts: Sequence[str], *, http_1_0: bool) -> str | HTTPStatus:
    """Return the path that a request asks for, or the status that refuses it: 400 malformed, 421 meant for another.

    ``hosts`` are the values of its Host fields: exactly one (RFC 9112 3.2), or none in HTTP/1.0.
    """
    if len(hosts) > 1 or (not hosts and not http_1_0):
        return HTTPStatus.BAD_REQUEST
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None and not target.startswith("/") and target != "*":
        return HTTPStatus.BAD_REQUEST
    named = [*hosts, *([absolute["authority"]] if absolute is not None else [])]
    if not all(map(_is_authority, named)):
        return HTTPStatus.BAD_REQUEST
    if any(name.lower().partition(":")[0] not in _HOSTS for name in named):
        return HTTPStatus.MISDIRECTED_REQUEST
    if len({name.lower() for name in named}) > 1:
        return HTTPStatus.BAD_REQUEST
    return target if absolute is None else absolute["path"] or "/"


def _is_authority(text: str) -> bool:
    found = _AUTHORITY.fullmatch(text)
    return found is not None and int(found["port"] or 0) <= _HIGHEST_PORT
