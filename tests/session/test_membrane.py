"""The membrane drives one session: commands one after another, waits, literals, limits, what is said unasked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.dialogues.exchange import Await, Command, Exchange, Reply
from tests.session.playbook import Scripted, data, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.dialogues.exchange import Link
    from tests.session.playbook import Building, Talk

_SCRIPT = {"WAIT": waiting, "DATA": data}


def _scripted(building: Building, service: str = "smtp", **options: bool) -> tuple[Talk, Scripted]:
    made: list[Scripted] = []

    def make(link: Link) -> Scripted:
        made.append(Scripted(link, dict(_SCRIPT), **options))  # type: ignore[arg-type]  # options are its switches
        return made[-1]

    talk = building.opened(service, make)
    return talk, made[0]


def test_greeting(building: Building) -> None:
    """A session begins with its greeting and nothing else."""
    talk = building.talk("smtp", Scripted)
    assert talk.pull() == b"", "silent until it is opened"
    assert talk.open() == b"hello\r\n"
    assert [event.kind for event in talk.all(events.ReplySent) if isinstance(event, events.ReplySent)] == ["greeting"]


def test_pipelining(building: Building) -> None:
    """Commands in one segment are answered in order, each by itself."""
    talk, scripted = _scripted(building)
    assert talk.say(b"A\r\nB\r\nC") == b"did A\r\ndid B\r\n"
    assert talk.say(b"\r\n") == b"did C\r\n"
    assert scripted.asked == ["A", "B", "C"]


def test_a_command_of_thousands_of_literals_gives_way(building: Building) -> None:
    """While such a command is framed, other sessions have their turns; then it is answered, and so is what follows."""
    talk = building.opened("imap", Scripted)
    said = talk.say(b"a SEARCH" + b" {0+}\r\n" * 3_000 + b"\r\nb NOOP\r\n")
    assert said.count(b"did ") == 2
    assert talk.ways_given >= 5


def test_octet_by_octet(building: Building) -> None:
    """How octets are split into segments changes nothing."""
    script = b"A\r\nWAIT\r\nline\r\nDATA\r\na\r\n.\r\nB\r\n"
    whole = _scripted(building)[0].say(script)
    assert whole == b"did A\r\n+ waiting\r\nWAIT heard line\r\n354 go\r\nDATA 3\r\ndid B\r\n"
    assert _scripted(building)[0].typed(script) == whole


def test_waiting_for_a_line(building: Building) -> None:
    """A line that a command waits for is no command; none but those it names is shown."""
    talk, scripted = _scripted(building)
    assert talk.say(b"WAIT\r\n") == b"+ waiting\r\n"
    assert talk.say(b"QUIT\r\nB\r\n") == b"WAIT heard QUIT\r\ndid B\r\n"
    assert scripted.asked == ["WAIT", "B"]
    lines = talk.all(events.LineReceived)
    assert [(line.data, line.masked) for line in lines if isinstance(line, events.LineReceived)] == [
        (b"QUIT\r\n", b"****\r\n")
    ]


def test_waiting_for_data(building: Building) -> None:
    """Mail data is unstuffed for the session and kept as it came for the transcript."""
    talk, _ = _scripted(building)
    talk.say(b"DATA\r\n")
    assert talk.say(b"..x\r\n.\r\n") == b"DATA 4\r\n"
    (received,) = talk.all(events.DataReceived)
    assert isinstance(received, events.DataReceived)
    assert (received.data, received.size) == (b"..x\r\n", 5)


def test_too_much_data(building: Building) -> None:
    """Data beyond its limit is swallowed, the session is told, and the dialogue goes on."""
    seen: list[object] = []

    def answer(_: Scripted, __: Command) -> Exchange:
        seen.append((yield Await.data(4)))
        yield Reply.completion(b"too much\r\n")

    talk = building.opened("smtp", partial(Scripted, answers={"DATA": answer}))
    assert talk.say(b"DATA\r\n12345\r\n.\r\nA\r\n") == b"too much\r\ndid A\r\n"
    assert type(seen[0]).__name__ == "Overflow"


def test_chunk(building: Building) -> None:
    """A counted chunk has exactly its octets."""

    def answer(_: Scripted, __: Command) -> Exchange:
        chunk = yield Await.chunk(5, 100)
        assert chunk is not None
        yield Reply.completion(chunk.parts[0] + b"!\r\n")

    talk = building.opened("smtp", partial(Scripted, answers={"BDAT": answer}))
    assert talk.say(b"BDAT\r\n12\r\n3A\r\n") == b"12\r\n3!\r\ndid A\r\n"


def test_literal_granted(building: Building) -> None:
    """A synchronizing literal is let come where the session admits it."""
    talk, scripted = _scripted(building, "imap")
    assert talk.say(b"a X {3}\r\n").startswith(b"+ ")
    assert talk.say(b"abc\r\n") == b"did X\r\n"
    assert scripted.asked == ["literal 3", "X"]


def test_literal_refused(building: Building) -> None:
    """A refused literal is answered at once; the next line is a command again."""
    talk, scripted = _scripted(building, "imap", refuse_literals=True)
    assert talk.say(b"a X {3}\r\nb Y\r\n") == b"x NO no literals\r\ndid Y\r\n"
    assert scripted.asked == ["literal 3", "Y"]


@pytest.mark.parametrize(
    ("service", "limit", "answer"),
    [
        ("smtp", {"smtp_line": 20}, b"500 5.5.2 "),
        ("pop3", {"pop3_line": 20}, b"-ERR "),
        ("imap", {"imap_line": 20}, b"aaaa BAD "),
    ],
)
def test_a_line_beyond_its_limit(building: Building, service: str, limit: dict[str, float], answer: bytes) -> None:
    """An overlong line is answered with an error, never reaches the session, and the next line does."""
    building.limit(**limit)
    talk, scripted = _scripted(building, service)
    assert talk.say(b"aaaa NOOP " + b"b" * 30 + b"\r\n").startswith(answer)
    talk.say(b"c D\r\n")
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(
    ("service", "line"),
    [
        ("smtp", b"AUTH PLAIN s3cret" + b"x" * 600),
        ("pop3", b"PASS s3cret" + b"x" * 600),
        ("imap", b"a LOGIN alice s3cret" + b"x" * 600),
        ("imap", b"a LOGIN alice {9999999}"),
        ("imap", b"a LOGIN {5+}\r\nalice s3cret {9999+}\r\n" + b"y" * 9999),
    ],
)
def test_an_overlong_credential_is_masked(building: Building, service: str, line: bytes) -> None:
    """What is too long to be understood is no reason to show a password."""
    building.limit(smtp_line=512, pop3_line=512, imap_line=512, literal_before_login=100)
    talk = building.opened(service)
    talk.say(line + b"\r\n")
    (received,) = talk.all(events.CommandReceived)
    assert isinstance(received, events.CommandReceived)
    assert b"s3cret" not in received.masked
    assert received.masked.endswith(b"****\r\n")


def test_unsolicited_while_idle(building: Building) -> None:
    """What happens elsewhere is told when the session is notified, between commands and inside a wait."""
    talk, scripted = _scripted(building)
    scripted.pending = [b"* news\r\n"]
    assert talk.pull() == b"", "nobody notified"
    scripted.link.notify()
    assert talk.woken == 1
    assert talk.pull() == b"* news\r\n"
    talk.say(b"WAIT\r\n")
    scripted.pending = [b"* more\r\n"]
    scripted.link.notify()
    assert talk.pull() == b"* more\r\n"
    assert talk.say(b"x\r\n") == b"WAIT heard x\r\n"


def test_notified_by_its_own_answer(building: Building) -> None:
    """A session may notify while it is being advanced (its own change wakes it): nothing is said twice or lost."""

    def answer(scripted: Scripted, __: Command) -> Exchange:
        scripted.pending.append(b"* own\r\n")
        scripted.link.notify()
        yield Reply.completion(b"done\r\n")

    talk = building.opened("smtp", partial(Scripted, answers={"X": answer}))
    assert sorted(talk.say(b"X\r\n").splitlines()) == [b"* own", b"done"]
    assert talk.pull() == b""


def test_notified_after_the_end(building: Building) -> None:
    """A notification that comes when everything is over is nobody's business."""
    talk, scripted = _scripted(building)
    talk.membrane.disconnected()
    scripted.pending = [b"* late\r\n"]
    scripted.link.notify()
    assert talk.pull() == b""


