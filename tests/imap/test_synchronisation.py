"""Claims about several sessions on one mailbox, changing it under each other, checked against models of the clients."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labserver.dialogues.exchange import Reply
from labserver.imap import view
from tests.imap.driver import Lab, message

if TYPE_CHECKING:
    from collections.abc import Callable

_RESPONSE = re.compile(rb"\* (\d+) (EXPUNGE|EXISTS|RECENT|FETCH)(?: \((.*))?\Z", re.DOTALL)
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_UID = re.compile(rb"UID (\d+)")
_MOST_MESSAGES = 200
_ORDER = [b"EXPUNGE", b"EXISTS", b"RECENT"]


class Talks(Protocol):
    """What a model needs of a client: the driver's, or one over a socket."""

    def do(self, command: str | bytes) -> list[bytes]:
        """Send one command and return the lines of its answer, the tagged one last."""

    def ok(self, command: str | bytes) -> list[bytes]:
        """Do a command that must succeed and return its untagged lines."""

    def feed(self, data: bytes, /) -> bytes:
        """Send octets and return what they bring."""


@dataclass(kw_only=True)
class Known:
    """What a client knows of one message."""

    uid: int = 0
    flags: frozenset[bytes] | None = None


@dataclass(kw_only=True)
class Model:
    """A client that believes exactly what it is told, and fails when that makes no sense."""

    client: Talks
    messages: list[Known] = field(default_factory=list)

    def open(self) -> None:
        """Select the INBOX, also again, and fetch everything."""
        self.messages.clear()
        self.do("SELECT INBOX")
        self.do("UID FETCH 1:* FLAGS")

    def do(self, command: str, *, expunges: bool = True) -> bytes:
        """Do a command, learn from its answer, and return the verdict."""
        *lines, verdict = self.client.do(command)
        self.learn(lines, expunges=expunges)
        assert verdict[:3] in (b"OK ", b"NO "), (command, verdict)
        return verdict

    def learn(self, lines: list[bytes], *, expunges: bool = True) -> None:
        """Follow untagged responses; with EXPUNGE, EXISTS and RECENT in this order, before an answer and after it."""
        order = 0
        for line in lines:
            match = _RESPONSE.match(line)
            if match is None or match[2] not in _ORDER:
                order = 0
            if match is None:
                continue
            number, kind, rest = int(match[1]), match[2], match[3] or b""
            if kind in _ORDER:
                assert _ORDER.index(kind) >= order, lines
                order = _ORDER.index(kind)
            if kind == b"EXPUNGE":
                assert expunges, lines
                assert 1 <= number <= len(self.messages), lines
                del self.messages[number - 1]
            elif kind == b"EXISTS":
                assert number >= len(self.messages), lines
                self.messages += [Known() for _ in range(number - len(self.messages))]
            elif kind == b"RECENT":
                assert number <= len(self.messages), lines
            elif kind == b"FETCH":
                self._fetched(self.messages[number - 1], rest)

    def _fetched(self, known: Known, items: bytes) -> None:
        if uid := _UID.search(items):
            assert known.uid in (0, int(uid[1])), "a message number changed its meaning"
            known.uid = int(uid[1])
        if flags := _FLAGS.search(items):
            known.flags = frozenset(flags[1].split()) - {b"\\Recent"}


def _number(model: Model, choice: int) -> str:
    return str(1 + choice % len(model.messages)) if model.messages else "1"


def _uid(choice: int) -> str:
    return str(1 + choice % 12)


def _store(model: Model, choice: int, text: str, *, uid: bool) -> None:
    wanted = _uid(choice) if uid else _number(model, choice)
    if model.messages or uid:
        model.do(f"{'UID ' * uid}STORE {wanted} {text}", expunges=uid)


def _silent(model: Model, choice: int) -> None:
    """Store without an answer: the client knows what it did, unless the server refuses."""
    if not model.messages:
        return
    number = _number(model, choice)
    known = model.messages[int(number) - 1]
    verdict = model.do(f"STORE {number} +FLAGS.SILENT (\\Answered)", expunges=False)
    if verdict.startswith(b"OK") and known.flags is not None:
        known.flags |= {b"\\Answered"}


