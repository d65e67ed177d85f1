"""A chain in words, for ``labserver certs show``: what a person compares with what a client complains about.

Each field is told by itself, so that one that is malformed hides none of the others: of it the octets are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.pki.anatomy import dissect, dotted, one, several
from labserver.pki.chain import fingerprint
from labserver.pki.signatures import SIGNATURES
from labserver.pki.status_words import crl_words, ocsp_words
from labserver.pki.wording import EXTENSIONS, key_words, moment, name_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

    from labserver.pki.anatomy import Anatomy, Element
    from labserver.pki.chain import Chain

__all__ = ["describe_certificate", "describe_chain"]

_NAME_COLUMNS = 11
_SHOWN = 24
"""Octets that are shown of what cannot be read."""
_SERIAL_OCTETS = 20
"""RFC 5280 4.1.2.2."""
_ALGORITHMS = {signature.identifier: name for name, signature in reversed(SIGNATURES.items())}
"""By their identifiers; where two share one, the first has the name."""


def describe_chain(chain: Chain, *, now: datetime) -> str:
    """Return the chain as text: each certificate in wire order, then what a client must trust."""
    titles = [(f"{place}. on the wire", der) for place, der in enumerate(chain.certificates, start=1)]
    titles += [("to be trusted by clients", der) for der in chain.anchors]
    parts = [f"{title}\n{describe_certificate(der, now=now)}" for title, der in titles]
    if chain.staple is not None:
        parts.append(f"stapled for whoever asks\n{_line('OCSP', _told(ocsp_words, chain.staple))}")
    if chain.crls:
        parts.append("published by its CAs\n" + "".join(_line("CRL", _told(crl_words, one)) for one in chain.crls))
    return "\n".join(parts)


def describe_certificate(der: bytes, *, now: datetime) -> str:
    """Return one certificate as indented ``name  value`` lines; also one that is too malformed to be parsed."""
    try:
        facts = list(_facts(dissect(der), now))
    except (ValueError, RecursionError) as error:
        facts = [("malformed", _octets(der, error))]
    facts.append(("sha256", fingerprint(der)))
    return "".join(_line(name, value) for name, value in facts)


def _line(name: str, value: str) -> str:
    return f"   {name:<{_NAME_COLUMNS}} {value}\n"


def _facts(certificate: Anatomy, now: datetime) -> Iterator[tuple[str, str]]:
    if certificate.version != 3:  # noqa: PLR2004 -- every other one is worth a word
        yield "version", str(certificate.version)
    itself = certificate.subject.octets == certificate.issuer.octets
    yield "subject", _told(name_words, certificate.subject.octets)
    yield "issuer", "itself" if itself else _told(name_words, certificate.issuer.octets)
    yield "valid", _told(lambda octets: _period(octets, now), certificate.validity.octets)
    yield "key", _told(key_words, certificate.key.octets)
    outer, inner = _algorithm(certificate.signature), _algorithm(certificate.inner_signature)
    yield "signature", outer if outer == inner else f"{outer}, but inside it says {inner}"
    yield "serial", _serial(certificate.serial)
    for extension in certificate.extensions:
        known = EXTENSIONS.get(extension.oid, {extension.oid: lambda octets: _octets(octets, None)})
        for name, words in known.items():
            told = _told(words, extension.value)
            yield name, f"{told} (critical)" if extension.critical else told


def _told(words: Callable[[bytes], str], octets: bytes) -> str:
    """Return the words, or if there are none the octets and the reason."""
    try:
        return words(octets)
    except (ValueError, IndexError, RecursionError) as error:
        return _octets(octets, error)


def _octets(octets: bytes, error: Exception | None) -> str:
    more = " …" if len(octets) > _SHOWN else ""
    reason = "" if error is None else f", which cannot be read: {error}"
    return f"{octets[:_SHOWN].hex(' ')}{more} ({len(octets)} octets{reason})"


def _algorithm(element: Element) -> str:
    known = _ALGORITHMS.get(element.octets)
    return known or _told(lambda content: dotted(next(several(content)).content), element.content)


def _period(octets: bytes, now: datetime) -> str:
    (said_first, first), (said_last, last) = (moment(time) for time in several(one(octets).content))
    told = f"{said_first} to {said_last} UTC"
    if first is None or last is None:
        return f"{told}, not a valid time"
    if first > last:
        return f"{told}, which ends before it begins"
    if now < first:
        return f"{told}, begins in {_span(first - now)}"
    return f"{told}, {f'ended {_span(now - last)} ago' if now > last else f'{_span(last - now)} left'}"


def _span(time: timedelta) -> str:
    amount, unit = (time.days, "day") if time.days else (time.seconds // 3600, "hour")
    return f"{amount} {unit}{'' if amount == 1 else 's'}"


def _serial(content: bytes) -> str:
    number = int.from_bytes(content, signed=True)
    least = max((number if number >= 0 else ~number).bit_length() // 8 + 1, 1)
    oddities = (
        (not content, "empty"),
        (bool(content) and number == 0, "zero"),
        (number < 0, "negative"),
        (len(content) > _SERIAL_OCTETS, f"{len(content)} octets, more than {_SERIAL_OCTETS}"),
        (len(content) > least, "not in as few octets as it needs"),
    )
    notes = [note for found, note in oddities if found]
    return f"{content.hex().lstrip('0') or '0'}" + (f" ({', '.join(notes)})" if notes else "")
