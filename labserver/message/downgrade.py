r"""Mail with UTF-8 in its headers, rewritten for clients that know ASCII headers only (RFC 6857).

Text becomes encoded-words (RFC 2047), parameters RFC 2231's, domains A-labels; an address whose local part is beyond
ASCII becomes a group without members that shows it. What no rule is for is kept under ``Downgraded-`` and its name.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from labserver.message.addresses import GROUP_END, MOST_ADDRESSES, addresses
from labserver.message.content_fields import parameterized
from labserver.message.header import MOST_OCTETS, unfolded
from labserver.message.tree import tree
from labserver.message.words import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labserver.message.addresses import Address
    from labserver.message.header import Header

__all__ = ["downgraded"]

_TEXT = frozenset({b"subject", b"comments", b"content-description", b"thread-topic", b"organization"})
_ADDRESSES = frozenset(
    {b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"return-path", b"delivered-to", b"mail-followup-to"}
    | {b"resent-from", b"resent-sender", b"resent-reply-to", b"resent-to", b"resent-cc", b"resent-bcc"}
    | {b"disposition-notification-to"}
)
_MIME = frozenset({b"content-type", b"content-disposition"})
_MOST_IN_A_WORD = 45
"""Octets of UTF-8 in one encoded-word, which has 75 characters at most (RFC 2047 2)."""
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~. -]*")
_TOKEN = re.compile(r"[^\x00-\x20()<>@,;:\\\"/\[\]?=\x7f-\U0010ffff]+")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_BEYOND_ASCII = 0x80
_MADE_UP = frozenset({b"MISSING_MAILBOX", b"MISSING_DOMAIN", b"SYNTAX_ERROR"})
"""What ENVELOPE says of addresses that cannot be read."""
_FOLD = "\r\n "


def downgraded(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield what to put in place of which octets, in order, so that every header is ASCII.

    A header of more octets than are interpreted (``MOST_OCTETS``) stays as it is.
    """
    for part in tree(content).walk():
        header = part.header
        if header.end - header.start <= MOST_OCTETS and not header.raw.isascii():
            yield from _fields(header)


def _fields(header: Header) -> Iterator[tuple[int, int, bytes]]:
    for field in header.fields():
        octets = header.content[field.start : field.end]
        if octets.isascii():
            continue
        name = header.content[field.start : field.value].rstrip(b": \t\r\n")
        value = unfolded(header.content[field.value : field.end])
        rewritten = _rewritten(field.name, value)
        if rewritten is None or not name.isascii():
            name, rewritten = b"Downgraded-" + name, _words(readable(value))
        line = b"%b: %b\r\n" % (name.decode("utf-8", "replace").encode("ascii", "replace"), rewritten.encode())
        yield field.start, field.end, line


def _rewritten(name: bytes, value: bytes) -> str | None:
    """Return the value in ASCII, None where there is no rule for the field."""
    rule = next((rule for names, rule in _RULES if name in names), None)
    return None if rule is None else rule(value)


def _words(text: str) -> str:
    """Return ``text`` as encoded-words, one a line."""
    words: list[str] = []
    chunk = b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(chunk) + len(octets) > _MOST_IN_A_WORD:
            words.append(_word(chunk))
            chunk = b""
        chunk += octets
    return _FOLD.join([*words, _word(chunk)])


def _word(octets: bytes) -> str:
    return f"=?UTF-8?B?{base64.b64encode(octets).decode()}?="


def _phrase(octets: bytes) -> str:
    """Return a display name, encoded where it has to be, in quotes where it only needs these."""
    text = readable(octets)
    if not text.isascii():
        return _words(text)
    return text if _ATOMS.fullmatch(text) else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _addresses(value: bytes) -> str | None:
    """Rewrite a list of addresses (RFC 6857 3.1.7, 3.1.8)."""
    shown: list[str] = []
    group: list[str] | None = None
    found = addresses(value)
    if len(found) >= MOST_ADDRESSES:
        return None  # there may be more of them
    for address in found:
        if not _MADE_UP.isdisjoint((address.mailbox, address.host)):
            return None
        if address == GROUP_END:
            shown[-1] += f" {', '.join(group or ())};"
            group = None
        elif address.host is None:
            group = []
            shown.append(f"{_phrase(address.mailbox or b'')}:")
        else:
            mailbox = _mailbox(address, in_group=group is not None)
            if mailbox is None:
                return None
            (shown if group is None else group).append(mailbox)
    return f",{_FOLD}".join(shown) or None


def _mailbox(address: Address, *, in_group: bool) -> str | None:
    """Return one mailbox; None for one that would have to be a group in a group."""
    local, domain = readable(address.mailbox or b""), _a_label(readable(address.host or b""))
    name = _phrase(address.name) + _FOLD if address.name else ""
    if local.isascii() and domain.isascii():
        if not _LOCAL_PART.fullmatch(local):
            local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
        return f"{name}<{local}@{domain}>" if name else f"{local}@{domain}"
    return None if in_group else f"{name}{_words(f'<{local}@{domain}>')} :;"


def _a_label(domain: str) -> str:
    if domain.isascii():
        return domain
    import idna  # noqa: PLC0415 -- its tables cost 10 ms, and few domains need them

    try:
        return idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return domain


def _parameters(value: bytes) -> str | None:
    """Rewrite parameters as RFC 2231 has them (RFC 6857 3.1.4)."""
    head = value.partition(b";")[0].decode("utf-8", "replace").strip()
    read = parameterized(value)
    if read is None or not head.isascii():
        return None
    listed = [head]
    for name_octets, octets in read.parameters:
        name, text = name_octets.decode("utf-8", "replace"), octets.decode("utf-8", "replace")
        if not name.isascii():
            return None
        if text.isascii():
            quoted = re.sub(r'(["\\])', r"\\\1", text)
            listed.append(f"{name}={text}" if _TOKEN.fullmatch(text) else f'{name}="{quoted}"')
        else:
            listed.append(f"{name.removesuffix('*')}*=utf-8''{_percent_encoded(text)}")
    return f";{_FOLD}".join(listed)


def _percent_encoded(text: str) -> str:
    return "".join(
        chr(octet) if chr(octet).isalnum() and octet < _BEYOND_ASCII else f"%{octet:02X}"
        for octet in text.encode("utf-8", "replace")
    )


_RULES: tuple[tuple[frozenset[bytes], Callable[[bytes], str | None]], ...] = (
    (_TEXT, lambda value: _words(readable(value))),
    (_ADDRESSES, _addresses),
    (_MIME, _parameters),
)
"""Which fields are rewritten, and how (RFC 6857 3.2)."""
