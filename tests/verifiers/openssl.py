"""``openssl s_client``, and the words that OpenSSL has for its reasons whoever asks it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.verifiers.command import Command, version_of
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.verifiers.case import Case

__all__ = ["OPENSSL", "REASONS", "trusted"]

REASONS = (
    (r"certificate is not yet valid", Finding.NOT_YET_VALID),
    (r"certificate has expired", Finding.EXPIRED),
    (r"in certificate's not(Before|After) field", Finding.MALFORMED),
    (r"(?i)hostname mismatch|IP address mismatch|no alternative certificate subject name", Finding.NAME),
    (r"key too (small|weak)|digest algorithm too weak|md too weak|EE_KEY_TOO_SMALL", Finding.WEAK),
    (r"unhandled critical extension|unsupported or invalid (name|policy)", Finding.EXTENSION),
    (r"unsupported name constraint", Finding.EXTENSION),
    (r"subtree violation|excluded|name constraint", Finding.CONSTRAINTS),
    (r"path length", Finding.PATH_LENGTH),
    (r"invalid CA certificate|invalid non-CA|no basic constraints", Finding.CA),
    (r"un(supported|suitable) certificate purpose|certificate rejected", Finding.PURPOSE),
    (r"key usage|keyUsage", Finding.USAGE),
    (r"explicit policy|policy", Finding.POLICY),
    (r"certificate revoked", Finding.REVOKED),
    (r"CRL|OCSP|status", Finding.STATUS),
    (r"certificate signature failure|bad signature|signature algorithm mismatch", Finding.SIGNATURE),
    (r"chain too long|excessive message size", Finding.LIMIT),
    (r"self.signed certificate|unable to get|unable to verify", Finding.ISSUER),
    (r"issuer (certificate|mismatch)|key identifier", Finding.ISSUER),
    (r"unsupported signature|unsupported algorithm", Finding.ALGORITHM),
    (r"unknown (signature|public key)|decode issuer public key", Finding.ALGORITHM),
    (r"wrong curve|(unsupported|unknown|wrong) (key|certificate type)|explicit ECC parameters", Finding.ALGORITHM),
    (r"wrong signature type|tls_process_server_certificate:length mismatch", Finding.HANDSHAKE),
    (r"LENGTH_MISMATCH|SSL routines::length mismatch", Finding.HANDSHAKE),
    (r"PKCS1|octet invalid", Finding.SIGNATURE),
    (r"alert|no shared|unrecognized name", Finding.UNMET),
    (r"timed out", Finding.UNMET),
    (r"decode error|asn1|ASN1|x509|X509|encoding", Finding.MALFORMED),
    (r"bad extension|unable to decode|invalid or inconsistent|extension|length", Finding.MALFORMED),
)


def _words(output: str) -> str:
    """Return the first complaint of the verification, or else of the handshake."""
    found = re.search(r"verify error:num=\d+:(.*)", output) or re.search(r"^[0-9A-F]+:error:(.*)", output, re.MULTILINE)
    return found[1].strip() if found else output.strip().rpartition("\n")[2]


def trusted(case: Case, folder: Path) -> Path:
    """Return a file with what to trust and with CRLs, which OpenSSL takes from the same place."""
    if case.crls is None:
        return case.anchors
    path = folder / f"{case.id}.pem"
    path.write_bytes(case.anchors.read_bytes() + case.crls.read_bytes())
    return path


def _arguments(case: Case, folder: Path) -> Sequence[str]:
    wanted = ("-noservername", "-verify_ip") if case.by_address else ("-servername", case.name, "-verify_hostname")
    return (
        "s_client",
        *("-quiet", "-verify_return_error", "-no-CApath", "-no-CAstore", "-CAfile", str(trusted(case, folder))),
        *(("-crl_check_all",) if case.crls else ()),
        *(*wanted, case.name, "-connect", f"{case.address}:{case.ports['imaps']}"),
    )


OPENSSL = Command(
    name="openssl",
    program="openssl",
    version_of=lambda: version_of("openssl", "version", pattern=r"(OpenSSL \S+)"),
    arguments=_arguments,
    words=_words,
    reasons=REASONS,
    asks=frozenset(),
)
