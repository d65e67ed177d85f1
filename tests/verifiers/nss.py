"""NSS by its test client, ``tstclnt``, which verifies as programs on NSS without mozilla::pkix do."""

from __future__ import annotations

import hashlib
import re
from threading import Lock
from typing import TYPE_CHECKING

from tests.verifiers.command import Command, said, version_of
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.verifiers.case import Case

__all__ = ["NSS"]

REASONS = (
    (r"DC_EXPIRED|EXPIRED_ISSUER|EXPIRED_CERTIFICATE", Finding.EXPIRED),
    (r"SSL_ERROR_DC_", Finding.HANDSHAKE),
    (r"INVALID_TIME", Finding.MALFORMED),
    (r"BAD_CERT_DOMAIN", Finding.NAME),
    (r"REVOKED_CERTIFICATE", Finding.REVOKED),
    (r"OCSP|CRL", Finding.STATUS),
    (r"UNKNOWN_ISSUER|UNTRUSTED_ISSUER|UNTRUSTED_CERT", Finding.ISSUER),
    (r"CA_CERT_INVALID", Finding.CA),
    (r"PATH_LEN", Finding.PATH_LENGTH),
    (r"CERT_NOT_IN_NAME_SPACE", Finding.CONSTRAINTS),
    (r"INADEQUATE_CERT_TYPE", Finding.PURPOSE),
    (r"INADEQUATE_KEY_USAGE", Finding.USAGE),
    (r"UNKNOWN_CRITICAL_EXTENSION", Finding.EXTENSION),
    (r"SIGNATURE_ALGORITHM_DISABLED|WEAK|CERT_NOT_VALID", Finding.WEAK),
    (r"BAD_SIGNATURE|ALGORITHM_MISMATCH", Finding.SIGNATURE),
    (r"POLICY", Finding.POLICY),
    (r"UNSUPPORTED_(KEYALG|ELLIPTIC_CURVE|EC_POINT)|INVALID_ALGORITHM|INVALID_KEY", Finding.ALGORITHM),
    (r"BAD_DER|INVALID_ARGS|EXTENSION_(VALUE_)?INVALID", Finding.MALFORMED),
    (r"EXTENSION_NOT_FOUND|BAD_CERTIFICATE|LIBRARY_FAILURE", Finding.MALFORMED),
    (r"REUSED_ISSUER", Finding.SERIAL),
    (r"BAD_KEY|EXTRACT_PUBLIC_KEY", Finding.ALGORITHM),
    (r"RX_MALFORMED_CERTIFICATE|SIGNATURE_ALGORITHM", Finding.HANDSHAKE),
    (r"SSL_ERROR", Finding.UNMET),
    (r"timed out", Finding.UNMET),
)
_EXTENSIONS = {"status_request": ("-T",), "delegated_credential": ("-B",)}
"""The option that sends each."""
_making = Lock()


def _words(output: str) -> str:
    """Return the code of its error."""
    found = re.search(r"\b((?:SEC|SSL|PR|MOZILLA_PKIX)_ERROR_[A-Z_]+)", output)
    return found[1] if found else output.strip().rpartition("\n")[2]


def _database(case: Case, folder: Path) -> Path:
    """Return a database that trusts the case's anchors and knows its CRLs, made for the first case that has them."""
    anchors = case.chain.anchors
    database = folder / hashlib.sha256(b"".join((*anchors, *case.chain.crls))).hexdigest()[:16]
    with _making:
        if not database.exists():
            database.mkdir()
            said(("certutil", "-d", f"sql:{database}", "-N", "--empty-password"), folder)
            for number, anchor in enumerate(anchors):
                command = ("certutil", "-d", f"sql:{database}", "-A", "-n", f"anchor {number}", "-t", "C,,")
                said(command, folder, anchor)
            for number, one in enumerate(case.chain.crls):
                (database / f"{number}.crl").write_bytes(one)
                said(("crlutil", "-d", f"sql:{database}", "-I", "-B", "-i", str(database / f"{number}.crl")), folder)
    return database


def _arguments(case: Case, folder: Path) -> Sequence[str]:
    return (
        *("-d", f"sql:{_database(case, folder)}", "-4", "-h", case.address, "-p", str(case.ports["imaps"])),
        *("-a", case.name, *_EXTENSIONS.get(case.asked, ())),
    )


NSS = Command(
    name="nss",
    program="tstclnt",
    version_of=lambda: version_of(
        "dpkg-query", "-W", "-f", "${Version}", "libnss3", pattern=r"([\d.]+)-", prefix="NSS "
    ),
    arguments=_arguments,
    words=_words,
    reasons=REASONS,
    asks=frozenset(_EXTENSIONS),
)
