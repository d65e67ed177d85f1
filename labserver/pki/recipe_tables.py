"""From a recipe's table to a recipe: what a value may be is said once, by the parser beside its key."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labserver.pki.corruptions.after_signing import AFTER_SIGNING
from labserver.pki.corruptions.before_signing import BEFORE_SIGNING
from labserver.pki.extensions import ATTRIBUTES, STRINGS
from labserver.pki.keys import KEY_KINDS, SIGNATURES
from labserver.pki.specification import (
    ENGINES,
    LAB,
    PARTS,
    PURPOSES,
    REPEATABLE,
    USAGES,
    CertificateSpec,
    ChainSpec,
    Extra,
    Severity,
    Verdict,
)
from labserver.pki.validity import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Table", "merged", "parse_chain", "parse_repaired"]

Table = dict[str, Any]

_OID = re.compile(r"[0-2](\.\d+)+")
_ATTRIBUTE = re.compile(rf"\+?({'|'.join(ATTRIBUTES)}|{_OID.pattern})(:({'|'.join(STRINGS)}|der))?")
_NAME = re.compile(r"(dns|ip|email|uri|srv|other|directory):.*|\{(names|addresses|usual)\}", re.DOTALL)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 -- a wrong value, as the loader understands it
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a number")  # noqa: TRY004 -- a wrong value, as the loader understands it
    return value


def _octets(value: object) -> bytes:
    try:
        return bytes.fromhex(_text(value)) if value else b""
    except ValueError as error:
        raise ValueError("octets in hexadecimal") from error


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("a list of texts")
    return tuple(value)


def _moment(value: object) -> Moment:
    return Moment.parse(_text(value))


def _one_of(known: Iterable[str]) -> Callable[[object], str]:
    allowed = sorted(known)

    def parse(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return _text(value)

    return parse


def _each(parse: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    return lambda value: tuple(parse(one) for one in _texts(value))


def _purpose(value: object) -> str:
    text = _text(value)
    if text not in PURPOSES and not _OID.fullmatch(text):
        raise ValueError(f"one of {', '.join(PURPOSES)}, or an OID")
    return text


def _oid(value: object) -> str:
    text = _text(value)
    if not _OID.fullmatch(text):
        raise ValueError("an OID")
    return text


def _general_name(value: object) -> str:
    text = _text(value)
    if not _NAME.fullmatch(text):
        raise ValueError("names as dns:…, ip:…, email:…, uri:…, srv:…, other:OID=hex, directory:…, {names} or the like")
    return text


def _attributes(value: object) -> tuple[tuple[str, str], ...]:
    pairs = tuple(_texts(one) for one in value) if isinstance(value, list) else None
    if pairs is None or not all(len(pair) == 2 for pair in pairs):  # noqa: PLR2004 -- a pair
        raise ValueError('pairs such as ["CN", "{host}"]')
    for attribute, text in pairs:
        if not _ATTRIBUTE.fullmatch(attribute):
            kinds = ", ".join((*STRINGS, "der"))
            raise ValueError(f"attributes among {', '.join(ATTRIBUTES)} or OIDs, each of {kinds} behind a colon")
        if attribute.endswith(":der"):
            _octets(text)
    return tuple((pair[0], pair[1]) for pair in pairs)


def _critical(value: object) -> bytes:
    """Return the content of the BOOLEAN, none where it is left out as DER leaves out its default."""
    if isinstance(value, bool):
        return b"\xff" if value else b""
    try:
        return _octets(value)
    except ValueError as error:
        raise ValueError("true, false or octets") from error


def _extras(value: object) -> tuple[Extra, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of tables")  # noqa: TRY004 -- a wrong value, as the loader understands it
    keys = {"oid": _oid, "value": _octets, "critical": _critical, "zeros": _number}
    extras = []
    for one in value:
        if not isinstance(one, dict) or not {"oid", "value"} <= one.keys() <= keys.keys():
            raise ValueError('tables such as { oid = "1.2.3", value = "0500", critical = true }')
        given: Table = {"critical": b"", "zeros": 0} | {key: keys[key](value) for key, value in one.items()}
        content = given["value"] + bytes(given["zeros"])
        extras.append(Extra(oid=given["oid"], value=content, critical=given["critical"]))
    return tuple(extras)


def _again(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value.keys() <= set(REPEATABLE):
        raise ValueError(f"a table of {', '.join(REPEATABLE)}")
    return {key: _CERTIFICATE[key](given) for key, given in value.items()}


_part = _one_of(PARTS)
_CERTIFICATE: dict[str, Callable[[object], Any]] = {
    "issuer": _text,
    "subject": _attributes,
    "issuer_name": _attributes,
    "key": _one_of(KEY_KINDS),
    "key_of": _text,
    "signature": _one_of(SIGNATURES),
    "inner_signature": _one_of(SIGNATURES),
    "version": _number,
    "serial": _octets,
    "not_before": _moment,
    "not_after": _moment,
    "ca": _flag,
    "path_length": _number,
    "key_usage": _each(_one_of(USAGES)),
    "purposes": _each(_purpose),
    "names": _each(_general_name),
    "permitted": _each(_general_name),
    "excluded": _each(_general_name),
    "policies": _each(_oid),
    "issuer_key_identifier": _octets,
    "critical": _each(_part),
    "without": _each(_part),
    "extra": _extras,
    "again": _again,
    "corrupt": _each(_one_of((*BEFORE_SIGNING, *AFTER_SIGNING))),
}

_PROFILE = ("leaf", "authorities", "wire", "anchors", "engine")
"""What is inherited; a recipe's words are its own."""
_WORDS: dict[str, Callable[[object], Any]] = {
    "title": _text,
    "does": _text,
    "expects": _text,
    "verdict": lambda value: Verdict(_one_of(Verdict)(value)),
    "severity": lambda value: Severity(_one_of(Severity)(value)),
    "references": _texts,
    "openssl": _number,
    "address_openssl": _number,
    "wire": _texts,
    "anchors": _texts,
    "engine": _one_of(ENGINES),
}
_REQUIRED = ("title", "does", "verdict", "references")


