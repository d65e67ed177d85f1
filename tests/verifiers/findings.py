"""What a verifier found, in one word: it accepts, it has a reason of one of these classes, or it never got to judge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from tests.verifiers.case import Outcome

if TYPE_CHECKING:
    from tests.verifiers.case import Answer

__all__ = ["Finding", "Reasons", "finding"]


class Finding(StrEnum):
    """One cell of the table."""

    ACCEPTED = "accepted"
    UNMET = "unmet"
    """It never got to judge: no handshake that both sides can do, no answer in time, nothing served here."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    NAME = "name"
    """It is for another name or address."""
    ISSUER = "issuer"
    """No path leads to an anchor."""
    SIGNATURE = "signature"
    """A signature does not verify."""
    CA = "ca"
    """One that is no CA issues, or one that is a CA serves."""
    PATH_LENGTH = "path-length"
    CONSTRAINTS = "constraints"
    """Name constraints."""
    PURPOSE = "purpose"
    """Extended key usage, or whatever else a program means by purpose."""
    USAGE = "usage"
    """Key usage."""
    POLICY = "policy"
    EXTENSION = "extension"
    """A critical extension that it does not know."""
    WEAK = "weak"
    """A key or signature is too weak."""
    ALGORITHM = "algorithm"
    """It does not know a key or signature algorithm."""
    HANDSHAKE = "handshake"
    """How the certificate is presented: none, or a key that is used in a way that was not offered."""
    REVOKED = "revoked"
    STATUS = "status"
    """What is said about revocation is missing, or wrong."""
    SERIAL = "serial"
    LIMIT = "limit"
    """Too long, too large, too many."""
    MALFORMED = "malformed"
    """It breaks a rule of form."""
    OTHER = "other"
    """It rejects, and its words do not say why, or are not known."""


Reasons = Sequence[tuple[str, Finding]]
"""What a verifier's words mean: regular expressions, of which the first that matches counts."""


def finding(answer: Answer, reasons: Reasons) -> Finding:
    """Return what an answer means by the verifier's table of words."""
    if answer.outcome is Outcome.ACCEPTED:
        return Finding.ACCEPTED
    if answer.outcome is Outcome.UNMET:
        return Finding.UNMET
    words = _without_names(answer)
    return next((found for pattern, found in reasons if re.search(pattern, words)), Finding.OTHER)


def _without_names(answer: Answer) -> str:
    """Return an answer's words without host names and common names: expired.lab.test is no reason."""
    host, issuer = rf"{re.escape(answer.case)}\.\w\S*", rf"{re.escape(answer.case[:30])} [^\"=,]*[0-9a-f]{{8}}"
    return re.sub(f"{host}|{issuer}", "…", answer.words)
