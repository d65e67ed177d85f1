"""Changes of many messages: planned in turns, in which the mailbox may change, and made at once."""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from labserver.effort import TURN, Effort, at_once
from labserver.errors import LimitExceededError, StorageFullError, StoreError
from labserver.limits import Limits
from labserver.mailstore import planning
from labserver.mailstore.mailbox import Appended, Expunged, FlagsChanged, MailboxEvent
from labserver.mailstore.message import Draft
from labserver.mailstore.planning import change_flags, expunge, transfer
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.staging import Staging
from labserver.mailstore.store import MailStore
from tests.work import Counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from labserver.mailstore.account import Account
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.message import Message

SEEN, DELETED = frozenset({"\\Seen"}), frozenset({"\\Deleted"})


def fill(mailbox: Mailbox, count: int = 5, *flags: str) -> list[Message]:
    """Append messages."""
    return mailbox.append([Draft(content=b"Subject: x\r\n\r\n", flags=frozenset(flags))] * count)


def deleted(message: Message) -> bool:
    """Return whether a message is marked."""
    return "\\Deleted" in message.flags


def shown(mailbox: Mailbox) -> list[tuple[int, str]]:
    """Return UIDs and flags."""
    return [(message.uid, " ".join(sorted(message.flags))) for message in mailbox.messages]


def interrupted(work: Generator[object, None, object], *changes: Callable[[], object]) -> object:
    """Do work, and something else whenever it gives way; return its result."""
    waiting = iter(changes)
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value
        next(waiting, lambda: None)()


@pytest.fixture
def target(mail_account: Account) -> Mailbox:
    """Return another mailbox."""
    made = mail_account.create("there")
    assert made is not None
    return made


def add_seen(flags: frozenset[str]) -> frozenset[str]:
    """Return flags with one more."""
    return flags | SEEN


def test_flags_that_others_change_meanwhile_are_kept(inbox: Mailbox) -> None:
    """What others do between the plan and the change is not undone by it: flags come from what they are at the end."""
    messages = fill(inbox)
    work = change_flags(inbox, messages, add_seen, Effort(turn=1), origin=None)
    result = interrupted(work, lambda: inbox.change_flags([(messages[0], frozenset({"\\Flagged"}))]))
    assert result == messages
    assert shown(inbox) == [(1, "\\Flagged \\Seen"), *((uid, "\\Seen") for uid in range(2, 6))]
    assert {message.modseq for message in messages} == {inbox.highest_modseq}


def test_a_conditional_change_holds_to_the_end(inbox: Mailbox) -> None:
    """A message that somebody changes while a conditional STORE is planned is spared (RFC 7162 3.1.3)."""
    messages = fill(inbox)
    since = inbox.highest_modseq
    work = change_flags(inbox, messages, add_seen, Effort(turn=1), origin=None, unchanged_since=since)
    assert interrupted(work, lambda: inbox.change_flags([(messages[1], DELETED)])) == [messages[0], *messages[2:]]
    assert shown(inbox)[1] == (2, "\\Deleted")


def test_what_is_expunged_meanwhile_is_passed_over(inbox: Mailbox) -> None:
    """Flags of a message that is gone do not change, and no event names it."""
    messages = fill(inbox)
    events: list[MailboxEvent] = []
    work = change_flags(inbox, messages, add_seen, Effort(turn=1), origin=None)
    result = interrupted(work, lambda: inbox.expunge([messages[2]]), lambda: inbox.observe(events.append))
    assert result == messages[:2] + messages[3:]
    (event,) = events
    assert isinstance(event, FlagsChanged)
    assert event.messages == tuple(messages[:2] + messages[3:])
    assert event.before == ([frozenset()] * 4, [2] * 4)


def test_only_what_is_still_marked_is_removed(inbox: Mailbox) -> None:
    """A mark that is taken back while EXPUNGE is planned saves the message; one that is gone already is passed over."""
    messages = fill(inbox, 4, "\\Deleted")
    events: list[MailboxEvent] = []
    inbox.observe(events.append)
    work = expunge(inbox, messages, Effort(turn=1), marked=deleted)
    interrupted(
        work,
        lambda: inbox.change_flags([(messages[0], frozenset())]),
        lambda: inbox.expunge([messages[1]]),
    )
    assert shown(inbox) == [(1, "")]
    assert [event.messages for event in events if isinstance(event, Expunged)] == [(messages[1],), tuple(messages[2:])]