def merged(base: Table, table: Table) -> Table:
    """Return ``table`` with what it inherits from ``base``: certificates key by key, the rest whole."""
    result = {key: value for key, value in base.items() if key in _PROFILE} | table
    if "leaf" in base and "leaf" in table:
        result["leaf"] = base["leaf"] | table["leaf"]
    if "authorities" in base and "authorities" in table:
        both = {**base["authorities"], **table["authorities"]}
        result["authorities"] = {label: base["authorities"].get(label, {}) | own for label, own in both.items()}
    return result


def parse_repaired(identifier: str, topic: str, base: Table, table: Table, repair: object) -> ChainSpec | None:
    """Return the recipe ``table`` without its fault; None for one that is to be accepted.

    ``repair`` is what to write instead; with None, what the recipe itself says is left out, which leaves ``base``.
    Raises ValueError as :func:`parse_chain` does.
    """
    words = {key: value for key, value in table.items() if key not in _PROFILE}
    if repair is None:
        if words["verdict"] == Verdict.ACCEPT.value:
            return None
        return parse_chain(identifier, topic, merged(base, words))
    own = _tables("repair", {"": repair})[""]
    wrong = own.keys() - set(_PROFILE)
    if wrong:
        raise ValueError(f"repair.{min(wrong)} is no part of a chain; there are {', '.join(_PROFILE)}")
    return parse_chain(identifier, topic, merged(table, own) | words)


def parse_chain(identifier: str, topic: str, table: Table) -> ChainSpec:
    """Return the recipe; raises ValueError, its text naming the key, for one that cannot be."""
    absent = [key for key in _REQUIRED if key not in table]
    if absent:
        raise ValueError(f"{absent[0]} is missing")
    leaf = _parse_certificate("leaf", table.get("leaf", {}), CertificateSpec())
    authority = CertificateSpec(
        issuer="root",
        not_before=Moment.parse("-30d"),
        not_after=Moment.parse("+300d"),
        ca=True,
        key_usage=("key_cert_sign", "crl_sign"),
        purposes=(),
        names=(),
    )
    authorities = {
        label: _parse_certificate(f"authorities.{label}", given, authority)
        for label, given in _tables("authorities", table.get("authorities", {})).items()
    }
    words = {key: value for key, value in table.items() if key not in {"leaf", "authorities"}}
    spec = ChainSpec(id=identifier, topic=topic, leaf=leaf, authorities=authorities, **_parsed("", words, _WORDS))
    return _sound(spec)


def _parse_certificate(place: str, table: object, usual: CertificateSpec) -> CertificateSpec:
    return replace(usual, **_parsed(f"{place}.", _tables(place, {"": table})[""], _CERTIFICATE))


def _tables(place: str, value: object) -> dict[str, Table]:
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise ValueError(f"{place} must be a table")
    return value


def _parsed(place: str, table: Table, parsers: Mapping[str, Callable[[object], Any]]) -> dict[str, Any]:
    values = {}
    for key, value in table.items():
        if key not in parsers:
            raise ValueError(f"{place}{key} is no key of a recipe; there are {', '.join(sorted(parsers))}")
        try:
            values[key] = parsers[key](value)
        except ValueError as error:
            raise ValueError(f"{place}{key} must be {error}, not {value!r}") from error
    return values


def _sound(spec: ChainSpec) -> ChainSpec:
    """Return the recipe if its labels exist and its words fit together."""
    known = {"leaf", LAB}
    for label, certificate in spec.authorities.items():
        if certificate.issuer not in {label, *known}:
            raise ValueError(f"authorities.{label}.issuer {certificate.issuer!r} is not there, or comes later")
        known.add(label)
    places = {
        "leaf.issuer": (spec.leaf.issuer,),
        "leaf.key_of": (spec.leaf.key_of or "leaf",),
        "wire": spec.wire,
        "anchors": spec.anchors,
    }
    for key, labels in places.items():
        for label in labels:
            if label not in known:
                raise ValueError(f"{key} {label!r} is not there; there are {', '.join(sorted(known))}")
    if (spec.verdict is Verdict.REJECT) is (spec.severity is Severity.NONE):
        raise ValueError("severity must be given for what is to be rejected, and only for that")
    return spec
