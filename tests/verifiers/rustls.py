"""rustls with webpki; built from its crates, whose versions ``programs/rustls/Cargo.lock`` says."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.patience import PATIENCE
from tests.verifiers.findings import Finding
from tests.verifiers.stream import PROGRAMS, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["RUSTLS"]

REASONS = (
    (r"certificate revocation list", Finding.STATUS),
    (r"corrupt message", Finding.MALFORMED),
    (r"not valid yet", Finding.NOT_YET_VALID),
    (r"[Ee]xpired", Finding.EXPIRED),
    (r"not valid for name|NotValidForName|invalid (dns|server) name|invalid peer name", Finding.NAME),
    (r"NameConstraint|NetworkMaskConstraint", Finding.CONSTRAINTS),
    (r"PathLenConstraint", Finding.PATH_LENGTH),
    (r"CaUsedAsEndEntity|EndEntityUsedAsCa", Finding.CA),
    (r"RequiredEkuNotFound|extended key usage", Finding.PURPOSE),
    (r"UnhandledCritical|unhandled critical|UnsupportedCritical", Finding.EXTENSION),
    (r"UnknownIssuer", Finding.ISSUER),
    (r"MaximumSignatureChecks|MaximumPathBuild|Exceeded|MessageTooLarge|TooLarge", Finding.LIMIT),
    (r"no certificates|peer misbehaved", Finding.HANDSHAKE),
    (r"InvalidSignature|BadSignature|SignatureAlgorithmMismatch", Finding.SIGNATURE),
    (r"UnsupportedSignature|UnsupportedAlgorithm|UnsupportedVersion|Unsupported", Finding.ALGORITHM),
    (r"revoked|Revoked", Finding.REVOKED),
    (r"BadEncoding|EmptyEku|BadDer|Malformed|InvalidCertValidity", Finding.MALFORMED),
    (r"TrailingData|Extension|serial|Serial", Finding.MALFORMED),
    (r"alert|closed|handshake|NoCipherSuites|PeerIncompatible|incompatible", Finding.UNMET),
    (r"timed out|unavailable", Finding.UNMET),
)
_SOURCE = PROGRAMS / "rustls"
_TARGET = PROGRAMS.parents[2] / "build" / "rustls"
"""Kept: the crates take longer than everything else."""


def _version() -> str | None:
    """Build it, which needs the crates, and return its version."""
    if shutil.which("cargo") is None:
        return None
    command = ("cargo", "build", "--quiet", "--locked", "--manifest-path", str(_SOURCE / "Cargo.toml"))
    try:
        subprocess.run((*command, "--target-dir", str(_TARGET)), check=True, timeout=PATIENCE, capture_output=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    packages = dict(re.findall(r'name = "(\S+)"\nversion = "(\S+)"', (_SOURCE / "Cargo.lock").read_text()))
    return f"rustls {packages['rustls']}, webpki {packages['rustls-webpki']}"


def _build(_folder: Path) -> Sequence[str]:
    return (str(_TARGET / "debug" / "verify"),)


RUSTLS = Stream(name="rustls", version_of=_version, build=_build, reasons=REASONS)
