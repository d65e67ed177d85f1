"""``kill -9``: every message whose UID was told is there afterwards, octet for octet."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from pathlib import Path

_APPENDING = r"""
import sys
from labserver.mailstore.message import Draft
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.store import MailStore

def content(number):
    return b"Subject: %d\r\n\r\n" % number + bytes((number * 7 + i) % 256 for i in range(number * 37 % 5_000))

account = MailStore(storage=SqliteStorage(sys.argv[1])).account("alice")
inbox, trash = account.mailboxes["INBOX"], account.mailboxes["Trash"]
number = 0
while True:
    number += 1
    (message,) = inbox.append([Draft(content=content(number), flags=frozenset({"\\Seen"}))])
    if number % 10 == 0:
        (message,) = inbox.move([message], trash)
    inbox.change_flags([(message, frozenset({"\\Flagged"}))])
    print(message.uid, "trash" if number % 10 == 0 else "inbox", number, flush=True)
"""


def expected(number: int) -> bytes:
    """Return the message the process stored under that number."""
    return b"Subject: %d\r\n\r\n" % number + bytes((number * 7 + i) % 256 for i in range(number * 37 % 5_000))


@pytest.mark.parametrize("acknowledged", [1, 57, 400])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, acknowledged: int) -> None:
    """The process is killed while it appends, moves and flags; its file opens and has everything it told us of."""
    path = tmp_path / "lab.db"
    told: list[tuple[int, str, int]] = []
    with subprocess.Popen([sys.executable, "-c", _APPENDING, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while len(told) < acknowledged:
            uid, where, number = process.stdout.readline().split()
            told.append((int(uid), where, int(number)))
        process.kill()
        # Acknowledged too, if the kill came after it was written: whole lines only.
        for line in process.stdout.read().splitlines(keepends=True):
            if line.endswith("\n"):
                uid, where, number = line.split()
                told.append((int(uid), where, int(number)))
    store = MailStore(storage=SqliteStorage(path))
    account = store.accounts["alice"]
    boxes = {"inbox": account.mailboxes["INBOX"], "trash": account.mailboxes["Trash"]}
    found = {
        (message.uid, where): hashlib.sha256(message.content).digest()
        for where, mailbox in boxes.items()
        for message in mailbox.messages
    }
    missing = [
        (uid, where, number)
        for uid, where, number in told
        if found.get((uid, where)) != hashlib.sha256(expected(number)).digest()
    ]
    assert missing == []
    flags = {(message.uid, "inbox"): message.flags for message in boxes["inbox"].messages}
    assert {flags[uid, where] for uid, where, _number in told if where == "inbox"} == {frozenset({"\\Flagged"})}
    assert len(found) <= len(told) + 1  # at most the one that was stored and not yet told
    for mailbox in boxes.values():
        uids = [message.uid for message in mailbox.messages]
        assert uids == sorted(set(uids))
        assert mailbox.uid_next > max(uids, default=0)
    store.close()
