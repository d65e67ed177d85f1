"""Each client that sends, over each way to TLS, with verification on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
    """What the client submits is in the recipient's INBOX, unchanged, as soon as the client is done."""
    sent = message(account.address, account.address)
    sender.send(sandbox, lab.endpoint("smtp", tls, account), sent)
    assert Mailbox(lab, account).messages() == [sent]


def test_an_unknown_issuer_is_refused(
    lab: RunningLab, sandbox: Sandbox, account: Account, sender: Sender, tls: TlsMode, stranger: Path
) -> None:
    """The same client with another CA gives up for that reason and nothing arrives: it did verify above."""
    endpoint = lab.endpoint("smtp", tls, account, ca=stranger)
    with refusing(sender.refusal):
        sender.send(sandbox, endpoint, message(account.address, account.address))
    assert Mailbox(lab, account).messages() == []
