"""Node's ``tls``."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.verifiers import openssl
from tests.verifiers.command import version_of
from tests.verifiers.findings import Finding
from tests.verifiers.stream import PROGRAMS, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["NODE"]

REASONS = (
    (r"ERR_TLS_CERT_ALTNAME_INVALID", Finding.NAME),
    *openssl.REASONS,
    (r"ECONNRESET|closed", Finding.UNMET),
)


def _version() -> str | None:
    if shutil.which("node") is None:
        return None
    pattern = r"(\d\S*)"
    ours = version_of("node", "--version", pattern=pattern)
    return f"Node {ours}, OpenSSL {version_of('node', '-p', 'process.versions.openssl', pattern=pattern)}"


def _build(_folder: Path) -> Sequence[str]:
    return ("node", str(PROGRAMS / "verify.js"))


NODE = Stream(name="node", version_of=_version, build=_build, reasons=REASONS, asks=frozenset())
