"""msmtp, a mail client on GnuTLS, at the submission service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.verifiers import gnutls
from tests.verifiers.command import Command, version_of
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.verifiers.case import Case

__all__ = ["MSMTP"]

REASONS = (
    (r"cannot set X509 CRL", Finding.UNMET),  # as GnuTLS's own client
    *gnutls.REASONS,
)


def _words(output: str) -> str:
    found = re.search(r"^msmtp: (?:TLS .* failed: )?(.*)", output, re.MULTILINE)
    return found[1].strip() if found else output.strip().rpartition("\n")[2]


def _arguments(case: Case, _folder: Path) -> Sequence[str]:
    return (
        *("--file=/dev/null", "--serverinfo", "--tls=on", "--tls-starttls=off", f"--tls-trust-file={case.anchors}"),
        *((f"--tls-crl-file={case.crls}",) if case.crls else ()),
        *(f"--tls-host-override={case.name}", f"--host={case.address}", f"--port={case.ports['submissions']}"),
    )


MSMTP = Command(
    name="msmtp",
    program="msmtp",
    version_of=lambda: version_of("msmtp", "--version", pattern=r"msmtp version (\S+)", prefix="msmtp "),
    arguments=_arguments,
    words=_words,
    reasons=REASONS,
    accepted="SMTP server at ",
)
