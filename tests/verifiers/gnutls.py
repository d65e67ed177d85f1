"""``gnutls-cli``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.verifiers.command import Command, version_of
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.verifiers.case import Case

__all__ = ["GNUTLS", "REASONS"]

REASONS = (
    (r"limits were reached", Finding.LIMIT),
    (r"Error setting the x509 CRL", Finding.UNMET),  # it takes those only that an anchor has signed
    (r"not yet valid|not yet activated", Finding.NOT_YET_VALID),
    (r"expired", Finding.EXPIRED),
    (r"revoked", Finding.REVOKED),
    (r"OCSP|status", Finding.STATUS),
    (r"name in the certificate does not match", Finding.NAME),
    (r"insecure algorithm", Finding.WEAK),
    (r"signature (in the certificate )?is invalid", Finding.SIGNATURE),
    (r"purpose", Finding.PURPOSE),
    (r"Key usage", Finding.USAGE),
    (r"name constraints|constraints", Finding.CONSTRAINTS),
    (r"not a CA", Finding.CA),
    (r"unknown critical extension", Finding.EXTENSION),
    (r"issuer is unknown", Finding.ISSUER),
    (r"signature verification has failed", Finding.SIGNATURE),
    (r"No certificate was found|illegal parameter", Finding.HANDSHAKE),
    (r"signature is incompatible", Finding.ALGORITHM),
    (r"ASN1|ASN\.1|[Dd]ecod|parsing", Finding.MALFORMED),
    (r"Duplicate extension|unexpected data|time (encoding|fields)|Unknown Subject Alternative", Finding.MALFORMED),
    (r"not supported|unsupported|Unknown (algorithm|public)", Finding.ALGORITHM),
    (r"insufficient|too large|too many|Packet length", Finding.LIMIT),
    (r"alert|handshake", Finding.UNMET),
    (r"timed out", Finding.UNMET),
)


def _words(output: str) -> str:
    """Return its status, or else its error."""
    found = re.search(r"Status: (.*NOT.*)", output) or re.search(r"(?:Fatal error: |(?=Error setting))(.*)", output)
    return found[1].strip() if found else output.strip().rpartition("\n")[2]


def _arguments(case: Case, _folder: Path) -> Sequence[str]:
    asked = ("--disable-sni",) if case.by_address else ("--sni-hostname", case.name)
    return (
        *("--x509cafile", str(case.anchors), *asked, "--verify-hostname", case.name),
        *(("--x509crlfile", str(case.crls)) if case.crls else ()),
        *("--port", str(case.ports["imaps"]), case.address),
    )


GNUTLS = Command(
    name="gnutls",
    program="gnutls-cli",
    version_of=lambda: version_of("gnutls-cli", "--version", pattern=r"gnutls-cli (\S+)", prefix="GnuTLS "),
    arguments=_arguments,
    words=_words,
    reasons=REASONS,
)
