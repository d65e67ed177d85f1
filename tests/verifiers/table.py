"""Every verifier there is, in the order of the table's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.verifiers.curl import CURL
from tests.verifiers.gnutls import GNUTLS
from tests.verifiers.golang import GO
from tests.verifiers.java import JAVA
from tests.verifiers.mbsync import MBSYNC
from tests.verifiers.msmtp import MSMTP
from tests.verifiers.node import NODE
from tests.verifiers.nss import NSS
from tests.verifiers.openssl import OPENSSL
from tests.verifiers.pyca import Pyca
from tests.verifiers.python import PythonSsl
from tests.verifiers.rustls import RUSTLS

if TYPE_CHECKING:
    from tests.verifiers.case import Verifier

__all__ = ["KEPT", "VERIFIERS"]

_ALL: tuple[Verifier, ...] = (OPENSSL, PythonSsl(), NODE, CURL, MBSYNC, GNUTLS, MSMTP, NSS, GO, JAVA, RUSTLS, Pyca())
VERIFIERS: dict[str, Verifier] = {verifier.name: verifier for verifier in _ALL}
"""By name."""
_MAIL_CLIENTS = (MBSYNC, MSMTP)
"""What a named mail client does wrong is for its authors first, unless it is public."""
KEPT = tuple(name for name, verifier in VERIFIERS.items() if verifier not in _MAIL_CLIENTS)
"""Those whose answers are kept in docs/; the others' are told to whoever runs them, and written nowhere."""
