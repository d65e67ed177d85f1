"""Each client that can be told its mechanism, with each that it and the lab share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.clients.evidence import Evidence
from tests.clients.mailbox import Mailbox
from tests.clients.messages import message
from tests.clients.reading import READERS, Reader
from tests.clients.running_lab import TlsMode
from tests.clients.sandbox import refusing
from tests.clients.sending import SENDERS, Sender

if TYPE_CHECKING:
    from tests.clients.running_lab import Account, RunningLab
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client

_senders = pytest.mark.parametrize(
    ("client", "mechanism"),
    [pytest.param(each, used, id=f"{name}-{used}") for name, each in SENDERS.items() for used in each.mechanisms],
)
_readers = pytest.mark.parametrize(
    ("client", "mechanism"),
    [pytest.param(each, used, id=f"{name}-{used}") for name, each in READERS.items() for used in each.mechanisms],
)


@_senders
def test_a_sender_proves_who_it_is(
    lab: RunningLab, sandbox: Sandbox, account: Account, client: Sender, mechanism: str
) -> None:
    """The right secret logs in by this mechanism and sends; with a wrong one the client says so and sends nothing."""
    endpoint = lab.endpoint("smtp", TlsMode.STARTTLS, account, mechanism=mechanism)
    mail = message(account.address, account.address)
    with refusing(client.denial):
        client.send(sandbox, replace(endpoint, account=replace(account, password="wrong", token="wrong")), mail)
    assert Mailbox(lab, account).messages() == []
    evidence = Evidence(lab)
    client.send(sandbox, endpoint, mail)
    assert evidence.mechanisms() == [mechanism]
    assert Mailbox(lab, account).messages() == [mail]


@_readers
def test_a_reader_proves_who_it_is(
    lab: RunningLab, sandbox: Sandbox, account: Account, client: Reader, mechanism: str
) -> None:
    """The right secret logs in by this mechanism and reads; with a wrong one the client says so."""
    endpoint = lab.endpoint(client.protocol, TlsMode.STARTTLS, account, mechanism=mechanism)
    mail = message(account.address, account.address)
    Mailbox(lab, account).append(mail)
    with refusing(client.denial):
        client.read(sandbox, replace(endpoint, account=replace(account, password="wrong", token="wrong")))
    evidence = Evidence(lab)
    expected = mail.replace(b"\r\n", b"\n") if client.native else mail
    assert client.read(sandbox, endpoint) == expected
    assert evidence.mechanisms() == [mechanism]
