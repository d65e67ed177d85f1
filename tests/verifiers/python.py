"""Python's own ``ssl``, as ``ssl.create_default_context`` sets it up."""

from __future__ import annotations

import platform
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.verifiers import openssl
from tests.verifiers.case import Answer, Outcome
from tests.verifiers.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.verifiers.case import Case

__all__ = ["PythonSsl"]

_SECONDS = 10


class PythonSsl:
    """A verifier (:class:`tests.verifiers.case.Verifier`)."""

    name = "python"
    reasons = ((r"Hostname mismatch|IP address mismatch|label empty or too long|codec", Finding.NAME), *openssl.REASONS)

    def version(self) -> str:
        """Return the versions of Python and of the OpenSSL that it uses."""
        return f"Python {platform.python_version()}, {' '.join(ssl.OPENSSL_VERSION.split()[:2])}"

    def judge(self, cases: Sequence[Case], folder: Path) -> Iterator[Answer]:  # noqa: ARG002 -- the interface's
        """Yield an answer to each case."""
        with ThreadPoolExecutor(2) as pool:
            yield from pool.map(_answer, cases)


def _answer(case: Case) -> Answer:
    try:
        context = ssl.create_default_context(cafile=str(case.anchors))
        with (
            socket.create_connection((case.address, case.ports["imaps"]), _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=case.name) as inside,
        ):
            greeted = bool(inside.recv(1))
    except (OSError, ValueError) as error:
        return Answer(case=case.id, outcome=Outcome.REJECTED, words=" ".join(str(error).split()))
    return Answer(case=case.id, outcome=Outcome.ACCEPTED if greeted else Outcome.REJECTED, words="")