@pytest.mark.parametrize("move", [False, True])
def test_copies_have_the_flags_of_the_last_moment(inbox: Mailbox, target: Mailbox, move: bool) -> None:  # noqa: FBT001 -- a row's value
    """Copies have the flags that the messages have when they are made, and places behind what came meanwhile."""
    messages = fill(inbox, 3, "Word")
    work = transfer(inbox, messages, target, Effort(turn=1), move=move)
    made = interrupted(
        work, lambda: inbox.change_flags([(messages[1], SEEN)]), lambda: fill(target, 2, "word"), lambda: fill(inbox, 1)
    )
    assert made == target.messages[2:]
    assert shown(target) == [(1, "word"), (2, "word"), (3, "word"), (4, "\\Seen"), (5, "word")]
    assert [uid for uid, _ in shown(inbox)] == ([4] if move else [1, 2, 3, 4])
    assert [message.content for message in target.messages] == [b"Subject: x\r\n\r\n"] * 5
    assert target.uid_next == 6
    assert target.keywords == ["word"]


@pytest.mark.parametrize("move", [False, True])
def test_a_transfer_is_all_or_nothing(inbox: Mailbox, target: Mailbox, move: bool) -> None:  # noqa: FBT001 -- a row's value
    """One message that is expunged meanwhile, or a target that is deleted: nothing is copied, nothing removed."""
    messages = fill(inbox)
    with pytest.raises(StoreError) as refusal:
        interrupted(transfer(inbox, messages, target, Effort(turn=1), move=move), lambda: inbox.expunge([messages[4]]))
    assert refusal.value.code == "EXPUNGEISSUED"
    with pytest.raises(StoreError) as refusal:
        interrupted(transfer(inbox, messages[:4], target, Effort(turn=1), move=move), target.retire)
    assert refusal.value.code == "NONEXISTENT"
    assert (len(inbox.messages), len(target.messages)) == (4, 0)


def test_room_is_checked_when_it_is_needed(open_mail_store: Callable[..., MailStore]) -> None:
    """A target without room is told of before any work; one that was filled meanwhile at the end."""
    account = open_mail_store(Limits(mailbox_messages=6)).account("alice")
    inbox, target = account.mailboxes["INBOX"], account.create("there")
    assert target is not None
    messages = fill(inbox, 4)
    fill(target, 2)
    effort = Counted()
    with pytest.raises(LimitExceededError):
        interrupted(transfer(inbox, messages, target, Effort(turn=1), move=True), lambda: fill(target, 1))
    with pytest.raises(LimitExceededError):
        at_once(transfer(inbox, messages, target, effort, move=True))
    assert effort.total <= 4 * 64
    assert len(inbox.messages) == 4
    at_once(transfer(inbox, messages, inbox, Effort(), move=True))
    assert [message.uid for message in inbox.messages] == [5, 6, 7, 8]


def test_a_plan_that_is_broken_off_leaves_nothing(inbox: Mailbox, target: Mailbox) -> None:
    """A client that leaves before the change: there was none. After it: it is whole, and its octets are let go of."""
    messages = fill(inbox, 3, "\\Deleted")
    before = shown(inbox)
    for work in (
        change_flags(inbox, messages, add_seen, Effort(turn=1), origin=None),
        expunge(inbox, messages, Effort(turn=1), marked=deleted),
        transfer(inbox, messages, target, Effort(turn=1), move=True),
    ):
        next(work)
        work.close()
        assert (shown(inbox), shown(target)) == (before, [])
    removing = expunge(inbox, messages, Effort(turn=1), marked=deleted)
    while inbox.messages:
        next(removing)
    removing.close()
    for message in messages:
        with pytest.raises(StoreError):
            message.content  # noqa: B018 -- reading is what fails


