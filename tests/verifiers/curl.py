"""curl, with the TLS library that it was built with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.verifiers import openssl
from tests.verifiers.command import Command, version_of
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.verifiers.case import Case

__all__ = ["CURL"]

REASONS = (
    (r"revocation reason", Finding.REVOKED),
    (r"no alternative certificate subject name|does not match target host", Finding.NAME),
    (r"illegal cert name|unable to obtain common name", Finding.NAME),
    (r"No OCSP response|OCSP response|[Ii]nvalid OCSP|status", Finding.STATUS),
    *openssl.REASONS,
)


def _words(output: str) -> str:
    found = re.search(r"curl: (\(\d+\) .*)", output)
    return found[1].strip() if found else output.strip().rpartition("\n")[2]


def _host(name: str) -> str:
    """Return a name as an URL has it (RFC 3986 3.2.2)."""
    return f"[{name}]" if ":" in name else name


def _arguments(case: Case, _folder: Path) -> Sequence[str]:
    port = str(case.ports["imaps"])
    return (
        *("--disable", "--silent", "--show-error", "--verbose", "--max-time", "15", "--request", "NOOP"),
        *("--cacert", str(case.anchors), "--capath", "/nonexistent", "--connect-to", f"::{case.address}:{port}"),
        *(("--cert-status",) if case.chain.staple is not None else ()),
        *(("--crlfile", str(case.crls)) if case.crls else ()),
        f"imaps://{_host(case.name)}:{port}/",
    )


CURL = Command(
    name="curl",
    program="curl",
    version_of=lambda: version_of("curl", "--version", pattern=r"(curl \S+)"),
    arguments=_arguments,
    words=_words,
    reasons=REASONS,
    accepted="< * OK ",
)
