"""Claims about commands that give way: what they answer, what others see, and that no step of them is long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.effort import MESSAGE, TURN, Effort
from tests.imap.driver import Lab, message
from tests.work import Counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.imap.driver import Client

MANY = 12_000


@pytest.fixture(scope="module")
def crowded() -> Lab:
    """Return a lab with many messages in the INBOX, all of them small; tests leave them as they are."""
    lab = Lab()
    lab.deliver(*(message(f"s{number % 97}") for number in range(MANY)))
    return lab


def counted(client: Client, turn: int = TURN) -> Counted:
    """Have the client's session count its work."""
    effort = client.session.effort = Counted(turn)
    return effort


READING = [
    "SEARCH UNSEEN",
    "SEARCH SUBJECT s5",
    "UID SEARCH RETURN (ALL COUNT) NOT DELETED",
    "SEARCH RETURN (SAVE) ALL",
    "SORT (REVERSE SUBJECT DATE) UTF-8 ALL",
    "SORT RETURN (ALL) (FROM) UTF-8 ALL",
    "THREAD REFERENCES UTF-8 ALL",
    "THREAD ORDEREDSUBJECT UTF-8 ALL",
    "FETCH 1:* FLAGS",
    "FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE ENVELOPE)",
    "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BINARY.SIZE[1])",
    "UID FETCH 1:* BODYSTRUCTURE (CHANGEDSINCE 1)",
]
CHANGING = [
    "STORE 1:* +FLAGS (\\Seen)",
    "UID STORE 1:* FLAGS.SILENT (\\Answered x)",
    "STORE 1:* (UNCHANGEDSINCE 1) FLAGS (\\Answered)",
    "COPY 1:* Sent",
    "UID COPY 1:* Sent",
    "MOVE 2:3 Sent",
    "UID MOVE 1:* Sent",
    "MOVE 1:* INBOX",
    "EXPUNGE",
    "UID EXPUNGE 2:*",
    "CLOSE",
    "FETCH 1:* BODY[]",
    "RENAME INBOX x",
    "DELETE Sent",
]


@pytest.mark.parametrize("command", READING)
def test_no_step_is_long(crowded: Lab, command: str) -> None:
    """A command about many messages gives way as often as its work demands, and no step of it is long."""
    client = crowded.selected()
    client.ok(command)
    effort = counted(client)
    client.ok(command)
    assert effort.largest <= TURN
    assert effort.total >= MANY * MESSAGE
    assert client.ways_given >= effort.turns >= effort.total // (2 * TURN)


@pytest.mark.parametrize("command", READING)
def test_turns_change_nothing(filled: Lab, command: str) -> None:
    """The answer is the same whether it is found at once or in as many turns as there can be."""
    _, at_once, in_turns = filled.selected(), filled.selected(), filled.selected()
    in_turns.session.effort = Effort(turn=1)
    assert in_turns.ok(command) == at_once.ok(command)
    assert in_turns.ways_given > at_once.ways_given


@pytest.mark.parametrize("command", CHANGING)
def test_turns_change_nothing_about_changes(command: str) -> None:
    """What a change does, and says, is the same whether it is made at once or in as many turns as there can be."""
    told = []
    for turn in (TURN, 1):
        lab = Lab()
        lab.deliver(*(message(subject) for subject in ("one", "two", "three")), flags=["\\Deleted"])
        client, other = lab.selected(), lab.selected()
        client.session.effort = Effort(turn=turn)
        lines = client.do(command)
        boxes = {name: [(m.uid, m.flags, m.modseq) for m in box.messages] for name, box in lab.alice.mailboxes.items()}
        told.append((lines, boxes, other.do("NOOP")))
    assert told[0] == told[1]


