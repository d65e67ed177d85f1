"""A certificate's names and extensions as DER, written from what a recipe says."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Protocol

from labserver.pki import der
from labserver.pki.profile import USAGES
from labserver.pki.specification import PARTS, PURPOSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.pki.specification import CertificateSpec, Extra

__all__ = ["ATTRIBUTES", "RANGE", "STRINGS", "Names", "encode_extensions", "encode_name"]

_OIDS = dict(
    zip(
        PARTS,
        (
            "2.5.29.19",
            "2.5.29.15",
            "2.5.29.37",
            "2.5.29.17",
            "2.5.29.30",
            "2.5.29.32",
            "2.5.29.14",
            "2.5.29.35",
            "2.5.29.31",
            "1.3.6.1.5.5.7.1.1",
        ),
        strict=True,
    )
)
ATTRIBUTES = {"CN": "2.5.4.3", "O": "2.5.4.10", "OU": "2.5.4.11", "C": "2.5.4.6"}
"""Attributes of a Name by their usual letters (RFC 4514 3)."""
STRINGS = {
    "utf8": (0x0C, "utf-8"),
    "printable": (0x13, "ascii"),
    "teletex": (0x14, "latin-1"),
    "bmp": (0x1E, "utf-16-be"),
}
"""Kinds of strings: tag and encoding."""
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
"""A range of numbers in a name, which stands for as many names."""
_SRV = "1.3.6.1.5.5.7.8.7"
"""id-on-dnsSRV (RFC 4985 2)."""
_OCSP, _CA_ISSUERS = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2"
"""Access methods (RFC 5280 4.2.2.1)."""
_IA5 = {"email": 1, "dns": 2, "uri": 6}
"""GeneralName choices that are IA5Strings (RFC 5280 4.2.1.6); written as Latin-1, so that they need not be."""


class Names(Protocol):
    """By what a case is reached."""

    @property
    def host(self) -> str:
        """The first name."""

    @property
    def names(self) -> tuple[str, ...]:
        """All DNS names."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses."""

    @property
    def usual(self) -> tuple[str, ...]:
        """The DNS names that are not its own."""

    @property
    def id(self) -> str:
        """The recipe's id."""

    @property
    def http(self) -> str:
        """The beginning of the lab's own URLs; empty if it has none."""


def encode_name(attributes: tuple[tuple[str, str], ...], around: Names) -> bytes:
    """Return a Name.

    An attribute such as ``O:teletex`` names its string type, which is else UTF8String; ``O:der`` is written out in
    hexadecimal. ``+CN`` shares the relative distinguished name of the one before it.
    """
    parts: list[list[bytes]] = []
    for attribute, text in attributes:
        name, _, kind = attribute.removeprefix("+").partition(":")
        if kind == "der":
            value = bytes.fromhex(text)
        else:
            tag, encoding = STRINGS[kind or ("printable" if name == "C" else "utf8")]
            value = der.tlv(tag, _filled(text, around).encode(encoding))
        if not (attribute.startswith("+") and parts):
            parts.append([])
        parts[-1].append(der.sequence(der.object_identifier(ATTRIBUTES.get(name, name)), value))
    return der.sequence(*(der.set_of(*part) for part in parts))


def encode_extensions(
    spec: CertificateSpec, identifier: bytes, issuer_identifier: bytes, around: Names
) -> tuple[bytes, ...]:
    """Return the extensions inside their tag, or nothing if there are none; the identifiers are those of the keys."""
    extras = {extra.oid: extra for extra in spec.extra}
    found = []
    for part, value in _parts(spec, identifier, issuer_identifier, around):
        oid = _OIDS[part]
        if oid in extras:
            found.append(_written_out(extras.pop(oid)))
        elif part not in spec.without:
            found.append(_extension(oid, value, critical=part in spec.critical))
    found += map(_written_out, extras.values())
    second = replace(spec, **spec.again)  # type: ignore[arg-type]  # only such keys
    for part, value in _parts(second, identifier, issuer_identifier, around):
        if part.replace("-", "_") in spec.again:
            found.append(_extension(_OIDS[part], value, critical=part in spec.critical))
    return (der.explicit(3, der.sequence(*found)),) if found else ()


