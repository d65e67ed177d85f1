"""What the lab itself holds, seen from beside the client under test: over imaps, with verification, by imaplib."""

from __future__ import annotations

import imaplib
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.clients.running_lab import TlsMode
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.running_lab import Account, RunningLab

__all__ = ["Mailbox"]


class Mailbox:
    """One folder of one account in the lab."""

    def __init__(self, lab: RunningLab, account: Account, folder: str = "INBOX") -> None:
        self._endpoint = lab.endpoint("imap", TlsMode.IMPLICIT, account)
        self._folder = folder

    @contextmanager
    def _login(self) -> Iterator[imaplib.IMAP4_SSL]:
        endpoint = self._endpoint
        with imaplib.IMAP4_SSL(
            endpoint.host, endpoint.port, ssl_context=endpoint.context(), timeout=PATIENCE
        ) as client:
            client.login(endpoint.account.user, endpoint.account.password)
            yield client

    @contextmanager
    def _selected(self, *, readonly: bool = False) -> Iterator[imaplib.IMAP4_SSL]:
        with self._login() as client:
            _ok(client.select(f'"{self._folder}"', readonly))
            yield client

    def messages(self) -> list[bytes]:
        """Return every message, byte for byte, in the order of their arrival; no flag changes."""
        with self._selected(readonly=True) as client:
            answers = _ok(client.uid("FETCH", "1:*", "(BODY.PEEK[])"))
        return [answer[1] for answer in answers if isinstance(answer, tuple)]

    def flags(self) -> list[set[str]]:
        r"""Return every message's flags without \Recent, in the order of their arrival."""
        with self._selected(readonly=True) as client:
            answers = _ok(client.uid("FETCH", "1:*", "(FLAGS)"))
        found = [re.search(rb"FLAGS \(([^)]*)\)", answer) for answer in answers if isinstance(answer, bytes)]
        return [set(match[1].decode().split()) - {r"\Recent"} for match in found if match]

    def append(self, message: bytes, flags: str = "") -> None:
        """Put a message into the folder."""
        with self._login() as client:
            _ok(client.append(f'"{self._folder}"', flags, "", message))

    def store(self, numbers: str, change: str, flags: str) -> None:
        """Change flags, as ``STORE numbers change flags`` does."""
        with self._selected() as client:
            _ok(client.store(numbers, change, flags))

    def expunge(self, numbers: str) -> None:
        """Delete these messages for good."""
        with self._selected() as client:
            _ok(client.store(numbers, "+FLAGS.SILENT", r"(\Deleted)"))
            _ok(client.expunge())

    def create(self, folder: str) -> None:
        """Create another folder."""
        with self._login() as client:
            _ok(client.create(f'"{folder}"'))

    def move(self, numbers: str, folder: str) -> None:
        """Move these messages to another folder (RFC 6851)."""
        with self._selected() as client:
            _ok(client._simple_command("MOVE", numbers, f'"{folder}"'))  # noqa: SLF001 -- imaplib knows no MOVE


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    assert status == "OK", data
    return data
