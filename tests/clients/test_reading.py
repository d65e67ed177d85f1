"""Each client that reads, over each protocol it speaks and each way to TLS, with verification on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.evidence import Evidence
from tests.clients.mailbox import Mailbox
from tests.clients.messages import message
from tests.clients.reading import READERS, Reader
from tests.clients.sandbox import refusing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.running_lab import Account, RunningLab, TlsMode
    from tests.clients.sandbox import Sandbox

_CASES = [pytest.param(reader, tls, id=f"{name}-{tls}") for name, reader in READERS.items() for tls in reader.modes]
pytestmark = [pytest.mark.client, pytest.mark.parametrize(("reader", "tls"), _CASES)]


def test_a_message_is_read_byte_for_byte(
    lab: RunningLab, sandbox: Sandbox, account: Account, reader: Reader, tls: TlsMode
) -> None:
    """What is in the INBOX reaches the client unchanged, but for the line ends of those that store it as a file."""
    stored = message(account.address, account.address)
    Mailbox(lab, account).append(stored)
    expected = stored.replace(b"\r\n", b"\n") if reader.native else stored
    evidence = Evidence(lab)
    assert reader.read(sandbox, lab.endpoint(reader.protocol, tls, account)) == expected
    assert not evidence.indiscretions()


def test_an_unknown_issuer_is_refused(
    lab: RunningLab, sandbox: Sandbox, account: Account, reader: Reader, tls: TlsMode, stranger: Path
) -> None:
    """The same client with another CA gives up for that reason before its first command: it did verify above."""
    evidence = Evidence(lab)
    with refusing(reader.refusal):
        reader.read(sandbox, lab.endpoint(reader.protocol, tls, account, ca=stranger))
    assert not evidence.commands_inside()
    assert not evidence.indiscretions()
