"""Clients that wait: mail handed over by SMTP reaches an idling IMAP client at once (RFC 2177)."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aioimaplib  # type: ignore[import-untyped]  # it ships no types
import imapclient  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.clients.javascript import node_conversation
from tests.clients.messages import message
from tests.clients.running_lab import TlsMode
from tests.clients.sending import SENDERS
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.running_lab import Account, RunningLab
    from tests.clients.sandbox import Sandbox

pytestmark = pytest.mark.client


@pytest.fixture
def mail(account: Account) -> bytes:
    """Return the message that will arrive."""
    return message(account.address, account.address)


@pytest.fixture
def deliver(lab: RunningLab, sandbox: Sandbox, account: Account, mail: bytes) -> Callable[[], object]:
    """Return what sends that message."""
    endpoint = lab.endpoint("smtp", TlsMode.STARTTLS, account)
    return lambda: SENDERS["smtplib"].send(sandbox, endpoint, mail)


def test_aioimaplib_is_told(lab: RunningLab, account: Account, mail: bytes, deliver: Callable[[], object]) -> None:
    """The library sees `1 EXISTS` while it idles, stops idling and fetches the new message."""

    async def idle() -> bytes:
        endpoint = lab.endpoint("imap", TlsMode.IMPLICIT, account)
        client = aioimaplib.IMAP4_SSL(endpoint.host, endpoint.port, timeout=PATIENCE, ssl_context=endpoint.context())
        await client.wait_hello_from_server()
        await client.login(account.user, account.password)
        await client.select("INBOX")
        idling = await client.idle_start(timeout=PATIENCE)
        await asyncio.to_thread(deliver)
        pushed: list[bytes] = []
        while not any(line.endswith(b" EXISTS") for line in pushed):
            pushed = await client.wait_server_push(PATIENCE)
        client.idle_done()
        await asyncio.wait_for(idling, PATIENCE)
        assert b"1 EXISTS" in pushed
        answer = await client.fetch("1", "BODY.PEEK[]")
        await client.logout()
        return bytes(answer.lines[1])

    assert asyncio.run(idle()) == mail


def test_imapclient_is_told(lab: RunningLab, account: Account, mail: bytes, deliver: Callable[[], object]) -> None:
    """The library's idle_check returns the new count within seconds."""
    endpoint = lab.endpoint("imap", TlsMode.STARTTLS, account)
    with imapclient.IMAPClient(endpoint.host, endpoint.port, ssl=False, timeout=PATIENCE) as client:
        client.starttls(endpoint.context())
        client.login(account.user, account.password)
        client.select_folder("INBOX")
        client.idle()
        deliver()
        pushed = client.idle_check(timeout=PATIENCE)
        client.idle_done()
        assert (1, b"EXISTS") in pushed
        assert client.fetch([1], ["BODY.PEEK[]"])[1][b"BODY[]"] == mail


def test_imapflow_is_told(
    lab: RunningLab, sandbox: Sandbox, account: Account, tls: TlsMode, mail: bytes, deliver: Callable[[], object]
) -> None:
    """The library's `exists` event comes while it idles; it downloads in chunks, flags, and moves with COPYUID."""
    with node_conversation(sandbox, "live.mjs", lab.endpoint("imap", tls, account)) as client:
        client.expect("^idling$")
        deliver()
        seen = json.loads(client.expect(r"^\{.*\}$")[0])
        assert client.finish() == 0
    assert seen["body"].encode("latin1") == mail
    assert (seen["prevCount"], seen["count"], seen["to"], seen["left"]) == (0, 1, 1, 0)
