"""Each client that sends, over each way to TLS, with verification on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.evidence import Evidence
from tests.clients.mailbox import Mailbox
from tests.clients.messages import message
from tests.clients.sandbox import refusing
from tests.clients.sending import SENDERS, Sender

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.running_lab import Account, RunningLab, TlsMode
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client


@pytest.fixture(params=list(SENDERS.values()), ids=list(SENDERS))
def sender(request: pytest.FixtureRequest) -> Sender:
    """Run the test once for each client."""
    client: Sender = request.param
    return client


def test_a_message_arrives_byte_for_byte(
    lab: RunningLab, sandbox: Sandbox, account: Account, sender: Sender, tls: TlsMode
) -> None:
    """What the client submits is in the INBOX, unchanged, as soon as the client is done; it said nothing in clear."""
    evidence = Evidence(lab)
    sent = message(account.address, account.address)
    sender.send(sandbox, lab.endpoint("smtp", tls, account), sent)
    assert not evidence.indiscretions()
    assert Mailbox(lab, account).messages() == [sent]


def test_an_unknown_issuer_is_refused(
    lab: RunningLab, sandbox: Sandbox, account: Account, sender: Sender, tls: TlsMode, stranger: Path
) -> None:
    """The same client with another CA gives up for that reason before its first command: it did verify above."""
    evidence = Evidence(lab)
    endpoint = lab.endpoint("smtp", tls, account, ca=stranger)
    with refusing(sender.refusal):
        sender.send(sandbox, endpoint, message(account.address, account.address))
    assert not evidence.commands_inside()
    assert not evidence.indiscretions()
