"""What a recipe says of revocation: OCSP responses, stapled or fetched, and CRLs, each a difference from a good one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from labserver.pki.corruptions.after_signing import AFTER_SIGNING
from labserver.pki.recipe_values import (
    each,
    one_of,
    parse_flag,
    parse_moment,
    parse_octets,
    parse_table,
    parse_text,
    parser,
)
from labserver.pki.recipe_values import parse_texts as parse_labels
from labserver.pki.validity import Moment

if TYPE_CHECKING:
    from labserver.pki.recipe_values import Parser, Table
    from labserver.tables import Key

__all__ = [
    "DIGESTS",
    "LIST",
    "RESPONSE",
    "STATUSES",
    "UNSUCCESSFUL",
    "ListSpec",
    "ResponseSpec",
    "parse_list",
    "parse_response",
]

STATUSES = ("good", "revoked", "unknown")
"""CertStatus, each at the place of its tag (RFC 6960 4.2.1)."""
UNSUCCESSFUL = {"malformed-request": 1, "internal-error": 2, "try-later": 3, "sig-required": 5, "unauthorized": 6}
"""What an OCSPResponse may be instead of a response (RFC 6960 4.2.1)."""
DIGESTS = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1"}
"""Hashes by which a CertID may name an issuer (RFC 3279 2.1, RFC 5754 2.2)."""


def _this_update() -> Moment:
    return Moment.parse("-1h")


def _next_update() -> Moment | None:
    return Moment.parse("+7d")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseSpec:
    """An OCSP response about one certificate (RFC 6960 4.2)."""

    status: str = STATUSES[0]
    serial: bytes | None = None
    """The number of the certificate that it is about; by default the right one."""
    digest: str = "sha1"
    """By which its CertID names the issuer."""
    this_update: Moment = field(default_factory=_this_update)
    next_update: Moment | None = field(default_factory=_next_update)
    produced: Moment | None = None
    """By default with ``this_update``."""
    signer: str = ""
    """The label of whoever signs it; by default the certificate's issuer."""
    by_name: bool = False
    """The responder is named by its subject; else by its key."""
    certificates: tuple[str, ...] = ()
    """Labels of the certificates inside it."""
    unsuccessful: str = ""
    """Why there is no response at all, one of :data:`UNSUCCESSFUL`."""
    octets: bytes | None = None
    """What stands there instead of an OCSPResponse."""
    corrupt: tuple[str, ...] = ()
    """Corruptions of the signed response, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSpec:
    """A CRL (RFC 5280 5)."""

    revoked: tuple[str, ...] = ()
    """Labels of the certificates on it."""
    this_update: Moment = field(default_factory=_this_update)
    next_update: Moment | None = field(default_factory=_next_update)
    signer: str = ""
    """The label of whoever signs it, by default the CA whose list it is."""
    corrupt: tuple[str, ...] = ()


def parse_response(path: tuple[Key, ...], table: Table) -> ResponseSpec:
    """Return a response; raises TableError, ``path`` before its own, for one that cannot be."""
    return ResponseSpec(**parse_table(path, table, RESPONSE))


def parse_list(path: tuple[Key, ...], table: Table) -> ListSpec:
    """Return a CRL; raises TableError as above."""
    return ListSpec(**parse_table(path, table, LIST))


@parser(type="string")
def _moment_or_none(value: object) -> Moment | None:
    return parse_moment(value) if value else None


_corruptions = each(one_of(AFTER_SIGNING))
RESPONSE: dict[str, Parser[Any]] = {
    "status": one_of(STATUSES),
    "serial": parse_octets,
    "digest": one_of(DIGESTS),
    "this_update": parse_moment,
    "next_update": _moment_or_none,
    "produced": parse_moment,
    "signer": parse_text,
    "by_name": parse_flag,
    "certificates": parse_labels,
    "unsuccessful": one_of(UNSUCCESSFUL),
    "octets": parse_octets,
    "corrupt": _corruptions,
}
LIST: dict[str, Parser[Any]] = {
    "revoked": parse_labels,
    "this_update": parse_moment,
    "next_update": _moment_or_none,
    "signer": parse_text,
    "corrupt": _corruptions,
}
