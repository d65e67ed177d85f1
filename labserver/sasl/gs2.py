"""The GS2 header that begins SCRAM's and OAUTHBEARER's first message (RFC 5801 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from labserver.sasl.mechanism import MechanismError

__all__ = ["BindingFlag", "Gs2Header", "saslname", "split_header"]

_HEADER = re.compile(r"(?P<flag>n|y|p=(?P<kind>[A-Za-z0-9.-]+)),(?:a=(?P<authorization>[^,\0]+))?,")
_ESCAPE = re.compile(r"=(2C|3D|)")
_ESCAPED = {"2C": ",", "3D": "="}


class BindingFlag(Enum):
    """What the client says of channel binding."""

    NOT_SUPPORTED = "n"
    NOT_OFFERED = "y"
    """The client could, but believes that the server cannot: a lie detector for stripped -PLUS mechanisms."""
    USED = "p"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gs2Header:
    """The header's fields."""

    flag: BindingFlag
    kind: str
    """The binding's IANA name with flag ``p``, else empty."""
    authorization: str
    """The authorization identity, unescaped; empty when there is none."""
    raw: str
    """The header as sent; SCRAM repeats it at its end."""


def split_header(message: str) -> tuple[Gs2Header, str]:
    """Return the header and what follows it; MechanismError if there is none."""
    found = _HEADER.match(message)
    if found is None:
        raise MechanismError("no GS2 header (RFC 5801 4)", malformed=True)
    header = Gs2Header(
        flag=BindingFlag(found["flag"][0]),
        kind=found["kind"] or "",
        authorization=saslname(found["authorization"] or ""),
        raw=found[0],
    )
    return header, message[found.end() :]


def saslname(escaped: str) -> str:
    """Undo ``=2C`` and ``=3D`` (RFC 5801 4); MechanismError for any other ``=``."""
    if any(escape not in _ESCAPED for escape in _ESCAPE.findall(escaped)):
        raise MechanismError("'=' in a name stands only before 2C or 3D", malformed=True)
    return _ESCAPE.sub(lambda found: _ESCAPED[found[1]], escaped)
