"""Words for what stands in a certificate: names, times, keys and extensions, as they are written, however oddly.

Each function takes octets and returns text, or raises ValueError for what it cannot make out; the caller then shows
the octets.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from labserver.pki.anatomy import BASIC_CONSTRAINTS, dotted, one, several
from labserver.pki.profile import USAGES
from labserver.pki.specification import PURPOSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.pki.anatomy import Element

__all__ = ["EXTENSIONS", "escaped", "key_words", "moment", "name_words"]

_LISTED = 20
"""How many names or purposes are listed before the rest is counted."""
_ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
_STRINGS = {
    0x0C: ("utf-8", ""),
    0x13: ("ascii", ""),
    0x14: ("latin-1", "TeletexString"),
    0x16: ("ascii", "IA5String"),
    0x1C: ("utf-32-be", "UniversalString"),
    0x1E: ("utf-16-be", "BMPString"),
}
"""Encodings of strings, and their names where a name's attribute usually has another (RFC 5280 4.1.2.4)."""
_TIMES = {0x17: ("UTCTime", "%y%m%d%H%M%SZ", 13), 0x18: ("GeneralizedTime", "%Y%m%d%H%M%SZ", 15)}
"""RFC 5280 4.1.2.5: the only forms, with their lengths."""
_UTC_TIME_ENDS = 2050
_CURVES = {
    "1.2.840.10045.3.1.1": "P-192",
    "1.3.132.0.33": "P-224",
    "1.2.840.10045.3.1.7": "P-256",
    "1.3.132.0.34": "P-384",
    "1.3.132.0.35": "P-521",
    "1.3.132.0.10": "secp256k1",
    "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
}
_EC, _RSA, _RSA_EXPONENT = "1.2.840.10045.2.1", "1.2.840.113549.1.1.1", 65537
_KEYS = {
    "1.2.840.10040.4.1": "DSA",
    "1.2.840.113549.1.1.10": "RSA, for PSS only",
    "1.3.101.110": "X25519",
    "1.3.101.111": "X448",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}
_PURPOSES = {oid: name for name, oid in PURPOSES.items()} | {
    PURPOSES["server"]: "TLS server",
    PURPOSES["client"]: "TLS client",
    PURPOSES["any"]: "any",
}
_SRV = "1.3.6.1.5.5.7.8.7"
_NETWORK_OCTETS = (8, 32)
_URI, _NULL = 0x86, 0x05