@pytest.mark.parametrize("open_mail_store", ["memory", "sqlite"], indirect=True)
def test_no_step_is_long(mail_account: Account, target: Mailbox) -> None:
    """Changes of twenty thousand messages are planned in steps of less than a turn; observers are told once."""
    inbox = mail_account.mailboxes["INBOX"]
    messages = fill(inbox, 20_000)
    events: list[MailboxEvent] = []
    target.observe(events.append)
    effort = Counted()
    at_once(change_flags(inbox, messages, lambda flags: flags | DELETED, effort, origin=None))
    at_once(transfer(inbox, messages, target, effort, move=False))
    at_once(expunge(inbox, messages, effort, marked=deleted))
    assert [type(event) for event in events] == [Appended]
    assert effort.turns >= 10
    assert effort.largest <= max(TURN, 2 * 64 * len(messages))


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteStorage:
    """Return the storage of a file in which each change of more than one message is written in steps of two."""
    monkeypatch.setattr(planning, "_STEP", 2)
    return SqliteStorage(tmp_path / "lab.db", at_once=1)


def after_a_kill(path: Path, to: Path) -> MailStore:
    """Return the store as a process finds it when the one that has it is killed now."""
    to.mkdir()
    for ending in ("", "-wal"):
        shutil.copyfile(f"{path}{ending}", to / f"lab.db{ending}")
    return MailStore(storage=SqliteStorage(to / "lab.db"))


_LONG: dict[str, Callable[[Mailbox, Mailbox, Effort], Generator[object, None, object]]] = {
    "STORE": lambda inbox, _, effort: change_flags(inbox, inbox.messages[:6], lambda f: f ^ SEEN, effort, origin=None),
    "COPY": lambda inbox, target, effort: transfer(inbox, inbox.messages[::2], target, effort, move=False),
    "COPY within": lambda inbox, _, effort: transfer(inbox, inbox.messages[::2], inbox, effort, move=False),
    "MOVE": lambda inbox, target, effort: transfer(inbox, inbox.messages[1:7], target, effort, move=True),
    "MOVE within": lambda inbox, _, effort: transfer(inbox, inbox.messages[::3], inbox, effort, move=True),
    "EXPUNGE": lambda inbox, _, effort: expunge(inbox, list(inbox.messages), effort, marked=deleted),
}


@pytest.mark.parametrize("long", _LONG.values(), ids=_LONG)
def test_a_kill_at_any_step(steps: SqliteStorage, tmp_path: Path, long: Callable[..., Generator[object]]) -> None:
    """Whenever the process is killed during a long change of a file, all of it is there afterwards or nothing of it."""
    store = MailStore(storage=steps)
    inbox, target = (store.account("alice").mailboxes[name] for name in ("INBOX", "Sent"))
    for number in range(9):
        inbox.append([Draft(content=b"%d" % number, flags=frozenset(["Word"] if number % 2 else ["\\Deleted"]))])
    work = long(inbox, target, Effort(turn=1))
    seen = []
    for step in range(1000):
        if next(work, None) is None:
            break
        found = after_a_kill(tmp_path / "lab.db", tmp_path / f"{step}")
        assert kept(found) == kept(store)
        seen.append(kept(found))
        found.close()
    seen.append(kept(store))
    changes = sum(before != after for before, after in itertools.pairwise(seen))
    assert changes == 1
    assert len(seen) > 12
    expected = kept(store)
    store.close()
    with contextlib.closing(MailStore(storage=SqliteStorage(tmp_path / "lab.db"))) as again:
        assert kept(again) == expected


