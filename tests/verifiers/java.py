"""Java's own TLS, JSSE."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.patience import PATIENCE
from tests.verifiers.command import version_of
from tests.verifiers.findings import Finding
from tests.verifiers.stream import PROGRAMS, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["JAVA"]

REASONS = (
    (r"CertificateNotYetValid|NotBefore", Finding.NOT_YET_VALID),
    (r"CertificateExpired|NotAfter|validity check failed", Finding.EXPIRED),
    (r"No subject alternative|No name matching|doesn't match|Illegal given domain name", Finding.NAME),
    (r"revoked", Finding.REVOKED),
    (r"OCSP|revocation|CRL|Response is unreliable", Finding.STATUS),
    (r"name constraints", Finding.CONSTRAINTS),
    (r"(?i)path ?len", Finding.PATH_LENGTH),
    (r"basic constraints|not a CA", Finding.CA),
    (r"[Ee]xtended key usage|does not permit use for (TLS|SSL)", Finding.PURPOSE),
    (r"[Kk]ey ?[Uu]sage", Finding.USAGE),
    (r"unsupported critical|unrecognized critical", Finding.EXTENSION),
    (r"algorithm constraints|disabled|keysize|does not conform", Finding.WEAK),
    (r"[Ss]ignature (check|does not match)|Could not verify signature", Finding.SIGNATURE),
    (r"Invalid encoding for signature", Finding.SIGNATURE),
    (r"Invalid CertificateVerify signature", Finding.SIGNATURE),
    (r"Empty server certificate chain|used in ECDH ServerKeyExchange", Finding.HANDSHAKE),
    (r"No installed provider", Finding.ALGORITHM),
    (r"policy|policies", Finding.POLICY),
    (r"unable to find valid certification path|trustAnchors|not chain|subject/issuer", Finding.ISSUER),
    (r"exceeds the maximum|maximum", Finding.LIMIT),
    (r"[Uu]nsupported|NoSuchAlgorithm|Unknown named curve|not supported", Finding.ALGORITHM),
    (r"parse|[Ii]nvalid|DerValue|DER|Could not", Finding.MALFORMED),
    (r"encoding|index out of range|extra data|X509|IOException|[Dd]uplicate", Finding.MALFORMED),
    (r"handshake_failure|alert|closed|terminated", Finding.UNMET),
    (r"timed out", Finding.UNMET),
)


def _version() -> str | None:
    if not (shutil.which("java") and shutil.which("javac")):
        return None
    return version_of("java", "-version", pattern=r'version "([^"]+)"', prefix="OpenJDK ")


def _build(folder: Path) -> Sequence[str]:
    subprocess.run(("javac", "-d", str(folder), str(PROGRAMS / "Verify.java")), check=True, timeout=PATIENCE)
    return ("java", "-Xshare:auto", "-cp", str(folder), "Verify")


JAVA = Stream(name="java", version_of=_version, build=_build, reasons=REASONS)
