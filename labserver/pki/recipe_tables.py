"""From a recipe's table to a recipe: what a value may be is said once, by the parser beside its key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from labserver.pki.corruptions.after_signing import AFTER_SIGNING
from labserver.pki.corruptions.before_signing import BEFORE_SIGNING
from labserver.pki.keys import KEY_KINDS
from labserver.pki.profile import USAGES
from labserver.pki.public_keys import PUBLIC_KEYS
from labserver.pki.recipe_checks import checked
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
    parsed,
    parser,
)
from labserver.pki.revocation import parse_list, parse_response
from labserver.pki.signatures import SIGNATURES
from labserver.pki.specification import (
    ANEW,
    CLIENT_CERTIFICATES,
    ENGINES,
    EXTENSIONS,
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
from labserver.tables import TableError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.pki.recipe_values import Parser, Table
    from labserver.tables import Key

_T = TypeVar("_T")

__all__ = ["CERTIFICATE", "HANDSHAKE", "PROFILE", "WORDS", "merged", "parse_chain", "parse_other", "parse_repaired"]


@parser(type="object")
def _again(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError(f"a table of {', '.join(REPEATABLE)}")  # noqa: TRY004 -- a wrong value, as the loader has it
    return parse_table((), value, {key: CERTIFICATE[key] for key in REPEATABLE})


_part = one_of(PARTS)
CERTIFICATE: dict[str, Parser[Any]] = {
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
HANDSHAKE: dict[str, Parser[Any]] = {
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
PROFILE = (*_KEYED, *_LABELLED, "wire", "anchors", *HANDSHAKE)
"""What is inherited; a recipe's words are its own."""
WORDS: dict[str, Callable[[object], Any]] = {
    "title": parse_text,
    "does": parse_text,
    "expects": parse_text,
    "verdict": lambda value: Verdict(one_of(Verdict)(value)),
    "severity": lambda value: Severity(one_of(Severity)(value)),
    "references": parse_texts,
    "rows": parse_texts,
    "disputed": parse_text,
    "openssl": parse_number,
    "address_openssl": parse_number,
    "wire": parse_texts,
    "anchors": parse_texts,
    **HANDSHAKE,
    "host": parse_host,
    "default": parse_flag,
}
_REQUIRED = ("title", "does", "verdict", "references")


def merged(base: Table, table: Table) -> Table:
    """Return ``table`` with what it inherits from ``base``: what is signed key by key, the rest whole.

    Raises TableError for something else where a table has to be.
    """
    result = {key: value for key, value in base.items() if key in PROFILE} | table
    both = base.keys() & table.keys()
    for key in both & set(_KEYED):
        result[key] = base[key] | _table((key,), table[key])
    for key in both & set(_LABELLED):
        labels = base[key] | _tables(key, table[key])
        result[key] = {label: base[key].get(label, {}) | own for label, own in labels.items()}
    return result


def parse_repaired(identifier: str, topic: str, base: Table, table: Table, repair: object) -> ChainSpec | None:
    """Return the recipe ``table`` without its fault; None for one that is to be accepted.

    ``repair`` is what to write instead; with None, what the recipe itself says is left out, which leaves ``base``.
    Raises TableError as :func:`parse_chain` does.
    """
    words = _words(table)
    if repair is None:
        if words["verdict"] == Verdict.ACCEPT.value:
            return None
        return parse_chain(identifier, topic, merged(base, words))
    repaired = merged(table, _profile("repair", repair, "host"))
    return parsed(lambda _: parse_chain(identifier, topic, words | repaired), repair, "repair")


def parse_other(identifier: str, topic: str, table: Table, other: object) -> ChainSpec | None:
    """Return the other chain of a recipe: ``other`` is what to write instead; None for a recipe without.

    Raises TableError as :func:`parse_chain` does, and for another chain that nobody gets.
    """
    if (other is None) is ("other_for" in table):
        raise TableError(("other" if other is not None else "other_for",), "other and other_for need each other")
    if other is None:
        return None
    second = _words(table) | merged(table, _profile("other", other))
    return parsed(lambda _: parse_chain(identifier, topic, second), other, "other")


def parse_chain(identifier: str, topic: str, table: Table) -> ChainSpec:
    """Return the recipe; raises TableError for one that cannot be."""
    absent = [key for key in _REQUIRED if key not in table]
    if absent:
        raise TableError((), f"{absent[0]} is missing")
    leaf = _parse_certificate(("leaf",), table.get("leaf", {}), CertificateSpec())
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
        label: _parse_certificate(("authorities", label), given, authority)
        for label, given in _tables("authorities", table.get("authorities", {})).items()
    }
    words = {key: value for key, value in table.items() if key not in {*_KEYED, *_LABELLED}}
    return checked(
        ChainSpec(
            id=identifier,
            topic=topic,
            leaf=leaf,
            authorities=authorities,
            staple=parse_response(("staple",), _table(("staple",), table["staple"])) if "staple" in table else None,
            responses=_labelled("responses", table, parse_response),
            lists=_labelled("lists", table, parse_list),
            **parse_table((), words, WORDS),
        )
    )


def _labelled(key: str, table: Table, parse: Callable[[tuple[Key, ...], Table], _T]) -> dict[str, _T]:
    return {label: parse((key, label), one) for label, one in _tables(key, table.get(key, {})).items()}


def _words(table: Table) -> Table:
    """Return what a recipe says about its chain."""
    return {key: value for key, value in table.items() if key not in PROFILE}


def _profile(key: str, value: object, *besides: str) -> Table:
    """Return a table of nothing but parts of a chain."""
    table, parts = _table((key,), value), (*PROFILE, *besides)
    for part in table:
        if part not in parts:
            raise TableError((key, part), unknown(part, parts, what="part of a chain"))
    return table


def _parse_certificate(path: tuple[Key, ...], table: object, usual: CertificateSpec) -> CertificateSpec:
    return replace(usual, **parse_table(path, _table(path, table), CERTIFICATE))


def _table(path: tuple[Key, ...], value: object) -> Table:
    if not isinstance(value, dict):
        raise TableError(path, "must be a table")
    return value


def _tables(key: str, value: object) -> dict[str, Table]:
    return {label: _table((key, label), one) for label, one in _table((key,), value).items()}