def test_no_transaction_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is done to ten thousand messages of a file, no transaction changes much more than a thousand rows."""
    storage = SqliteStorage(tmp_path / "lab.db")
    store = MailStore(storage=storage)
    account = store.account("alice")
    inbox, target = account.mailboxes["INBOX"], account.mailboxes["Sent"]
    fill(inbox, 10_000)
    transact, most = storage._transact, 0  # noqa: SLF001 -- where all transactions are

    def counted(do: Callable[[], object]) -> object:
        nonlocal most
        before = storage._db.total_changes  # noqa: SLF001 -- the same
        result = transact(do)
        most = max(most, storage._db.total_changes - before)  # noqa: SLF001 -- the same
        return result

    monkeypatch.setattr(storage, "_transact", counted)
    for work in (
        lambda: change_flags(inbox, list(inbox.messages), add_seen, Effort(), origin=None),
        lambda: change_flags(inbox, inbox.messages[::2], lambda flags: flags | DELETED, Effort(), origin=None),
        lambda: transfer(inbox, list(inbox.messages), target, Effort(), move=False),
        lambda: transfer(inbox, inbox.messages[::2], target, Effort(), move=True),
        lambda: expunge(target, list(target.messages), Effort(), marked=deleted),
        lambda: account.rename_in_turns("INBOX", "else", Effort()),
        lambda: account.delete_in_turns("else", Effort()),
        lambda: transfer(target, list(target.messages), target, Effort(), move=True),
    ):
        at_once(work())
    assert 500 <= most <= 1_100
    assert len(target.messages) == 5_000
    store.close()


def left(path: Path) -> dict[str, int]:
    """Return how many rows a file has that nobody can see."""
    queries = {
        "tasks": "SELECT count(*) FROM task",
        "batches": "SELECT count(*) FROM batch",
        "rows": "SELECT count(*) FROM message WHERE mailbox NOT IN (SELECT uid_validity FROM mailbox)"
        " AND mailbox NOT IN (SELECT id FROM shelf)",
        "contents": "SELECT count(*) FROM content WHERE id NOT IN (SELECT content FROM message)",
    }
    with contextlib.closing(sqlite3.connect(path)) as db:
        return {what: db.execute(query).fetchone()[0] for what, query in queries.items()}


@pytest.mark.parametrize("long", _LONG.values(), ids=_LONG)
@pytest.mark.parametrize("restarted", [False, True])
def test_nothing_is_left(
    steps: SqliteStorage, tmp_path: Path, long: Callable[..., Generator[object]], *, restarted: bool
) -> None:
    """A long change that is broken off at any step leaves no row in the file once other commits, or a start, come."""
    store = MailStore(storage=steps)
    inbox, target = (store.account("alice").mailboxes[name] for name in ("INBOX", "Sent"))
    for steps_done in range(1, 60):
        fill(inbox, 9 - len(inbox.messages), "\\Deleted")
        work = long(inbox, target, Effort(turn=1))
        for _ in range(steps_done):
            next(work, None)
        work.close()
        if not restarted:
            while steps.settle():
                pass
        at_once(expunge(target, list(target.messages), Effort(), marked=lambda _: True))
    expected = kept(store)
    store.close()
    if restarted:
        MailStore(storage=SqliteStorage(tmp_path / "lab.db")).close()
    assert set(left(tmp_path / "lab.db").values()) == {0}
    with contextlib.closing(MailStore(storage=SqliteStorage(tmp_path / "lab.db"))) as again:
        assert kept(again) == expected


def test_what_others_do_to_a_change_that_is_prepared(steps: SqliteStorage, tmp_path: Path) -> None:
    """Others change, mark and expunge messages at every step of a long change; the file has what memory has."""
    store = MailStore(storage=steps)
    inbox, target = (store.account("alice").mailboxes[name] for name in ("INBOX", "Sent"))
    chance = random.Random(8)  # noqa: S311 -- repeatable
    for round_ in range(15):
        for name, long in _LONG.items():
            fill(inbox, max(0, 9 - len(inbox.messages)), chance.choice(["Word", "word", "\\Deleted"]))
            changes = disturbances(inbox, target, chance, expunges=name in {"STORE", "EXPUNGE"})
            interrupted(long(inbox, target, Effort(turn=1)), *chance.choices(changes, k=chance.randrange(60)))
            with contextlib.closing(after_a_kill(tmp_path / "lab.db", tmp_path / f"{round_} {name}")) as found:
                assert kept(found) == kept(store)
            inbox.expunge(inbox.messages[9:])
            target.expunge(target.messages)
    store.close()


def disturbances(
    inbox: Mailbox, target: Mailbox, chance: random.Random, *, expunges: bool
) -> list[Callable[[], object]]:
    """Return what others do, at most a little at a time."""

    def some() -> Message:
        return chance.choice(inbox.messages)

    changes: list[Callable[[], object]] = [
        lambda: inbox.change_flags([(message := some(), message.flags ^ chance.choice([SEEN, DELETED]))]),
        lambda: fill(target, 1, "wORD"),
        lambda: fill(inbox, 1),
        lambda: None,
        lambda: None,
    ]
    return [*changes, lambda: inbox.expunge([some()])] if expunges else changes


def test_a_long_change_without_room(steps: SqliteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file has no room to prepare a change, a copy is refused, and what adds no mail is done without."""
    store = MailStore(storage=steps)
    inbox, target = (store.account("alice").mailboxes[name] for name in ("INBOX", "Sent"))
    messages = fill(inbox, 6, "\\Deleted")
    refused: list[object] = []

    def full(*_: object) -> None:
        refused.append(1)
        raise StorageFullError

    monkeypatch.setattr(Staging, "add_tasks", full)
    with monkeypatch.context() as patched:
        patched.setattr(Staging, "copy", full)
        with pytest.raises(StorageFullError):
            at_once(transfer(inbox, messages, target, Effort(), move=False))
        assert (refused, target.messages) == ([1], [])
    at_once(transfer(inbox, messages[:2], target, Effort(), move=True))
    at_once(expunge(inbox, messages[2:4], Effort(), marked=deleted))
    at_once(change_flags(inbox, messages[4:], add_seen, Effort(), origin=None))
    assert shown(inbox) == [(uid, "\\Deleted \\Seen") for uid in (5, 6)]
    assert shown(target) == [(uid, "\\Deleted") for uid in (1, 2)]
    assert len(refused) > 3
    store.close()


