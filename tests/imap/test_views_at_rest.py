"""Claims about views at rest: what others change stays as it was, and what that takes is shared by all sessions."""

from __future__ import annotations

import tracemalloc
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from labserver.effort import Effort
from labserver.imap import view
from labserver.imap.view import View
from tests.imap.driver import Lab

if TYPE_CHECKING:
    from labserver.mailstore.mailbox import Mailbox

_MANY = 5_000
_SEEN, _ANSWERED, _NONE = frozenset({"\\Seen"}), frozenset({"\\Answered"}), frozenset[str]()


@pytest.fixture
def inbox() -> Mailbox:
    """Return a mailbox of many messages without flags."""
    lab = Lab()
    lab.deliver(*[b"x"] * _MANY)
    inbox = lab.alice.mailbox("INBOX")
    assert inbox is not None
    return inbox


def _views(inbox: Mailbox, count: int) -> list[View]:
    return [View(inbox, read_only=True, notify=lambda: None) for _ in range(count)]


def _held(inbox: Mailbox, sessions: int) -> int:
    """Return the octets that a change of all flags leaves behind while so many sessions are at rest."""
    views = _views(inbox, sessions)
    changes = [(message, _NONE if message.flags else _SEEN) for message in inbox.messages]
    with ExitStack() as rest:
        for view in views:
            rest.enter_context(view.at_rest())
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        inbox.change_flags(changes)
        for view in views:
            view.flags(inbox.messages[0])
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    for view in views:
        view.close()
    return held


def test_sessions_share_what_was_before(inbox: Mailbox) -> None:
    """Twenty sessions at rest take hardly more than one when all flags change."""
    one, twenty = _held(inbox, 1), _held(inbox, 20)
    assert one > 100 * _MANY
    assert twenty < 1.3 * one


@pytest.mark.parametrize("sizes", [[_MANY], [10, _MANY, 20], [_MANY, 10], [_MANY, _MANY - 1] * 10, [10] * 3])
def test_the_oldest_counts(inbox: Mailbox, sizes: list[int]) -> None:
    """However often others change flags meanwhile, and of however many messages: the view shows what was at first."""
    (one,) = _views(inbox, 1)
    modseqs = [message.modseq for message in inbox.messages]
    with one.at_rest() as changed:
        assert not changed
        for number, size in enumerate(sizes):
            flags = _ANSWERED if number % 2 else _SEEN
            inbox.change_flags([(message, flags) for message in inbox.messages[-size:]])
        assert {one.flags(message) for message in inbox.messages} == {b"FLAGS (\\Recent)"}
        assert [one.modseq(message) for message in inbox.messages] == modseqs
        assert set(changed) == set(inbox.messages[-max(sizes) :])
        assert len(changed) == max(sizes)
        assert changed[inbox.messages[-1]] == (_NONE, modseqs[-1])
        if max(sizes) < _MANY:
            assert inbox.messages[0] not in changed
            with pytest.raises(KeyError):
                changed[inbox.messages[0]]
    assert one.flags(inbox.messages[-1]) != b"FLAGS (\\Recent)"


def test_what_is_noted_holds_no_former_flags(inbox: Mailbox) -> None:
    """A session that asks for nothing is told of large changes later, and holds little for each of them."""
    (one,) = _views(inbox, 1)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(10):
        inbox.change_flags([(message, _ANSWERED if number % 2 else _SEEN) for message in inbox.messages])
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert one.pending
    assert held < 10 * 12 * _MANY


def test_a_silent_session_notes_so_much_and_no_more(inbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often others change everything, a session that asks for nothing holds no more than after a few times."""
    monkeypatch.setattr(view, "_MOST_NOTED", 4 * _MANY)
    (silent,) = _views(inbox, 1)
    tracemalloc.start()
    held = []
    for number in range(10):
        inbox.change_flags([(message, _ANSWERED if number % 2 else _SEEN) for message in inbox.messages])
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[9] < held[3]
    news = silent.changes(Effort(), expunges=True, uid=False, modseq=False)
    assert sum(isinstance(one, bytes) for one in news) == _MANY
    assert not silent.pending
