"""Mail addresses as the directory compares them: local parts without quotes and case, domains as A-labels."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

__all__ = ["Address", "canonical_domain", "is_loopback_literal", "parse_address"]

_QUOTED = re.compile(r'"(?P<local>(?:[^"\\]|\\.)*)"(?:@(?P<domain>.*))?', re.DOTALL)
_LITERAL = re.compile(r"\[(?:ipv6:)?(?P<host>[^\]]+)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox or login name in its comparable form."""

    local: str
    """Unquoted, case-folded, NFC."""
    domain: str
    """Lower-case A-labels, an address literal in brackets, or empty when there is none."""

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local


def parse_address(text: str) -> Address:
    """Return the comparable form of ``local@domain`` or of a bare name; whether it is valid is for others to say."""
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        local, domain = re.sub(r"\\(.)", r"\1", quoted["local"], flags=re.DOTALL), quoted["domain"] or ""
    else:
        before, at, after = text.rpartition("@")
        local, domain = (before, after) if at else (after, "")
    return Address(unicodedata.normalize("NFC", local).casefold(), canonical_domain(domain))


def canonical_domain(domain: str) -> str:
    """Return ``domain`` in lower case, A-labels for U-labels (RFC 5890), without a final dot."""
    domain = domain.removesuffix(".")
    if domain.isascii():
        return domain.lower()
    import idna  # noqa: PLC0415 -- its tables cost 10 ms, and few domains need them

    try:
        return idna.encode(domain, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return domain.casefold()


def is_loopback_literal(domain: str) -> bool:
    """Return whether ``domain`` is an address literal (RFC 5321 4.1.3) of this host's loopback."""
    literal = _LITERAL.fullmatch(domain)
    if literal is None:
        return False
    try:
        return ipaddress.ip_address(literal["host"]).is_loopback
    except ValueError:
        return False