def test_a_fetch_shows_one_moment(filled: Lab) -> None:
    """Flags that others change while a FETCH gives way are shown as they were, and told at its end as they are."""
    client, other = filled.selected(), filled.selected()
    client.ok("ENABLE CONDSTORE")
    meanwhile(client, lambda: other.ok("STORE 1:* +FLAGS (\\Flagged)"))
    lines = client.ok("FETCH 1:* (FLAGS MODSEQ)")
    assert lines[:5] == [b"* %d FETCH (FLAGS (\\Recent) MODSEQ (2))" % number for number in range(1, 6)]
    assert lines[5:] == [b"* %d FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (3))" % number for number in range(1, 6)]


@pytest.fixture
def long_mails() -> Lab:
    """Return a lab with large messages of all kinds that are slow to look into."""
    lab = Lab()
    lab.deliver(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 3000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"--c\r\n" * 200_000,
        b"To: " + b"a@b.c, " * 30_000 + b"\r\n\r\n",
        b"".join(b"To: a%d@b.c\r\n" % number for number in range(15_000)) + b"\r\n",
        b"Subject: " + b"=?utf-8?q?=C3=A4?= " * 10_000 + b"\r\n\r\n",
        b"Content-Type: text/plain; " + b"; ".join(b"x*%d=y" % n for n in range(9000)) + b"\r\n\r\n",
        b"X: " + b"y" * (1 << 20),
        b"Content-Type: message/rfc822\r\n\r\n" * 90 + b"\r\n" + b"line\r\n" * 200_000,
    )
    return lab


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 1:* (BODYSTRUCTURE)",
        "FETCH 1:* (BODY ENVELOPE)",
        "FETCH 1:* (BINARY.SIZE[1] BODY.PEEK[1]<0.5> BODY.PEEK[HEADER.FIELDS (TO)])",
        "SEARCH NOT TEXT nowhere",
        "SORT (FROM TO SUBJECT) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
    ],
)
def test_messages_that_are_slow_to_look_into(long_mails: Lab, command: str) -> None:
    """Whatever a message is made of, looking into it gives way, no step is long, and the answer is the same again."""
    client = long_mails.selected()
    effort = counted(client)
    lines = client.ok(command)
    assert effort.largest <= 2 * TURN
    assert effort.turns >= (4 if "FETCH" in command or "TEXT" in command else 1)
    assert client.ok(command) == lines


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have searches count after each message."""
    monkeypatch.setattr("labserver.imap.search_evaluation._STEP", 1)


def meanwhile(client: Client, *changes: Callable[[], object]) -> None:
    """Give way at every occasion, and do one thing at each, from the second on: then the command has begun."""
    client.session.effort = Effort(turn=1)
    waiting = iter([lambda: None, *changes])

    def change() -> None:
        next(waiting, lambda: None)()

    client.meanwhile = change


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("UID SEARCH UNSEEN", b"* SEARCH 1 2 3 4 5"),
        ("SEARCH UNSEEN", b"* SEARCH 1 2 3 4 5"),
        ("UID SEARCH MODSEQ 1", b"* SEARCH 1 2 3 4 5 (MODSEQ 2)"),
        ("UID SEARCH RETURN (ALL) UNSEEN MODSEQ 1", b'* ESEARCH (TAG "t3") UID ALL 1:5 MODSEQ 2'),
        ("UID SORT (ARRIVAL) UTF-8 UNSEEN", b"* SORT 1 2 3 4 5"),
        ("UID THREAD REFERENCES UTF-8 UNSEEN", b"* THREAD (1)(2)(3)(4)(5)"),
    ],
)
def test_what_others_change_is_told_at_the_end(filled: Lab, command: str, answer: bytes) -> None:
    """A command that gives way answers for the mailbox as it was when it began; then the changes are told."""
    client, other = filled.selected(), filled.selected()
    client.ok("ENABLE CONDSTORE")
    meanwhile(
        client,
        lambda: other.ok("STORE 1:4 +FLAGS (\\Seen)"),
        lambda: other.ok("STORE 5 +FLAGS (\\Seen)"),
        lambda: filled.deliver(message("six")),
    )
    first, *told = client.ok(command)
    assert first == answer
    assert told[0] == b"* 6 EXISTS"
    assert sum(b"FETCH" in line and b"\\Seen" in line for line in told) == 5
    assert client.ok("SEARCH UNSEEN") == [b"* SEARCH 6"]


@pytest.mark.usefixtures("restless")
def test_what_is_expunged_meanwhile(filled: Lab) -> None:
    """A message that another session expunges while a search gives way is still found, and then told to be gone."""
    client, other = filled.selected(), filled.selected()
    other.ok("STORE 2 +FLAGS (\\Deleted)")
    client.ok("NOOP")
    meanwhile(client, lambda: other.ok("EXPUNGE"))
    assert client.ok("UID SEARCH ALL") == [b"* SEARCH 1 2 3 4 5", b"* 2 EXPUNGE", b"* 4 RECENT"]
    assert client.ok("UID SEARCH ALL") == [b"* SEARCH 1 3 4 5"]


@pytest.mark.usefixtures("restless")
def test_a_mailbox_that_is_deleted_meanwhile(filled: Lab) -> None:
    """A search in a mailbox that goes away ends in good order, and the next command is told of it."""
    filled.client().ok("CREATE there")
    filled.deliver(message("x"), message("y"), mailbox="there")
    client = filled.selected("there")
    meanwhile(client, lambda: filled.client().ok("DELETE there"))
    assert client.ok("SEARCH ALL") == [b"* SEARCH 1 2"]
    assert client.do("SEARCH ALL")[-1].startswith(b"NO [NONEXISTENT]")


@pytest.mark.usefixtures("restless")
def test_a_search_that_is_cut_short_leaves_nothing(filled: Lab) -> None:
    """A client that leaves in the middle of a search: the session is as if it had never asked."""
    client, other = filled.selected(), filled.selected()
    client.session.effort = Effort(turn=1)
    exchange = client.session.handle(client.command(b"x UID SEARCH RETURN (SAVE) SUBJECT o\r\n"))
    next(exchange)
    next(exchange)
    exchange.close()
    view = client.session.view
    assert view.saved == []
    other.ok("STORE 1 +FLAGS (\\Seen)")
    assert b"\\Seen" in view.flags(view.messages[0]), "it is not at rest any more"


def test_news_are_told_in_turns(crowded: Lab) -> None:
    """A session that idles is told of many changes in turns, and to note them takes no work at all."""
    client, other = crowded.selected(), crowded.selected()
    client.feed(b"i IDLE\r\n")
    effort = counted(client)
    other.do("STORE 1:* +FLAGS.SILENT (\\Flagged)")
    assert effort.total == 0
    news = list(client.session.unsolicited())
    assert sum(b"FETCH" in reply.raw for reply in news if hasattr(reply, "raw")) >= MANY // 4096
    assert effort.turns >= 1
    assert effort.largest <= max(TURN, MANY * MESSAGE)
    other.do("STORE 1:* -FLAGS.SILENT (\\Flagged)")


def test_short_commands_add_up(filled: Lab) -> None:
    """Commands that come in one segment share a turn."""
    client = filled.selected()
    effort = counted(client)
    client.feed(b"x NOOP\r\n" * 3000)
    assert effort.turns == client.ways_given >= 2


def test_idle_tells_one_thing_after_the_other(filled: Lab) -> None:
    """What happens while a session that begins to idle is told news comes behind them: numbers have one meaning."""
    client, other = filled.selected(), filled.selected()

    def expunge(numbers: str) -> None:
        other.ok(f"STORE {numbers} +FLAGS.SILENT (\\Deleted)")
        other.ok("EXPUNGE")

    expunge("4:5")
    meanwhile(client, lambda: expunge("1"), client.unsolicited, lambda: filled.deliver(message("new")))
    said = client.feed(b"i IDLE\r\n") + client.unsolicited()
    assert said.split(b"\r\n") == [
        b"+ idling",
        *(b"* 5 EXPUNGE", b"* 4 EXPUNGE", b"* 3 RECENT"),
        *(b"* 1 EXPUNGE", b"* 3 EXISTS", b"* 3 RECENT"),
        b"",
    ]
