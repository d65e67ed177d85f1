"""What a message costs while nobody reads it: octets, and objects that the garbage collector visits."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING, NamedTuple

import pytest

from labserver.imap.extensions.properties import PROPERTIES
from labserver.mailstore.envelope import Envelope, Recipient
from labserver.mailstore.message import Draft
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FEW, _MANY = 300, 1_000
_CONTENT = b"Subject: hello\r\n\r\n" + b"x" * 2_000


class Cost(NamedTuple):
    """What one message more costs."""

    octets: float
    visited: float


def cost(make: Callable[[int], MailStore]) -> Cost:
    """Return it; what does not depend on the number of messages falls out of the difference."""
    seen = []
    for count in (_FEW, _MANY):
        gc.collect()
        visited = len(gc.get_objects())
        tracemalloc.start()
        store = make(count)
        gc.collect()
        seen.append((tracemalloc.get_traced_memory()[0], len(gc.get_objects()) - visited))
        tracemalloc.stop()
        assert len(store.accounts["alice"].mailboxes["INBOX"].messages) == count
        store.close()
        del store
    (octets, visited), (more_octets, more_visited) = seen
    return Cost((more_octets - octets) / (_MANY - _FEW), (more_visited - visited) / (_MANY - _FEW))


def deliver(store: MailStore, count: int) -> MailStore:
    """Append messages as SMTP does, one by one; the flags of some change, as clients do it."""
    inbox = store.account("alice").mailboxes["INBOX"]
    for number in range(count):
        envelope = Envelope(
            sender="sender@example.org",
            recipients=(Recipient(address="alice@lab.test", parameters={"NOTIFY": "NEVER"}),),
            parameters={"SIZE": str(number)},
            helo="me",
        )
        (message,) = inbox.append([Draft(content=b"%d" % number + _CONTENT, envelope=envelope)])
        inbox.change_flags([(message, message.flags | {f"$Label{number % 5}", "\\Seen"})])
    return store


@pytest.mark.parametrize("restarted", [False, True], ids=["delivered", "loaded"])
def test_a_message_on_disk(tmp_path: Path, *, restarted: bool) -> None:
    """At most 300 octets and one object for each, whether it has just come or was there at the start."""

    def make(count: int) -> MailStore:
        path = tmp_path / f"{count}.db"
        if restarted and not path.exists():
            deliver(MailStore(storage=SqliteStorage(path, properties=PROPERTIES)), count).close()
        store = MailStore(storage=SqliteStorage(path, properties=PROPERTIES))
        return store if restarted else deliver(store, count)

    for count in (_FEW, _MANY) if restarted else ():
        make(count).close()
    found = cost(make)
    assert found.octets <= 300
    assert found.visited <= 1.1


def test_a_message_in_memory() -> None:
    """Its octets, a few hundred more, and two objects: the message and its body; the envelope is none."""
    found = cost(lambda count: deliver(MailStore(), count))
    assert found.octets - len(_CONTENT) <= 1_200
    assert found.visited <= 2.1
