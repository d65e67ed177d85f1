"""From a recipe's table to a recipe: what a value may be is said once, by the parser beside its key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from labserver.pki.corruptions.after_signing import AFTER_SIGNING
from labserver.pki.corruptions.before_signing import BEFORE_SIGNING
from labserver.pki.keys import KEY_KINDS
from labserver.pki.profile import USAGES
from labserver.pki.public_keys import PUBLIC_KEYS
from labserver.pki.recipe_values import (
    each,
    one_of,
    parse_attributes,
    parse_count,
    parse_extras,
    parse_flag,
    parse_general_name,
    parse_host,
    parse_moment,
    parse_number,
    parse_octets,
    parse_oid,
    parse_purpose,
    parse_table,
    parse_text,
    parse_texts,
)
from labserver.pki.revocation import parse_list, parse_response
from labserver.pki.signatures import SIGNATURES
from labserver.pki.specification import (
    ANEW,
    CLIENT_CERTIFICATES,
    ENGINES,
    EXTENSIONS,
    LAB,
    OTHER_FOR,
    PARTS,
    PRESENTATIONS,
    REPEATABLE,
    VERSIONS,
    CertificateSpec,
    ChainSpec,
    Severity,
    Verdict,
)
from labserver.pki.validity import Moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.pki.recipe_values import Table

_T = TypeVar("_T")

__all__ = ["merged", "parse_chain", "parse_other", "parse_repaired"]


def _again(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value.keys() <= set(REPEATABLE):
        raise ValueError(f"a table of {', '.join(REPEATABLE)}")
    return {key: _CERTIFICATE[key](given) for key, given in value.items()}


_part = one_of(PARTS)
_CERTIFICATE: dict[str, Callable[[object], Any]] = {
    "issuer": parse_text,
    "subject": parse_attributes,
    "issuer_name": parse_attributes,
    "key": one_of(KEY_KINDS),
    "key_of": parse_text,
    "public_key": one_of(PUBLIC_KEYS),
    "signature": one_of(SIGNATURES),
    "inner_signature": one_of(SIGNATURES),
    "version": parse_number,
    "serial": parse_octets,
    "not_before": parse_moment,
    "not_after": parse_moment,
    "levels": parse_count,
    "ca": parse_flag,
    "path_length": parse_number,
    "key_usage": each(one_of(USAGES)),
    "purposes": each(parse_purpose),
    "names": each(parse_general_name),
    "permitted": each(parse_general_name),
    "excluded": each(parse_general_name),
    "policies": each(parse_oid),
    "key_identifier": parse_octets,
    "issuer_key_identifier": parse_octets,
    "distribution_points": parse_texts,
    "responders": parse_texts,
    "issuer_copies": parse_texts,
    "critical": each(_part),
    "without": each(_part),
    "extra": parse_extras,
    "again": _again,
    "corrupt": each(one_of((*BEFORE_SIGNING, *AFTER_SIGNING))),
}

_KEYED = ("leaf", "staple")
"""What is inherited key by key."""
_LABELLED = ("authorities", "responses", "lists")
"""The same for each label."""
_HANDSHAKE: dict[str, Callable[[object], Any]] = {
    "engine": one_of(ENGINES),
    "versions": each(one_of(VERSIONS)),
    "proof": parse_text,
    "present": one_of(PRESENTATIONS),
    "delegation": parse_moment,
    "anew": one_of(ANEW),
    "other_for": one_of(OTHER_FOR),
    "client_certificate": one_of(CLIENT_CERTIFICATES),
    "client_anchors": parse_texts,
    "asked": one_of(EXTENSIONS),
}
_PROFILE = (*_KEYED, *_LABELLED, "wire", "anchors", *_HANDSHAKE)
"""What is inherited; a recipe's words are its own."""
_WORDS: dict[str, Callable[[object], Any]] = {
    "title": parse_text,
    "does": parse_text,
    "expects": parse_text,
    "verdict": lambda value: Verdict(one_of(Verdict)(value)),
    "severity": lambda value: Severity(one_of(Severity)(value)),
    "references": parse_texts,
    "rows": parse_texts,
    "openssl": parse_number,
    "address_openssl": parse_number,
    "wire": parse_texts,
    "anchors": parse_texts,
    **_HANDSHAKE,
    "host": parse_host,
    "default": parse_flag,
}
_REQUIRED = ("title", "does", "verdict", "references")


def merged(base: Table, table: Table) -> Table:
    """Return ``table`` with what it inherits from ``base``: what is signed key by key, the rest whole."""
    result = {key: value for key, value in base.items() if key in _PROFILE} | table
    both = base.keys() & table.keys()
    for key in both & set(_KEYED):
        result[key] = base[key] | table[key]
    for key in both & set(_LABELLED):
        labels = {**base[key], **table[key]}
        result[key] = {label: base[key].get(label, {}) | own for label, own in labels.items()}
    return result


def parse_repaired(identifier: str, topic: str, base: Table, table: Table, repair: object) -> ChainSpec | None:
    """Return the recipe ``table`` without its fault; None for one that is to be accepted.

    ``repair`` is what to write instead; with None, what the recipe itself says is left out, which leaves ``base``.
    Raises ValueError as :func:`parse_chain` does.
    """
    words = _words(table)
    if repair is None:
        if words["verdict"] == Verdict.ACCEPT.value:
            return None
        return parse_chain(identifier, topic, merged(base, words))
    return parse_chain(identifier, topic, words | merged(table, _profile("repair", repair, "host")))


