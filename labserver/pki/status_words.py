"""Words for what CAs say of certificates later: CRLs (RFC 5280 5) and OCSP responses (RFC 6960 4.2), however odd.

As in :mod:`labserver.pki.wording`, what cannot be made out is a ValueError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.pki.anatomy import at_least, one, several
from labserver.pki.wording import moment, name_words

if TYPE_CHECKING:
    from labserver.pki.anatomy import Element

__all__ = ["crl_words", "ocsp_words"]

_INTEGER, _SEQUENCE = 0x02, 0x30
_TIMES = (0x17, 0x18)
_VERSION, _NEXT_UPDATE = 0xA0, 0xA0
_FAILURES = {1: "malformed request", 2: "internal error", 3: "try later", 5: "signature required", 6: "unauthorized"}
"""RFC 6960 4.2.1, OCSPResponseStatus."""
_STATUSES = {0: "good", 1: "revoked", 2: "unknown"}


def crl_words(octets: bytes) -> str:
    """Return whose list it is, of when, and how many certificates are on it."""
    parts = [*at_least(4, one(one(octets).content), "a CRL")]
    if parts[0].tag == _INTEGER:  # version 2
        del parts[0]
    _, issuer, *rest = parts
    times = [part for part in rest[:2] if part.tag in _TIMES]
    entries = rest[len(times)] if len(rest) > len(times) and rest[len(times)].tag == _SEQUENCE else None
    revoked = 0 if entries is None else len(list(several(entries.content)))
    return f"of {name_words(issuer.octets)}, {_period(times)}, {revoked} revoked"


def ocsp_words(octets: bytes) -> str:
    """Return the status of each certificate that a response is about, or why it says nothing."""
    status, *answer = at_least(1, one(octets), "an OCSP response")
    if not answer:
        number = int.from_bytes(status.content)
        return f"says nothing: {_FAILURES.get(number, f'status {number}')}"
    _, basic = at_least(2, one(answer[0].content), "an answer")
    parts = [part for part in at_least(3, one(one(basic.content).content), "an answer") if part.tag != _VERSION]
    responses = parts[2]
    return "; ".join(_single(response) for response in several(responses.content)) or "about no certificate"


def _single(response: Element) -> str:
    certificate, status, this_update, *rest = at_least(3, response, "a status")
    serial = list(several(certificate.content))[-1].content.hex().lstrip("0")
    number = status.tag & 0x1F
    since = f" since {_said(one(status.content))}" if number == 1 else ""
    later = [one(part.content) for part in rest if part.tag == _NEXT_UPDATE]
    return f"{serial} is {_STATUSES.get(number, f'[{number}]')}{since}, {_period([this_update, *later])}"


def _period(times: list[Element]) -> str:
    """Return from when it is, and until when it is good if it says so."""
    if not times:
        raise ValueError("it says no time")
    said = [_said(time) for time in times]
    return f"{' to '.join(said)} UTC" if len(said) > 1 else f"from {said[0]} UTC on"


def _said(time: Element) -> str:
    return moment(time)[0].removesuffix(" (GeneralizedTime)")  # which is usual here