def test_renaming_the_inbox_takes_turns(mail_account: Account) -> None:
    """RENAME of INBOX moves what was in it when it began; a name that somebody takes meanwhile is refused."""
    inbox = mail_account.mailboxes["INBOX"]
    fill(inbox, 3)
    with pytest.raises(StoreError) as refusal:
        interrupted(mail_account.rename_in_turns("INBOX", "x/y", Effort(turn=1)), lambda: mail_account.create("x/y"))
    assert refusal.value.code == "ALREADYEXISTS"
    assert len(inbox.messages) == 3
    interrupted(mail_account.rename_in_turns("INBOX", "x/z", Effort(turn=1)), lambda: fill(inbox, 1))
    assert len(mail_account.mailboxes["x/z"].messages) == 3
    assert [message.uid for message in inbox.messages] == [4]


def kept(store: MailStore) -> dict[str, list[tuple[object, ...]]]:
    """Return everything about an account's messages."""
    return {
        name: [(m.uid, m.flags, m.modseq, m.size, m.internal_date, m.content) for m in mailbox.messages]
        for name, mailbox in store.account("alice").mailboxes.items()
    }


def test_what_is_planned_is_in_the_file(tmp_path: Path) -> None:
    """Copies and moves with gaps, other spellings and within a mailbox: the file has what memory has."""
    store = MailStore(storage=SqliteStorage(tmp_path / "lab.db"))
    account = store.account("alice")
    inbox, target = account.mailboxes["INBOX"], account.mailboxes["Sent"]
    messages = [
        inbox.append([Draft(content=b"%d" % number, flags=frozenset(["Word"] if number % 3 else ["\\\\Seen"[1:]]))])[0]
        for number in range(30)
    ]
    fill(target, 1, "word")
    at_once(expunge(inbox, messages[4:20:5], Effort(), marked=lambda _: True))
    here = list(inbox.messages)
    for source, some, where, move in (
        (inbox, here, target, False),
        (inbox, here[3:9] + here[12:13], target, True),
        (inbox, [here[0], here[9], here[10]], inbox, True),
        (target, target.messages[2:5], inbox, False),
        (inbox, here[11:12], inbox, False),
    ):
        at_once(transfer(source, list(some), where, Effort(), move=move))
    at_once(change_flags(target, target.messages[::2], lambda flags: flags | DELETED, Effort(), origin=None))
    at_once(expunge(target, list(target.messages), Effort(), marked=lambda message: message.uid % 5 == 0))
    expected = kept(store)
    store.close()
    again = MailStore(storage=SqliteStorage(tmp_path / "lab.db"))
    assert kept(again) == expected
    again.close()
