"""Writes DER (X.690): a few functions that return octets, and refuse nothing that a malformed certificate may need."""

from __future__ import annotations

__all__ = [
    "NULL",
    "bit_string",
    "boolean",
    "contents",
    "elements",
    "enumerated",
    "explicit",
    "flags",
    "generalized_time",
    "implicit",
    "integer",
    "object_identifier",
    "octet_string",
    "sequence",
    "set_of",
    "tlv",
    "utc_time",
    "utf8_string",
]

_LONG = 0x80
_CONTEXT, _CONSTRUCTED = 0x80, 0x20


def tlv(tag: int, *contents: bytes) -> bytes:
    """Return one element; ``tag`` is its identifier octet (X.690 8.1.2), so tags are below 31."""
    content = b"".join(contents)
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG | len(octets))) + octets + content


def integer(value: int) -> bytes:
    """Return an INTEGER in as few octets as it needs."""
    return tlv(0x02, value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, signed=True))


def enumerated(value: int) -> bytes:
    """Return an ENUMERATED; small numbers only."""
    return tlv(0x0A, bytes((value,)))


def boolean(*, value: bool) -> bytes:
    """Return a BOOLEAN (X.690 11.1)."""
    return tlv(0x01, b"\xff" if value else b"\0")


def bit_string(content: bytes, unused: int = 0) -> bytes:
    """Return a BIT STRING whose last ``unused`` bits mean nothing."""
    return tlv(0x03, bytes((unused,)), content)


def flags(bits: set[int]) -> bytes:
    """Return a named BIT STRING with these bits set, without trailing zero bits (X.690 11.2.2)."""
    if not bits:
        return bit_string(b"")
    length = max(bits) + 1
    size = (length + 7) // 8
    return bit_string(sum(1 << size * 8 - 1 - bit for bit in bits).to_bytes(size), size * 8 - length)


def octet_string(content: bytes) -> bytes:
    """Return an OCTET STRING."""
    return tlv(0x04, content)


NULL = tlv(0x05)


def object_identifier(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER; raises ValueError for what is none."""
    first, second, *others = map(int, dotted.split("."))
    return tlv(0x06, *map(_base128, (first * 40 + second, *others)))


def utf8_string(text: str) -> bytes:
    """Return a UTF8String."""
    return tlv(0x0C, text.encode())


def utc_time(text: str) -> bytes:
    """Return a UTCTime that says ``text``."""
    return tlv(0x17, text.encode("ascii"))


def generalized_time(text: str) -> bytes:
    """Return a GeneralizedTime that says ``text``."""
    return tlv(0x18, text.encode("ascii"))


def sequence(*elements: bytes) -> bytes:
    """Return a SEQUENCE."""
    return tlv(0x30, *elements)


def set_of(*elements: bytes) -> bytes:
    """Return a SET OF, its elements sorted (X.690 11.6)."""
    return tlv(0x31, *sorted(elements))


def explicit(number: int, *elements: bytes) -> bytes:
    """Return elements inside a context-specific tag."""
    return tlv(_CONTEXT | _CONSTRUCTED | number, *elements)


def implicit(number: int, content: bytes) -> bytes:
    """Return primitive content under a context-specific tag in place of its own."""
    return tlv(_CONTEXT | number, content)


def elements(constructed: bytes) -> tuple[bytes, ...]:
    """Return the elements of which well-formed DER is made."""
    content, found = _content(constructed)[0], []
    while content:
        _, rest = _content(content)
        found.append(content[: len(content) - len(rest)])
        content = rest
    return tuple(found)


def contents(element: bytes) -> bytes:
    """Return what is inside an element."""
    return _content(element)[0]


def _content(data: bytes) -> tuple[bytes, bytes]:
    """Return the first element's content and what follows that element."""
    start, size = 2, data[1]
    if size >= _LONG:
        start += size & 0x7F
        size = int.from_bytes(data[2:start])
    return data[start : start + size], data[start + size :]


def _base128(value: int) -> bytes:
    septets = [value & 0x7F]
    while value := value >> 7:
        septets.append(_LONG | value & 0x7F)
    return bytes(reversed(septets))