def escaped(text: str) -> str:
    """Return a text in which what cannot be seen can be."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def moment(time: Element) -> tuple[str, datetime | None]:
    """Return what a time says, and when that is; None for one that is not written as RFC 5280 4.1.2.5 wants it."""
    text = time.content.decode("latin-1")
    name, form, length = _TIMES.get(time.tag, (f"tag {time.tag:#x}", "", -1))
    try:
        when = datetime.strptime(text if len(text) == length else "", form).replace(tzinfo=UTC)
    except ValueError:
        return f"{name} {escaped(text)}", None
    odd = time.tag == max(_TIMES) and when.year < _UTC_TIME_ENDS
    return f"{when:%Y-%m-%d %H:%M:%S}{' (GeneralizedTime)' if odd else ''}", when


def name_words(octets: bytes) -> str:
    """Return a Name, the last part first (RFC 4514 2.1)."""
    parts = [
        "+".join(_attribute(attribute) for attribute in several(part.content)) for part in several(one(octets).content)
    ]
    return ",".join(reversed(parts)) or "(empty)"


def key_words(octets: bytes) -> str:
    """Return which kind of key a SubjectPublicKeyInfo holds, and how long it is where that may differ."""
    algorithm, key = tuple(several(one(octets).content))[:2]
    kind, *parameters = several(algorithm.content)
    oid = dotted(kind.content)
    if oid == _EC:
        if not parameters or one(parameters[0].octets).tag != 0x06:  # noqa: PLR2004 -- an OBJECT IDENTIFIER
            return "EC, its curve written out"
        curve = dotted(parameters[0].content)
        return f"EC {_CURVES.get(curve, curve)}"
    if oid == _RSA:
        modulus, exponent = several(one(key.content[1:]).content)
        bits = int.from_bytes(modulus.content, signed=True).bit_length()
        number = int.from_bytes(exponent.content, signed=True)
        return f"RSA {bits} bits" + ("" if number == _RSA_EXPONENT else f", exponent {number}")
    return _KEYS.get(oid, f"of the kind {oid}")


def _attribute(attribute: Element) -> str:
    kind, value = several(attribute.content)
    oid = dotted(kind.content)
    encoding, odd = _STRINGS.get(value.tag, ("", ""))
    try:
        text = escaped(value.content.decode(encoding)) if encoding else f"#{value.octets.hex()}"
    except UnicodeDecodeError:
        text = f"#{value.octets.hex()}"
    note = f" ({odd})" if odd and oid not in {"0.9.2342.19200300.100.1.25", "1.2.840.113549.1.9.1"} else ""
    return f"{_ATTRIBUTES.get(oid, oid)}={text}{note}"


def _listed(words: list[str]) -> str:
    rest = len(words) - _LISTED
    return ", ".join(words[:_LISTED]) + (f" … and {rest} more" if rest > 0 else "") or "none"


def _oids(octets: bytes, known: dict[str, str]) -> str:
    oids = [dotted(oid.content) for oid in several(one(octets).content)]
    return _listed([known.get(oid, oid) for oid in oids])


def _constraints(octets: bytes) -> str:
    parts = list(several(one(octets).content))
    flag = parts.pop(0) if parts and parts[0].tag == 0x01 else None  # a BOOLEAN
    authority = flag is not None and flag.content != b"\0"
    written = ", which is written out" if flag is not None and not authority else ""
    below = f", with at most {int.from_bytes(parts[0].content, signed=True)} CAs below it" if parts else ""
    return ("yes" if authority else "no") + written + below


def _usages(octets: bytes) -> str:
    content = one(octets).content[1:]
    bits = [place for place in range(len(content) * 8) if content[place // 8] & 0x80 >> place % 8]
    words = [USAGES[bit].replace("_", " ") if bit < len(USAGES) else f"bit {bit}" for bit in bits]
    return ", ".join(words) or "none"


def _general_names(octets: bytes) -> str:
    return _listed([_general_name(name) for name in several(one(octets).content)])


def _general_name(name: Element) -> str:
    """Return a GeneralName: DNS names and addresses as they are, others as recipes write them."""
    number = name.tag & 0x1F
    if number not in _GENERAL_NAMES:
        return f"[{number}] {name.content.hex()}"
    return _GENERAL_NAMES[number](name.content)


def _text(content: bytes) -> str:
    """Return an IA5String, any octets that it may not have as numbers."""
    return escaped(content.decode("ascii", "backslashreplace"))


def _other_name(content: bytes) -> str:
    kind, value = several(content)
    oid, inner = dotted(kind.content), one(value.content)
    return f"srv:{_text(inner.content)}" if oid == _SRV else f"other:{oid}={inner.octets.hex()}"


def _address(content: bytes) -> str:
    if len(content) in _NETWORK_OCTETS:
        half = len(content) // 2
        try:
            return str(ip_network(f"{ip_address(content[:half])}/{_prefix(content[half:])}"))
        except ValueError:
            return f"ip:{content.hex()}"
    return str(ip_address(content)) if len(content) in {4, 16} else f"ip:{content.hex()}"


_GENERAL_NAMES: dict[int, Callable[[bytes], str]] = {
    0: _other_name,
    1: lambda content: f"email:{_text(content)}",
    2: lambda content: _text(content) or "(empty)",
    4: lambda content: f"directory:{name_words(content)}",
    6: lambda content: f"uri:{_text(content)}",
    7: _address,
    8: lambda content: f"id:{dotted(content)}",
}
"""Words for each choice of a GeneralName (RFC 5280 4.2.1.6), by its number."""


def _prefix(mask: bytes) -> int:
    """Return how many bits a mask has; raises ValueError if they are not all at its beginning."""
    bits = int.from_bytes(mask).bit_count()
    if int.from_bytes(mask) != (1 << bits) - 1 << len(mask) * 8 - bits:
        raise ValueError(mask)
    return bits


def _subtrees(octets: bytes, number: int) -> str:
    for trees in several(one(octets).content):
        if trees.tag & 0x1F == number:
            return _listed([_general_name(one(tree.content)) for tree in several(trees.content)])
    return ("every name", "no name")[number]


def _policies(octets: bytes) -> str:
    return _listed([dotted(one(policy.content).content) for policy in several(one(octets).content)])


def _issuer_key(octets: bytes) -> str:
    """Return an AuthorityKeyIdentifier's parts (RFC 5280 4.2.1.1)."""
    names = ("", "by its issuer ", "by its serial number ")
    return ", ".join(f"{names[part.tag & 0x1F]}{part.content.hex()}" for part in several(one(octets).content)) or "none"


def _addresses(octets: bytes) -> str:
    """Return every URI inside, however deep."""
    found: list[str] = []

    def look(inside: bytes) -> None:
        for element in several(inside):
            if element.tag == _URI:
                found.append(_text(element.content))
            elif element.tag & 0x20:  # constructed
                look(element.content)

    look(octets)
    return _listed(found)


def _features(octets: bytes) -> str:
    numbers = [int.from_bytes(number.content) for number in several(one(octets).content)]
    return ", ".join("an OCSP staple (must-staple)" if one == 5 else str(one) for one in numbers)  # noqa: PLR2004 -- RFC 7633 4


def _octet_count(octets: bytes) -> str:
    return f"{len(octets)} octets"


def _hexadecimal(octets: bytes) -> str:
    return one(octets).content.hex()


EXTENSIONS: dict[str, dict[str, Callable[[bytes], str]]] = {
    BASIC_CONSTRAINTS: {"is a CA": _constraints},
    "2.5.29.15": {"key usage": _usages},
    "2.5.29.37": {"purposes": partial(_oids, known=_PURPOSES)},
    "2.5.29.17": {"names": _general_names},
    "2.5.29.30": {"permitted": partial(_subtrees, number=0), "excluded": partial(_subtrees, number=1)},
    "2.5.29.32": {"policies": _policies},
    "2.5.29.14": {"key id": _hexadecimal},
    "2.5.29.35": {"issuer key": _issuer_key},
    "2.5.29.31": {"CRLs at": _addresses},
    "1.3.6.1.5.5.7.1.1": {"ask at": _addresses},
    "1.3.6.1.5.5.7.1.24": {"demands": _features},
    "1.3.6.1.4.1.11129.2.4.2": {"SCTs": _octet_count},
}
"""What is told of an extension, by its OID: a label, and the words for its value."""