def _read(model: Model, choice: int) -> None:
    if model.messages:
        model.do(f"FETCH {_number(model, choice)} (FLAGS BODY[TEXT])", expunges=False)


def _move(model: Model, choice: int) -> None:
    if model.messages:
        model.do(f"MOVE {_number(model, choice)} {'INBOX' if choice % 2 else 'Trash'}")


def _idle(model: Model, _choice: int) -> None:
    lines = model.client.feed(b"i IDLE\r\n").split(b"\r\n")
    model.learn(lines)
    model.learn(model.client.feed(b"DONE\r\n").split(b"\r\n"))


ACTIONS: dict[str, Callable[[Model, int], object]] = {
    "store": lambda model, choice: _store(model, choice, "+FLAGS (\\Flagged)", uid=False),
    "keyword": lambda model, choice: _store(model, choice, f"FLAGS ($k{choice % 3})", uid=False),
    "uid store": lambda model, choice: _store(model, choice, "-FLAGS (\\Flagged \\Seen)", uid=True),
    "delete": lambda model, choice: _store(model, choice, "+FLAGS (\\Deleted)", uid=False),
    "silent": _silent,
    "read": _read,
    "expunge": lambda model, _: model.do("EXPUNGE"),
    "uid expunge": lambda model, choice: model.do(f"UID EXPUNGE {_uid(choice)}"),
    "append": lambda model, _: model.do("APPEND INBOX (\\Draft) {5+}\r\nHello"),
    "copy": lambda model, choice: model.do(f"UID COPY {_uid(choice)} INBOX"),
    "move": _move,
    "search": lambda model, _: model.do("SEARCH UNSEEN", expunges=False),
    "uid read": lambda model, choice: model.do(f"UID FETCH {_uid(choice)}:* FLAGS"),
    "uid search": lambda model, _: model.do("UID SEARCH ALL"),
    "sort": lambda model, _: model.do("SORT (ARRIVAL) UTF-8 ALL", expunges=True),
    "noop": lambda model, _: model.do("NOOP"),
    "idle": _idle,
    "reopen": lambda model, _: model.open(),
}


def check(lab: Lab, models: list[Model]) -> None:
    """Let everybody hear the news: then all believe what is true."""
    truth = [
        (item.uid, frozenset(flag.encode() for flag in item.flags)) for item in lab.alice.mailboxes["INBOX"].messages
    ]
    for model in models:
        model.do("NOOP")
        assert len(model.messages) == len(truth)
        for known, (uid, flags) in zip(model.messages, truth, strict=True):
            assert known.uid in (0, uid)
            assert known.flags in (None, flags)
        model.do("UID FETCH 1:* FLAGS")
        assert [(known.uid, known.flags) for known in model.messages] == truth


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(list(ACTIONS)), st.integers(0, 60)), min_size=1, max_size=30
    )
)
def test_everybody_learns_the_truth(steps: list[tuple[int, str, int]]) -> None:
    """Whatever three sessions do to one mailbox, each can follow it by what it is told, and nothing gets lost."""
    lab = Lab()
    lab.deliver(*(message(str(n)) for n in range(4)))
    models = [Model(client=lab.client()) for _ in range(3)]
    models[2].client.ok("ENABLE CONDSTORE")
    for model in models:
        model.open()
    for who, action, choice in steps:
        ACTIONS[action](models[who], choice)
    check(lab, models)


def _many_sessions(seed: int, *, steps: int) -> None:
    """Have ten sessions do whatever they like, in an order that the seed decides, and check now and then."""
    dice = random.Random(seed)  # noqa: S311 -- the same for a seed every time
    lab = Lab()
    lab.deliver(*(message(str(n)) for n in range(4)))
    models = [Model(client=lab.client()) for _ in range(10)]
    for model in models:
        model.open()
    for number in range(1, steps + 1):
        ACTIONS[dice.choice(list(ACTIONS))](dice.choice(models), dice.randrange(60))
        if len(lab.alice.mailboxes["INBOX"].messages) > _MOST_MESSAGES:
            models[0].do("STORE 1:* +FLAGS (\\Deleted)", expunges=False)
            models[0].do("EXPUNGE")
        if not number % 500:
            check(lab, models)
    check(lab, models)


