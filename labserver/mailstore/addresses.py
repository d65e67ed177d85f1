"""Mail addresses as the directory compares them: local parts without quotes and case, domains as A-labels."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

__all__ = [
    "Address",
    "canonical_domain",
    "is_address_literal",
    "is_atom",
    "is_loopback_literal",
    "is_mail_domain",
    "local_part",
    "parse_address",
]

_QUOTED = re.compile(r'"(?P<local>(?:[^"\\]|\\.)*)"(?:@(?P<domain>.*))?', re.DOTALL)
_LITERAL = re.compile(r"\[(?:ipv6:)?(?P<host>[^\]]+)\]", re.IGNORECASE)
# What may go beyond ASCII is written as what it is not, as in labserver.smtp.grammar. An underscore is no part of a
# host name (RFC 952), but of the names that docker compose gives.
_LETTER_DIGIT_UNDERSCORE = r"[^\0-/:-@[-^`{-\x9f]"
_OR_HYPHEN = r"[^\0-,./:-@[-^`{-\x9f]"
_LABEL = rf"{_LETTER_DIGIT_UNDERSCORE}(?:{_OR_HYPHEN}{{0,61}}{_LETTER_DIGIT_UNDERSCORE})?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_LONGEST_DOMAIN = 255
_DOT_STRING = re.compile(r"[^\0- \"(),.:;<>@[\\\]\x7f-\x9f]+(?:\.[^\0- \"(),.:;<>@[\\\]\x7f-\x9f]+)*")


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


def is_mail_domain(text: str) -> bool:
    """Return whether mail can be sent to ``text``: host names with underscores too, or an address literal."""
    if text.startswith("[") and text.endswith("]"):
        return is_address_literal(text[1:-1])
    return len(text) <= _LONGEST_DOMAIN and _DOMAIN.fullmatch(text) is not None


def is_address_literal(text: str) -> bool:
    """Return whether ``text`` is an IPv4 address or ``IPv6:`` and one (RFC 5321 4.1.3; no other tag is registered)."""
    tag, colon, address = text.partition(":")
    try:
        if not colon:
            ipaddress.IPv4Address(text)
            return True
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return tag.upper() == "IPV6" and "%" not in address


def is_atom(text: str) -> bool:
    """Return whether ``text`` is a dot-atom (RFC 5322 3.2.3, RFC 6532 3.2): it needs no quotes anywhere."""
    return _DOT_STRING.fullmatch(text) is not None and not any("\ud800" <= each <= "\udfff" for each in text)


def local_part(text: str) -> str:
    """Return the shortest spelling of a local part, in quotes only where it needs them (RFC 5321 4.1.2)."""
    if _DOT_STRING.fullmatch(text):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def is_loopback_literal(domain: str) -> bool:
    """Return whether ``domain`` is an address literal (RFC 5321 4.1.3) of this host's loopback."""
    literal = _LITERAL.fullmatch(domain)
    if literal is None:
        return False
    try:
        return ipaddress.ip_address(literal["host"]).is_loopback
    except ValueError:
        return False
