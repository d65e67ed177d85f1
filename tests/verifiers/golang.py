"""Go's crypto/tls and crypto/x509."""

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

__all__ = ["GO"]

REASONS = (
    (r"certificate has expired or is not yet valid: .* is before", Finding.NOT_YET_VALID),
    (r"certificate has expired", Finding.EXPIRED),
    (r"unsupported|unknown public key", Finding.ALGORITHM),
    (r"failed to parse|error decoding", Finding.MALFORMED),
    (r"is valid for|not valid for any names|doesn't contain any IP SANs", Finding.NAME),
    (r"legacy Common Name|invalid name|hostname", Finding.NAME),
    (r"insecure algorithm|SHA1|MD5|too small|1024 bits|key size", Finding.WEAK),
    (r"too many intermediates", Finding.PATH_LENGTH),
    (r"not permitted by|excluded by|constraint", Finding.CONSTRAINTS),
    (r"unhandled critical", Finding.EXTENSION),
    (r"is not authorized to sign|parent certificate cannot sign", Finding.CA),
    (r"incompatible key usage", Finding.PURPOSE),
    (r"KeyUsage|key usage", Finding.USAGE),
    (r"no valid chains|policy|policies", Finding.POLICY),
    (r"limit|too many|message of length|larger than", Finding.LIMIT),
    (r"verification failure|verification error|invalid signature( by|:)", Finding.SIGNATURE),
    (r"signed by unknown authority|cannot read the anchor", Finding.ISSUER),
    (r"empty certificates|unexpected handshake message|invalid signature algorithm", Finding.HANDSHAKE),
    (r"remote error|EOF|handshake|no supported", Finding.UNMET),
    (r"timeout", Finding.UNMET),
)


def _go() -> str | None:
    return shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")


def _version() -> str | None:
    go = _go()
    return None if go is None else version_of(go, "version", pattern=r"go(\d\S*)", prefix="Go ")


def _build(folder: Path) -> Sequence[str]:
    program = folder / "verify"
    command = (_go() or "go", "build", "-o", str(program), str(PROGRAMS / "verify.go"))
    subprocess.run(command, check=True, timeout=PATIENCE)
    return (str(program),)


GO = Stream(name="go", version_of=_version, build=_build, reasons=REASONS)