def test_farewell_ends_it(building: Building) -> None:
    """After the last words nothing is read and the connection closes."""

    def answer(_: Scripted, __: Command) -> Exchange:
        yield Reply.untagged(b"* BYE\r\n")
        yield Reply.farewell(b"bye\r\n")
        yield Reply.completion(b"never\r\n")

    talk = building.opened("smtp", partial(Scripted, answers={"QUIT": answer}))
    assert talk.say(b"QUIT\r\nA\r\n") == b"* BYE\r\nbye\r\n"
    assert talk.closed


def test_disconnected_inside_a_wait(building: Building) -> None:
    """A connection that goes away ends the exchange that waits, and its session, once."""
    ended: list[str] = []

    def answer(_: Scripted, __: Command) -> Exchange:
        try:
            yield Await.line()
        finally:
            ended.append("exchange")

    made: list[Scripted] = []

    def make(link: Link) -> Scripted:
        made.append(Scripted(link, {"X": answer}))
        return made[-1]

    talk = building.opened("smtp", make)
    talk.say(b"X\r\n")
    talk.membrane.disconnected()
    talk.membrane.disconnected()
    assert ended == ["exchange"]
    assert made[0].gone


@pytest.mark.parametrize("raw", [b"A\r\n", b"a \xff\xfe\r\n", b"\r\n", b"\0\r\n"])
def test_every_command_is_an_event(building: Building, raw: bytes) -> None:
    """The transcript has each command's octets as they came."""
    talk, _ = _scripted(building)
    talk.say(raw)
    (received,) = talk.all(events.CommandReceived)
    assert isinstance(received, events.CommandReceived)
    assert (received.data, received.size, received.secure) == (raw, len(raw), False)