@pytest.mark.parametrize("seed", range(4))
def test_ten_sessions(seed: int) -> None:
    """Ten sessions on one mailbox, each reply checked by a model of its client."""
    _many_sessions(seed, steps=2_000)


@pytest.mark.parametrize("noted", [1, 4, 40])
def test_ten_sessions_that_note_little(noted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where a session notes events about so many messages at most, and has to compare after more."""
    monkeypatch.setattr(view, "_MANY", 1)
    monkeypatch.setattr(view, "_MOST_NOTED", noted)
    _many_sessions(noted, steps=1_000)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 110))
def test_ten_sessions_for_minutes(seed: int) -> None:
    """The same, a hundred times as long."""
    _many_sessions(seed, steps=100_000)


@pytest.mark.parametrize("step", [-1, 1])
def test_the_model_catches_a_wrong_number(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An EXPUNGE of the message beside the right one is noticed, at once or when everybody is asked."""
    lab = Lab()
    lab.deliver(*(message(str(n)) for n in range(4)))
    models = [Model(client=lab.client()) for _ in range(2)]
    for model in models:
        model.open()
    honest = models[0].client.do

    def lying(command: str | bytes) -> list[bytes]:
        return [re.sub(rb"\* 2 EXPUNGE", b"* %d EXPUNGE" % (2 + step), line) for line in honest(command)]

    monkeypatch.setattr(models[0].client, "do", lying)
    models[1].do("STORE 2 +FLAGS (\\Deleted)", expunges=False)
    models[1].do("EXPUNGE")
    with pytest.raises(AssertionError):
        check(lab, models)


def test_the_model_can_fail() -> None:
    """The check above notices a session that is not told something."""
    lab = Lab()
    lab.deliver(message("one"))
    models = [Model(client=lab.client()) for _ in range(2)]
    for model in models:
        model.open()
    models[0].client.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
    with pytest.raises(AssertionError):
        check(lab, models)


def test_expunge_waits_until_it_may_be_told(filled: Lab) -> None:
    """FETCH, STORE and SEARCH by number keep the numbers; their UID forms and all others tell (RFC 3501 7.4.1)."""
    client, other = filled.selected(), filled.selected()
    other.ok("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    other.ok("STORE 1 +FLAGS.SILENT (\\Flagged)")
    filled.deliver(message("six"))
    assert client.ok("SEARCH ALL") == [
        b"* 6 EXISTS",
        b"* 6 RECENT",
        b"* SEARCH 3 4 5 6",
        b"* 3 FETCH (FLAGS (\\Flagged \\Recent))",
    ]
    assert client.ok("STORE 6 +FLAGS (\\Seen)") == [b"* 6 FETCH (FLAGS (\\Seen \\Recent))"]
    assert client.do("XYZZY") == [b"BAD Unknown command"]
    assert client.do("FETCH 9 UID")[:-1] == []
    assert client.ok("SORT (DATE) UTF-8 ALL")[1:] == []
    assert client.ok("THREAD REFERENCES UTF-8 ALL")[1:] == []
    assert client.do("SELECT") == [b"* 2 EXPUNGE", b"* 1 EXPUNGE", b"* 4 RECENT", b"BAD Missing argument"]


@pytest.mark.parametrize(
    "command", ["UID FETCH 1 UID", "UID STORE 9 FLAGS ()", "UID SEARCH UID 9", "CHECK", "UID COPY 9 Sent"]
)
def test_expunge_is_told_by(filled: Lab, command: str) -> None:
    """Commands by UID, and those without numbers, tell EXPUNGE."""
    client, other = filled.selected(), filled.selected()
    other.ok("STORE 3 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    assert b"* 3 EXPUNGE" in client.ok(command)


def test_what_came_and_went_is_not_told(filled: Lab) -> None:
    """A message that a session never heard of leaves no trace in it."""
    client, other = filled.selected(), filled.selected()
    other.ok("APPEND INBOX (\\Deleted) {1+}\r\nx")
    other.ok("EXPUNGE")
    assert client.ok("NOOP") == []
    filled.deliver(message("seven"))
    assert client.ok("NOOP") == [b"* 6 EXISTS", b"* 6 RECENT"]
    assert client.ok("FETCH 6 UID") == [b"* 6 FETCH (UID 7)"]


def test_changes_during_a_long_answer(lab: Lab) -> None:
    """A FETCH that is sent in pieces goes on over what happens between them, without what is gone; the OK says so."""
    lab.deliver(*(message(str(n), "x" * 3000) for n in range(60)))
    client, other = lab.selected(), lab.selected()
    exchange = client.session.handle(client.command(b"a FETCH 1:* BODY.PEEK[]\r\n"))
    first = next(exchange)
    other.ok("STORE 2,30:* +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    rest = list(exchange)
    assert len(rest) > 1
    out = b"".join(reply.raw for reply in (first, *rest) if isinstance(reply, Reply))
    assert b"EXPUNGE\r\n" not in out
    assert b"* 2 FETCH" in out
    assert b"* 29 FETCH" in out
    assert b"* 30 FETCH" not in out
    assert out.endswith(b"a OK [EXPUNGEISSUED] FETCH completed\r\n")
    assert client.ok("NOOP")[0] == b"* 60 EXPUNGE"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("SEARCH ALL", b"* SEARCH 1 2 3 4 5 6"),
        ("UID SEARCH SUBJECT six", b"* SEARCH 6"),
        ("SEARCH RETURN (COUNT) ALL", b'* ESEARCH (TAG "%b") COUNT 6'),
        ("SORT (ARRIVAL) UTF-8 SUBJECT six", b"* SORT 6"),
        ("UID SORT (ARRIVAL) UTF-8 SUBJECT six", b"* SORT 6"),
        ("THREAD ORDEREDSUBJECT UTF-8 SUBJECT six", b"* THREAD (6)"),
        ("FETCH * UID", b"* 6 FETCH (UID 6)"),
        ("UID FETCH 6 UID", b"* 6 FETCH (UID 6)"),
    ],
)
def test_select_deliver_search_finds_the_mail(filled: Lab, command: str, answer: bytes) -> None:
    """New mail is announced before these commands are answered, and so their answers know of it."""
    client = filled.selected()
    filled.deliver(message("six"))
    told = client.ok(command)
    assert told[:2] == [b"* 6 EXISTS", b"* 6 RECENT"]
    assert [line.partition(b'")')[2] or line for line in told[2:]] == [answer.partition(b'")')[2] or answer]


def test_new_mail_is_announced_while_an_expunge_waits(filled: Lab) -> None:
    """EXISTS counts what is still to be told as expunged: numbers stay until EXPUNGE is told (RFC 3501 7.4.1)."""
    client, other = filled.selected(), filled.selected()
    other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    filled.deliver(message("six"))
    assert client.ok("FETCH 5:* UID") == [
        b"* 6 EXISTS",
        b"* 6 RECENT",
        b"* 5 FETCH (UID 5)",
        b"* 6 FETCH (UID 6)",
    ]
    assert client.ok("NOOP") == [b"* 2 EXPUNGE", b"* 5 RECENT"]
    assert client.ok("FETCH 4:* UID") == [b"* 4 FETCH (UID 5)", b"* 5 FETCH (UID 6)"]


@pytest.mark.parametrize("item", ["FLAGS", "+FLAGS", "-FLAGS", "FLAGS.SILENT", "+FLAGS.SILENT"])
@pytest.mark.parametrize("uid", ["", "UID "])
def test_store_of_what_another_session_expunged(filled: Lab, item: str, uid: str) -> None:
    """What is there is changed, and the OK says that not all of it is; of UIDs that are gone nothing is said."""
    client, other = filled.selected(), filled.selected()
    other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    *told, verdict = client.do(f"{uid}STORE 1:3 {item} (\\Flagged)")
    assert verdict == f"OK {'' if uid else '[EXPUNGEISSUED] '}{uid}STORE completed".encode()
    assert sum(b" FETCH (" in line for line in told) == (0 if "SILENT" in item else 2)
    other.ok("NOOP")
    flagged = [b"\\Flagged" in line for line in other.ok("FETCH 1:2 FLAGS")]
    assert flagged == [not item.startswith("-")] * 2
    assert client.do("NOOP")[-1] == b"OK NOOP completed"
