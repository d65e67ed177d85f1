"""A lab started the way its users start it: one `labserver up` child on free ports, watched through its ready file.

The child is ended by SIGTERM and has to exit with 0, so every test run also shows that the lab drains and stops.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["BEARERS", "Account", "Endpoint", "RunningLab", "TlsMode", "running_lab"]

HOST = "localhost"
BEARERS = ("XOAUTH2", "OAUTHBEARER")
"""The mechanisms that take a token in place of a password."""
_PASSWORD = "correct horse"
_UP = (sys.executable, "-m", "labserver", "up")


class TlsMode(StrEnum):
    """How a client gets to TLS."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"


_SERVICES = {
    ("smtp", TlsMode.STARTTLS): "submission",
    ("smtp", TlsMode.IMPLICIT): "submissions",
    ("imap", TlsMode.STARTTLS): "imap",
    ("imap", TlsMode.IMPLICIT): "imaps",
    ("pop3", TlsMode.STARTTLS): "pop3",
    ("pop3", TlsMode.IMPLICIT): "pop3s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A mailbox owner known to the lab."""

    user: str
    password: str
    address: str
    token: str
    """Its OAuth bearer token."""


_LINE = 1 << 20
"""Octets that no line of a transcript has here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Everything a client is told: where to connect, how to reach TLS, whom to trust and who to be."""

    protocol: str
    tls: TlsMode
    port: int
    ca: Path
    account: Account
    mechanism: str | None = None
    """The SASL mechanism to log in with; by default the client's own choice."""
    host: str = HOST

    @property
    def secret(self) -> str:
        """What proves the account to the server, by the mechanism chosen."""
        return self.account.token if self.mechanism in BEARERS else self.account.password

    @property
    def implicit(self) -> bool:
        """Whether TLS begins with the first octet."""
        return self.tls is TlsMode.IMPLICIT

    def context(self) -> ssl.SSLContext:
        """Return a verifying context that trusts ``ca`` and nothing else."""
        return ssl.create_default_context(cafile=str(self.ca))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningLab:
    """A ready lab: what its ready file says, and where it writes what was said."""

    ports: Mapping[str, int]
    ca: Path
    transcript: Path
    accounts: Iterator[Account]
    """Unused accounts; a test that takes one shares its mailbox with no other test."""

    def now(self) -> int:
        """Return this moment as a place in the transcript: behind the last line that is there as a whole."""
        start = max(0, self.transcript.stat().st_size - _LINE)
        return start + self._part(start).rfind(b"\n") + 1

    def events(self, since: int) -> list[dict[str, Any]]:
        """Return what happened in all sessions since a place in the transcript."""
        return [json.loads(line) for line in self._part(since).rpartition(b"\n")[0].splitlines()]

    def _part(self, since: int) -> bytes:
        with self.transcript.open("rb") as file:
            file.seek(since)
            return file.read()

    def said(self, since: int) -> str:
        """Return what was said in all sessions since a place in the transcript, for a person."""
        with tempfile.NamedTemporaryFile(suffix=".ndjson") as copy:
            copy.write(self._part(since))
            copy.flush()
            command = [sys.executable, "-m", "labserver", "transcript", copy.name]
            return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout

    def endpoint(
        self, protocol: str, tls: TlsMode, account: Account, *, ca: Path | None = None, mechanism: str | None = None
    ) -> Endpoint:
        """Return where ``protocol`` (smtp means submission) is served in this TLS mode."""
        port = self.ports[_SERVICES[protocol, tls]]
        return Endpoint(protocol=protocol, tls=tls, port=port, ca=ca or self.ca, account=account, mechanism=mechanism)


@contextlib.contextmanager
def running_lab(folder: Path, *options: str, accounts: int) -> Iterator[RunningLab]:
    """Run a lab with this many accounts until the block ends; its files are in ``folder``."""
    ready, log, transcript = (folder / name for name in ("ready.json", "lab.log", "transcript.ndjson"))
    command = [*_UP, "--ports", "any", "--exit-with-parent", "--ready-file", str(ready)]
    command += ["--transcript", str(transcript), *options]
    for number in range(accounts):
        command += ["--user", f"user{number:03d}:{_PASSWORD}"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            facts = _wait_until_ready(process, ready, log)
            users = (Account(**account) for account in facts["accounts"])
            yield RunningLab(ports=facts["ports"], ca=Path(facts["ca"]["pem"]), transcript=transcript, accounts=users)
        finally:
            _stop(process)
    assert process.returncode == 0, f"the lab exited with {process.returncode}:\n{log.read_text()}"


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while not ready.exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
        if process.returncode is not None or time.monotonic() > deadline:
            raise AssertionError(f"the lab did not become ready:\n{log.read_text()}")
    facts: dict[str, Any] = json.loads(ready.read_text())
    return facts


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