def parse_other(identifier: str, topic: str, table: Table, other: object) -> ChainSpec | None:
    """Return the other chain of a recipe: ``other`` is what to write instead; None for a recipe without.

    Raises ValueError as :func:`parse_chain` does, and for another chain that nobody gets.
    """
    if (other is None) is ("other_for" in table):
        raise ValueError("other and other_for need each other")
    if other is None:
        return None
    return parse_chain(identifier, topic, _words(table) | merged(table, _profile("other", other)))


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
    words = {key: value for key, value in table.items() if key not in {*_KEYED, *_LABELLED}}
    return _sound(
        ChainSpec(
            id=identifier,
            topic=topic,
            leaf=leaf,
            authorities=authorities,
            staple=parse_response("staple", _table("staple", table["staple"])) if "staple" in table else None,
            responses=_labelled("responses", table, parse_response),
            lists=_labelled("lists", table, parse_list),
            **parse_table("", words, _WORDS),
        )
    )


def _labelled(key: str, table: Table, parse: Callable[[str, Table], _T]) -> dict[str, _T]:
    return {label: parse(f"{key}.{label}", one) for label, one in _tables(key, table.get(key, {})).items()}


def _words(table: Table) -> Table:
    """Return what a recipe says about its chain."""
    return {key: value for key, value in table.items() if key not in _PROFILE}


def _profile(place: str, value: object, *besides: str) -> Table:
    """Return a table of nothing but parts of a chain."""
    table, parts = _table(place, value), (*_PROFILE, *besides)
    wrong = table.keys() - set(parts)
    if wrong:
        raise ValueError(f"{place}.{min(wrong)} is no part of a chain; there are {', '.join(parts)}")
    return table


def _parse_certificate(place: str, table: object, usual: CertificateSpec) -> CertificateSpec:
    return replace(usual, **parse_table(f"{place}.", _table(place, table), _CERTIFICATE))


def _table(place: str, value: object) -> Table:
    if not isinstance(value, dict):
        raise ValueError(f"{place} must be a table")  # noqa: TRY004 -- a wrong value, as the loader understands it
    return value


def _tables(place: str, value: object) -> dict[str, Table]:
    return {label: _table(f"{place}.{label}", one) for label, one in _table(place, value).items()}


def _sound(spec: ChainSpec) -> ChainSpec:
    """Return the recipe if its labels exist, and its words fit together."""
    known = {"leaf", LAB}
    for label, certificate in spec.authorities.items():
        if certificate.issuer not in {label, *known}:
            raise ValueError(f"authorities.{label}.issuer {certificate.issuer!r} is not there, or comes later")
        if certificate.key_of and certificate.key_of not in known - {"leaf"}:
            raise ValueError(f"authorities.{label}.key_of {certificate.key_of!r} is not there, or comes later")
        known.add(label)
    places = {
        "leaf.issuer": (spec.leaf.issuer,),
        "leaf.key_of": (spec.leaf.key_of or "leaf",),
        "wire": spec.wire,
        "anchors": spec.anchors,
        "proof": (spec.proof,),
        "client_anchors": spec.client_anchors,
        **_revocation_labels(spec),
    }
    for key, labels in places.items():
        for label in labels:
            if label not in known:
                raise ValueError(f"{key} {label!r} is not there; there are {', '.join(sorted(known))}")
    return _fitting(spec)


def _fitting(spec: ChainSpec) -> ChainSpec:
    """Return the recipe if its words fit together."""
    if (spec.verdict is Verdict.REJECT) is (spec.severity is Severity.NONE):
        raise ValueError("severity must be given for what is to be rejected, and only for that")
    if (spec.anew or spec.other_for) and spec.own_anchor:
        raise ValueError("anew and other are for chains of the lab's CA: another root would be another fault")
    if spec.present != "rightly" and spec.engine != "tlslite":
        raise ValueError('present needs engine = "tlslite"')
    if spec.staple is not None and (spec.asked != "status_request" or spec.engine not in {"openssl", "tlslite"}):
        raise ValueError('staple needs asked = "status_request" and an engine that can: openssl or tlslite')
    if LAB in spec.responses:
        raise ValueError("responses.lab cannot be signed: the key of the lab's root is forgotten")
    if spec.delegation and (spec.asked, spec.engine) != ("delegated_credential", "tlslite"):
        raise ValueError('delegation needs asked = "delegated_credential" and engine = "tlslite"')
    return spec


def _revocation_labels(spec: ChainSpec) -> dict[str, tuple[str, ...]]:
    """Return the labels that responses and lists name, by the keys where they stand."""
    responses = {f"responses.{label}": response for label, response in spec.responses.items()}
    if spec.staple is not None:
        responses["staple"] = spec.staple
    places: dict[str, tuple[str, ...]] = {"responses": tuple(spec.responses), "lists": tuple(spec.lists)}
    for place, response in responses.items():
        places[f"{place}.signer"] = (response.signer or "leaf",)
        places[f"{place}.certificates"] = response.certificates
    for label, one in spec.lists.items():
        places[f"lists.{label}.signer"] = (one.signer or label,)
        places[f"lists.{label}.revoked"] = one.revoked
    return places
