"""Python's own ``ssl``, as ``ssl.create_default_context`` sets it up."""

from __future__ import annotations

import platform
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.patience import PATIENCE
from tests.verifiers import openssl
from tests.verifiers.case import Answer, Outcome
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.verifiers.case import Case

__all__ = ["PythonSsl"]


class PythonSsl:
    """A verifier (:class:`tests.verifiers.case.Verifier`)."""

    name = "python"
    asks: frozenset[str] = frozenset()
    reasons = ((r"Hostname mismatch|IP address mismatch|label empty or too long|codec", Finding.NAME), *openssl.REASONS)

    def version(self) -> str:
        """Return the versions of Python and of the OpenSSL that it uses."""
        return f"Python {platform.python_version()}, {' '.join(ssl.OPENSSL_VERSION.split()[:2])}"

    def judge(self, cases: Sequence[Case], folder: Path) -> Iterator[Answer]:
        """Yield an answer to each case."""
        with ThreadPoolExecutor(2) as pool:
            yield from pool.map(partial(_answer, folder=folder), cases)


def _answer(case: Case, folder: Path) -> Answer:
    try:
        context = ssl.create_default_context(cafile=str(openssl.trusted(case, folder)))
        if case.crls is not None:
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        with (
            socket.create_connection((case.address, case.ports["imaps"]), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=case.name) as inside,
        ):
            greeted = bool(inside.recv(1))
    except (OSError, ValueError) as error:
        return Answer(case=case.id, outcome=Outcome.REJECTED, words=" ".join(str(error).split()))
    return Answer(case=case.id, outcome=Outcome.ACCEPTED if greeted else Outcome.REJECTED, words="")