def test_every_reply_is_an_event(building: Building) -> None:
    """The transcript has each reply's octets."""
    talk, _ = _scripted(building)
    said = talk.say(b"A\r\nWAIT\r\nx\r\n")
    replies = [event for event in talk.all(events.ReplySent) if isinstance(event, events.ReplySent)]
    assert b"".join(reply.data for reply in replies) == b"hello\r\n" + said
    assert [reply.kind for reply in replies] == ["greeting", "completion", "continuation", "completion"]


_MAKERS: dict[str, Callable[[bytes], bytes]] = {
    "smtp": lambda word: word + b"\r\n",
    "imap": lambda word: b"a " + word + b"\r\n",
    "pop3": lambda word: word + b"\r\n",
}


@pytest.mark.parametrize(("service", "last"), [("smtp", b"421 "), ("imap", b"* BYE "), ("pop3", b"-ERR ")])
def test_bad_commands_are_counted(building: Building, service: str, last: bytes) -> None:
    """Nonsense is answered up to a limit, then with a farewell."""
    building.limit(bad_commands=5)
    talk = building.opened(service)
    answers: list[bytes] = []
    while not talk.closed and len(answers) < 10:
        answers.append(talk.say(_MAKERS[service](b"XYZZY")))
    assert len(answers) in (5, 6), "the fifth, or the first beyond five"
    assert all(answers)
    assert answers[-1].splitlines()[-1].startswith(last)


def test_leniency_is_told_once_for_each_kind(building: Building) -> None:
    """However often a client needs it, the transcript holds one event for each thing that is wrong."""
    talk = building.opened("smtp")
    talk.say(b"EHLO web_1\r\n" + b"MAIL FROM:<www@web_1>\r\nRSET\r\n" * 3 + b"MAIL FROM:root\r\n")
    assert [event.what for event in talk.all(events.Tolerated) if isinstance(event, events.Tolerated)] == [
        "MAIL with an underscore in the domain",
        "MAIL with no angle brackets",
        "MAIL with no domain",
    ]


def test_delivery_is_told_with_the_envelope(building: Building) -> None:
    """At delivery the event has what the store keeps beside the mail, and where each recipient's copy went."""
    talk = building.opened("smtp")
    talk.say(
        b"EHLO me\r\nMAIL FROM:<a@b> RET=HDRS\r\nRCPT TO:<alice+x@lab.test> NOTIFY=NEVER\r\n"
        b"RCPT TO:<zoe@elsewhere.example>\r\nDATA\r\nhi\r\n.\r\n"
    )
    (event,) = talk.all(events.MailDelivered)
    assert isinstance(event, events.MailDelivered)
    assert event.envelope == {
        "sender": "a@b",
        "recipients": [
            {"address": "alice+x@lab.test", "parameters": {"NOTIFY": "NEVER"}, "account": "alice"},
            {"address": "zoe@elsewhere.example", "parameters": {}, "account": "catchall"},
        ],
        "parameters": {"RET": "HDRS"},
        "helo": "me",
        "peer": "127.0.0.1",
        "service": "smtp",
        "protocol": "ESMTP",
        "account": "",
    }


def test_an_envelope_has_no_password(building: Building) -> None:
    """What stands where a name or an identity belongs, and is none, is not told."""
    building.cleartext = True
    talk = building.opened("smtp")
    talk.say(b"EHLO alice:s3cret\r\nMAIL FROM:<a@b> AUTH=s3cret\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\nhi\r\n.\r\n")
    (event,) = talk.all(events.MailDelivered)
    assert isinstance(event, events.MailDelivered)
    assert (event.envelope["helo"], event.envelope["parameters"]) == ("****", {"AUTH": "****"})


def test_a_report_is_a_delivery_of_its_own(building: Building) -> None:
    """The mail and the report about it are told, in this order."""
    talk = building.opened("smtp")
    talk.say(b"EHLO me\r\nMAIL FROM:<bob@lab.test>\r\nRCPT TO:<alice@lab.test> NOTIFY=SUCCESS\r\nDATA\r\nhi\r\n.\r\n")
    told = [event.envelope for event in talk.all(events.MailDelivered) if isinstance(event, events.MailDelivered)]
    assert [envelope["sender"] for envelope in told] == ["bob@lab.test", ""]
