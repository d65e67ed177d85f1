"""``cryptography.x509.verification``, which judges a chain by itself, by the rules of the web's CAs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cryptography

from tests.pki.judges import strictest
from tests.verifiers.case import Answer, Outcome
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.verifiers.case import Case

__all__ = ["Pyca"]


class Pyca:
    """A verifier (:class:`tests.verifiers.case.Verifier`)."""

    name = "pyca"
    asks: frozenset[str] = frozenset()
    reasons = (
        (r"not valid at validation time", Finding.EXPIRED),
        (r"no matching subjectAltName|has no subjectAltName", Finding.NAME),
        (r"name constraint|subtree", Finding.CONSTRAINTS),
        (r"EKU|extendedKeyUsage|extended key usage", Finding.PURPOSE),
        (r"keyUsage|key usage", Finding.USAGE),
        (r"pathlen|path length|path_len", Finding.PATH_LENGTH),
        (r"basicConstraints", Finding.CA),
        (r"unaccounted-for critical|critical extension", Finding.EXTENSION),
        (r"Forbidden|weak", Finding.WEAK),
        (r"signature does not match|mismatch between signature", Finding.SIGNATURE),
        (r"max depth|exceeded", Finding.LIMIT),
        (r"serial number", Finding.SERIAL),
        (r"no interior errors", Finding.ISSUER),
        (r"pars|ASN\.1|X509v3|invalid|UtcTime|Issuer|critical|version|extension", Finding.MALFORMED),
    )

    def version(self) -> str:
        """Return its version."""
        return f"cryptography {cryptography.__version__}"

    def judge(self, cases: Sequence[Case], folder: Path) -> Iterator[Answer]:  # noqa: ARG002 -- the interface's
        """Yield an answer to each case."""
        for case in cases:
            if case.in_message:
                yield Answer(case=case.id, outcome=Outcome.UNMET, words="the chain is as good as any")
                continue
            words = strictest(case.chain, case.name).partition(" (encountered")[0]
            yield Answer(case=case.id, outcome=Outcome.REJECTED if words else Outcome.ACCEPTED, words=words)