def _parts(
    spec: CertificateSpec, identifier: bytes, issuer_identifier: bytes, around: Names
) -> Iterator[tuple[str, bytes]]:
    """Yield each part that a certificate of this kind has, without whether it is left out."""
    length = () if spec.path_length is None else (der.integer(spec.path_length),)
    yield "basic-constraints", der.sequence(*((der.boolean(value=True),) if spec.ca else ()), *length)
    yield "key-usage", der.flags({USAGES.index(usage) for usage in spec.key_usage})
    if spec.purposes:
        yield "purposes", der.sequence(*(der.object_identifier(PURPOSES.get(one, one)) for one in spec.purposes))
    if spec.names:
        yield "names", der.sequence(*_general_names(spec.names, around))
    if spec.permitted or spec.excluded:
        yield "name-constraints", _name_constraints(spec, around)
    if spec.policies:
        yield "policies", der.sequence(*(der.sequence(der.object_identifier(one)) for one in spec.policies))
    yield "key-identifier", der.octet_string(identifier)
    issuer = spec.issuer_key_identifier
    if issuer is None and issuer_identifier != identifier:
        issuer = issuer_identifier
    if issuer is not None:
        yield "issuer-key-identifier", der.sequence(der.implicit(0, issuer))
    if spec.distribution_points:
        full_name = der.explicit(0, *_uris(spec.distribution_points, around))
        yield "distribution-points", der.sequence(der.sequence(der.explicit(0, full_name)))
    access = [(_OCSP, uri) for uri in _uris(spec.responders, around)]
    access += [(_CA_ISSUERS, uri) for uri in _uris(spec.issuer_copies, around)]
    if access:
        yield "access", der.sequence(*(der.sequence(der.object_identifier(how), uri) for how, uri in access))


def _uris(places: tuple[str, ...], around: Names) -> Iterator[bytes]:
    return _general_names(tuple(f"uri:{place}" for place in places), around)


def _written_out(extra: Extra) -> bytes:
    flag = (der.tlv(0x01, extra.critical),) if extra.critical else ()
    return der.sequence(der.object_identifier(extra.oid), *flag, der.octet_string(extra.value))


def _extension(oid: str, value: bytes, *, critical: bool) -> bytes:
    flag = (der.boolean(value=True),) if critical else ()
    return der.sequence(der.object_identifier(oid), *flag, der.octet_string(value))


def _name_constraints(spec: CertificateSpec, around: Names) -> bytes:
    trees = [
        der.explicit(number, *map(der.sequence, _general_names(names, around, network=True)))
        for number, names in enumerate((spec.permitted, spec.excluded))
        if names
    ]
    return der.sequence(*trees)


def _general_names(names: tuple[str, ...], around: Names, *, network: bool = False) -> Iterator[bytes]:
    lists = {
        "{names}": [f"dns:{name}" for name in around.names],
        "{usual}": [f"dns:{name}" for name in around.usual],
        "{addresses}": [f"ip:{address}" for address in around.addresses],
    }
    for name in names:
        for one in lists[name] if name in lists else _ranged(name):
            kind, _, text = one.partition(":")
            yield _general_name(kind, _filled(text, around), around, network=network)


def _general_name(kind: str, text: str, around: Names, *, network: bool) -> bytes:
    """Return one GeneralName; the parser of recipes lets no other kinds through."""
    if kind in _IA5:
        return der.implicit(_IA5[kind], text.encode("latin-1"))
    if kind == "ip":
        return der.implicit(7, _address(text, network=network))
    if kind == "rid":
        return der.implicit(8, der.contents(der.object_identifier(text)))
    if kind == "directory":
        attributes = tuple((part.partition("=")[0], part.partition("=")[2]) for part in text.split(","))
        return der.explicit(4, encode_name(attributes, around))
    if kind == "srv":
        return der.explicit(0, der.object_identifier(_SRV), der.explicit(0, der.tlv(0x16, text.encode("ascii"))))
    oid, _, value = text.partition("=")
    octets = der.utf8_string(value.removeprefix("utf8:")) if value.startswith("utf8:") else bytes.fromhex(value)
    return der.explicit(0, der.object_identifier(oid), der.explicit(0, octets))


def _ranged(name: str) -> Iterator[str]:
    """Yield the names for which one with a range such as ``{1..1000}`` stands, or the name itself."""
    found = RANGE.search(name)
    if found is None:
        yield name
        return
    for number in range(int(found[1]), int(found[2]) + 1):
        yield f"{name[: found.start()]}{number}{name[found.end() :]}"


def _address(text: str, *, network: bool) -> bytes:
    """Return an address's octets, a network's with its mask (RFC 5280 4.2.1.10), or those written out behind a #."""
    if text.startswith("#"):
        return bytes.fromhex(text[1:])
    if not network:
        return ip_address(text).packed
    subnet = ip_network(text)
    return subnet.network_address.packed + subnet.netmask.packed


def _filled(text: str, around: Names) -> str:
    """Return a text with its placeholders filled in."""
    if "{" not in text:
        return text
    label = around.host.partition(".")[0]
    values = {
        "{host}": around.host,
        "{label}": label,
        "{head}": label[: len(label) // 2],
        "{tail}": label[len(label) // 2 :],
        "{domain}": around.host.partition(".")[2],
        "{id}": around.id,
        "{http}": around.http,
        "{address}": around.addresses[-1] if around.addresses else "",
    }
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text
