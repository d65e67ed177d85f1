"""SAVEDATE as the standard library's client meets it, over TLS, on a store file that outlives two labs."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
import time
from typing import TYPE_CHECKING

from tests.integration.labs import LabProcess, running
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

_OLD = '"01-Feb-2001 12:00:00 +0000"'


def _client(lab: LabProcess) -> imaplib.IMAP4_SSL:
    trust = ssl.create_default_context(cafile=str(lab.ca))
    client = imaplib.IMAP4_SSL("localhost", lab.ports["imaps"], ssl_context=trust, timeout=PATIENCE)
    client.login("alice", "secret")
    client.select()
    return client


def _saved(client: imaplib.IMAP4_SSL, number: str) -> float:
    """Return a message's save date, in seconds since 1970."""
    _, (line,) = client.fetch(number, "(SAVEDATE)")
    assert isinstance(line, bytes)
    moment = imaplib.Internaldate2tuple(line.replace(b"SAVEDATE", b"INTERNALDATE"))
    assert moment is not None
    return time.mktime(moment)


def _found(client: imaplib.IMAP4_SSL, *keys: str) -> bytes:
    _, (numbers,) = client.search(None, *keys)
    assert isinstance(numbers, bytes)
    return numbers


def test_imaplib(tmp_path: Path) -> None:
    """Delivered, appended with an old date and copied: each has the moment when it was saved, after a restart, too.

    The transcript shows what was asked for.
    """
    options = ("--store", str(tmp_path / "mail.db"))
    begin = int(time.time())
    with running(tmp_path / "one", *options) as lab:
        with smtplib.SMTP("localhost", lab.ports["smtp"], timeout=PATIENCE) as sender:
            sender.sendmail("me@example.org", "alice@lab.test", "Subject: sent\r\n\r\nx\r\n")
        client = _client(lab)
        assert "SAVEDATE" in str(client.capability())
        client.append("INBOX", "", _OLD, b"Subject: appended\r\n\r\nx\r\n")
        client.noop()
        client.copy("2", "INBOX")
        client.logout()
    with running(tmp_path / "two", *options) as lab:
        client = _client(lab)
        assert [begin <= _saved(client, number) <= time.time() for number in "123"] == [True] * 3
        assert _found(client, "BEFORE", "2-Feb-2001") == b"2 3"
        assert _found(client, "SAVEDBEFORE", "2-Feb-2001") == b""
        assert _found(client, "SAVEDSINCE", "2-Feb-2001") == b"1 2 3"
        assert _found(client, "SAVEDATESUPPORTED", "SUBJECT", "appended") == b"2 3"
        client.logout()
        said = [str(event["data"]) for event in lab.events("CommandReceived")]
        assert any(text.endswith(" SEARCH SAVEDSINCE 2-Feb-2001\r\n") for text in said)
        assert any(text.endswith(" FETCH 3 (SAVEDATE)\r\n") for text in said)
