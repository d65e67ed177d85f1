"""When a misbehaviour acts, by table."""

from __future__ import annotations

import pytest

from labserver.dialogues.exchange import Reply
from labserver.dialogues.purposes import Purpose
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.conditions import Nth, When
from labserver.misbehaviours.moment import Memories, Memory, Moment, Occasion, Phase, Scope
from labserver.misbehaviours.notation import misbehaviour
from tests.misbehaviours.stage import command, moment

NUMBERS = {
    "2": [2],
    "1-2": [1, 2],
    "3-": [3, 4, 5, 6],
    "every 2": [2, 4, 6],
}


@pytest.mark.parametrize(("text", "numbers"), NUMBERS.items())
def test_nth(text: str, numbers: list[int]) -> None:
    """A number, a range, an open range, every so many."""
    assert [number for number in range(1, 7) if Nth(text).holds(number)] == numbers
    assert Nth.read(text) == Nth(text)
    assert hash(Nth.read(text)) == hash(Nth(text))
    assert repr(Nth(text)) == f"Nth({text!r})"


def test_nth_as_a_number() -> None:
    """A number need not be in quotes."""
    assert Nth.read(2) == Nth("2")


@pytest.mark.parametrize("text", ["0", "2-1", "every 0", "every", "-2", "1,2", "", "two", "1 - 2", True, None, 1.5])
def test_no_nth(text: object) -> None:
    """What is empty or has another form is refused with what can be said."""
    with pytest.raises(ValueError, match=r"is not \"2\", \"1-2\", \"3-\" or \"every 2\"|is empty"):
        Nth.read(text)


def test_a_service_has_to_exist() -> None:
    """A mistyped one is told which was meant."""
    with pytest.raises(ValueError, match="'impa' is not a service; did you mean imap"):
        When(service="impa")


def _imap(line: bytes = b"a NOOP", *parts: bytes) -> Moment:
    return moment("imap", command("imap", line, *parts))


def _smtp(*lines: bytes, code: str = "250") -> Moment:
    """Return the moment of the last line, after the others were accepted."""
    here = moment("smtp")
    for line in lines[:-1]:
        here.asks(command("smtp", line))
        here.answers(Reply.completion(b"x", code))
        here.done()
    here.asks(command("smtp", lines[-1]))
    return here


def _selected(name: bytes, *, code: str = "OK", then: bytes = b"b NOOP") -> Moment:
    here = moment("imap", command("imap", b"a SELECT " + name))
    here.answers(Reply.untagged(b"* 3 EXISTS\r\n"))
    here.answers(Reply.completion(b"a x\r\n", code))
    here.done()
    here.asks(command("imap", then))
    return here


def _logged_in(account: str | None) -> Moment:
    here = _imap()
    here.account = account
    return here


def _secure() -> Moment:
    here = _selected(b"INBOX")
    here.crossed()
    here.asks(command("imap", b"a NOOP"))
    return here


MAIL, RCPT, OTHER = b"MAIL FROM:<Alice@Lab.Test>", b"RCPT TO:<bob@lab.test>", b"RCPT TO:<carol@lab.test> NOTIFY=NEVER"
HOLDS: dict[str, tuple[When, Moment, bool]] = {
    "nothing said": (When(), moment(), True),
    "the verb": (When(command="noop"), _imap(), True),
    "one of several": (When(command=("FETCH", "NOOP")), _imap(), True),
    "another verb": (When(command="FETCH"), _imap(), False),
    "no command at all": (When(command="FETCH"), moment(), False),
    "UID FETCH is FETCH": (When(command="FETCH"), _imap(b"a UID FETCH 1 FLAGS"), True),
    "FETCH is not UID FETCH": (When(command="UID FETCH"), _imap(b"a FETCH 1 FLAGS"), False),
    "the purpose": (When(purpose=Purpose.UPGRADE), _imap(b"a STARTTLS"), True),
    "the purpose elsewhere": (When(purpose=Purpose.UPGRADE), moment("pop3", command("pop3", b"STLS")), True),
    "another purpose": (When(purpose=(Purpose.MAIL, Purpose.MAILBOX)), _imap(b"a STARTTLS"), False),
    "the service": (When(service="imap"), _imap(), True),
    "another service": (When(service=("imaps", "pop3")), _imap(), False),
    "in clear": (When(phase=Phase.CLEAR), _imap(), True),
    "not in TLS": (When(phase=Phase.TLS), _imap(), False),
    "in TLS": (When(phase=Phase.TLS), _secure(), True),
    "not logged in": (When(phase=Phase.AUTHENTICATED), _imap(), False),
    "anonymous is logged in": (When(phase=(Phase.CLEAR, Phase.AUTHENTICATED)), _logged_in(""), True),
    "all phases": (When(phase=(Phase.TLS, Phase.AUTHENTICATED)), _logged_in("a"), False),
    "selected": (When(phase=Phase.SELECTED), _selected(b"INBOX"), True),
    "not selected after NO": (When(phase=Phase.SELECTED), _selected(b"INBOX", code="NO"), False),
    "TLS forgets what was selected": (When(phase=Phase.SELECTED), _secure(), False),
    "the account": (When(account="ali*"), _logged_in("alice"), True),
    "another account": (When(account="ali*"), _logged_in("bob"), False),
    "nobody": (When(account="*"), _logged_in(None), False),
    "the selected mailbox": (When(mailbox="inbox"), _selected(b"Inbox"), True),
    "another mailbox": (When(mailbox="Work"), _selected(b"INBOX"), False),
    "no mailbox": (When(mailbox="*"), _imap(), False),
    "the named mailbox first": (When(mailbox="Work"), _selected(b"INBOX", then=b'b STATUS "Work" (MESSAGES)'), True),
    "a copy's destination": (When(mailbox="Work"), _selected(b"INBOX", then=b"b UID COPY 1 Work"), True),
    "a literal": (When(mailbox="W rk"), _imap(b"a SELECT {4}", b"W rk", b""), True),
    "modified UTF-7": (When(mailbox="Entwürfe"), _imap(b"a SELECT Entw&APw-rfe"), True),
    "what is no name": (When(mailbox="*"), _imap(b"a SELECT \xff&-&"), True),
    "a quoted name": (When(mailbox='a"b c'), _imap(rb'a SELECT "a\"b c"'), True),
    "the sender": (When(sender="alice@*"), _smtp(MAIL), True),
    "the sender later": (When(sender="alice@lab.test"), _smtp(MAIL, RCPT), True),
    "another sender": (When(sender="bob@*"), _smtp(MAIL, RCPT), False),
    "no sender": (When(sender=""), _smtp(b"MAIL FROM:<>", RCPT), True),
    "the sender is gone": (When(sender="alice@*"), _smtp(MAIL, b"RSET", b"NOOP"), False),
    "the recipient": (When(recipient="carol@*"), _smtp(MAIL, RCPT, OTHER), True),
    "not the one before": (When(recipient="bob@*"), _smtp(MAIL, RCPT, OTHER), False),
    "any recipient of the mail": (When(recipient="BOB@*"), _smtp(MAIL, RCPT, OTHER, b"DATA"), True),
    "no recipient after DATA": (When(recipient="bob@*"), _smtp(MAIL, RCPT, b"DATA", b"NOOP"), False),
    "no recipient after the last chunk": (When(recipient="bob@*"), _smtp(MAIL, RCPT, b"BDAT 1 LAST", b"NOOP"), False),
    "a recipient between chunks": (When(recipient="bob@*"), _smtp(MAIL, RCPT, b"BDAT 1", b"BDAT 1 LAST"), True),
    "a refused recipient": (When(recipient="bob@*"), _smtp(RCPT, b"DATA", code="550"), False),
    "a refused sender": (When(sender="alice@*"), _smtp(MAIL, b"RCPT TO:<x@y>", code="550"), False),
}


@pytest.mark.parametrize(("when", "here", "holds"), HOLDS.values(), ids=HOLDS)
def test_what_is_so(when: When, here: Moment, holds: bool) -> None:  # noqa: FBT001 -- a column
    """Each condition alone."""
    assert when.holds(here, Occasion.COMMAND, 0) is holds


def test_quiet() -> None:
    """Silence is met once for each length of it that somebody waits for."""
    here = moment()
    here.quiet = 5.0
    assert When(idle=5).holds(here, Occasion.QUIET, 0)
    assert not When(idle=2).holds(here, Occasion.QUIET, 0)
    assert When(idle=2).holds(here, Occasion.COMMAND, 0)


class TestCounting:
    """Who counts what together."""

    @staticmethod
    def _counted(when: When, moments: list[Moment]) -> list[bool]:
        return [when.holds(one, Occasion.COMMAND, 0) for one in moments]

    def test_only_where_all_else_holds(self) -> None:
        """A number counts the occasions on which the other conditions hold."""
        when = When(command="RCPT", nth=Nth("2"))
        here = _smtp(MAIL)
        held = []
        for line in (MAIL, RCPT, MAIL, RCPT, RCPT):
            here.asks(command("smtp", line))
            held.append(when.holds(here, Occasion.COMMAND, 0))
        assert held == [False, False, False, True, False]

    def test_a_session_for_itself(self) -> None:
        """Two sessions do not share what each of them counts."""
        when, shared = When(nth=Nth("2")), Memories()
        first, second = (moment("imap", command("imap", b"a NOOP"), memories=shared) for _ in range(2))
        assert self._counted(when, [first, second, first, second]) == [False, False, True, True]

    def test_a_lease(self) -> None:
        """Sessions of one lease count together, and another lease by itself."""
        when, lab = When(nth=Nth("2"), scope=Scope.LEASE), Memories()
        here, there = lab.leased(), lab.leased()
        moments = [moment(memories=where) for where in (here, there, here, there)]
        assert self._counted(when, moments) == [False, False, True, True]

    def test_the_lab(self) -> None:
        """All leases count together."""
        when, lab = When(nth=Nth("2-"), scope=Scope.LAB), Memories()
        moments = [moment(memories=where) for where in (lab.leased(), lab.leased(), lab)]
        assert self._counted(when, moments) == [False, True, True]

    def test_an_account(self) -> None:
        """Sessions of one account count together, at one place."""
        when, here = When(nth=Nth("2"), scope=Scope.ACCOUNT), Memories()
        moments = [moment(memories=here) for _ in range(4)]
        for one, account in zip(moments, ("alice", "bob", "alice", None), strict=True):
            one.account = account
        assert self._counted(when, moments) == [False, False, True, False]

    def test_who_is_logging_in(self) -> None:
        """Credentials are counted, and asked about, for the account that they are for."""
        link = misbehaviour(
            {"kind": "login-refused", "when": {"account": "al*", "nth": "1", "scope": "account"}},
        )
        chain, here = Chain([link]), moment()
        believed = [chain.believes(name, True, here).right for name in ("alice", "alice", "alan", "bob")]  # noqa: FBT003 -- the hook's
        assert believed == [False, True, False, True]
        assert here.whose is None

    def test_a_place_in_the_chain(self) -> None:
        """Two links with the same conditions count for themselves."""
        when, here = When(nth=Nth("1")), moment()
        assert [when.holds(here, Occasion.COMMAND, place) for place in (0, 1, 0, 1)] == [True, True, False, False]

    def test_memory_is_bounded(self) -> None:
        """A client that invents account names has the oldest counts forgotten."""
        memory = Memory()
        assert memory.count("first") == 1
        for number in range(5_000):
            memory.count("account", number)
        assert memory.count("first") == 1
        assert memory.count("account", 4_999) == 2

    def test_recipients_are_bounded(self) -> None:
        """A transaction without end keeps some of its addresses."""
        here = moment("smtp", command("smtp", MAIL))
        for _ in range(1_500):
            here.asks(command("smtp", RCPT))
        assert len(here.recipients) <= 1_001


class TestChance:
    """A chance is a function of the seed and the place, and no stream."""

    @staticmethod
    def _drawn(seed: str, *, interleaved: bool = False, chance: float = 0.5, place: int = 0) -> list[bool]:
        memories = Memories(seed=seed, scenario="x")
        here, other = (moment(memories=memories) for _ in range(2))
        drawn = []
        for _ in range(64):
            drawn.append(When(chance=chance).holds(here, Occasion.COMMAND, place))
            if interleaved:
                When(chance=chance).holds(other, Occasion.COMMAND, place)
        return drawn

    def test_the_same_with_the_same_seed(self) -> None:
        """Another session in between changes nothing; another seed or place does."""
        assert self._drawn("7") == self._drawn("7", interleaved=True)
        assert self._drawn("7") != self._drawn("8")
        assert self._drawn("7") != self._drawn("7", place=1)

    def test_about_as_often(self) -> None:
        """It holds about as often as it says."""
        assert 20 < sum(self._drawn("7")) < 44
        assert all(self._drawn("7", chance=1))
        assert sum(self._drawn("7", chance=0.01)) < 6

    def test_sessions_differ(self) -> None:
        """Two sessions of one place do not draw the same, and each has its own nonce."""
        memories = Memories(seed="7")
        first, second = (moment(memories=memories) for _ in range(2))
        draws = [[When(chance=0.5).holds(one, Occasion.COMMAND, 0) for _ in range(64)] for one in (first, second)]
        assert draws[0] != draws[1]
        assert first.nonce != second.nonce
        assert len(first.nonce) == 8


def test_what_a_moment_says() -> None:
    """Tag, mailbox and time, with what is said where there is none."""
    here = moment()
    assert (here.tag, here.mailbox, here.mailbox_octets, here.elapsed(), here.purpose) == (b"*", "", b"", 0.0, None)
    here.asks(command("imap", b"a7 CREATE Work"))
    assert (here.tag, here.mailbox) == (b"a7", "Work")
    here.answers(Reply.completion(b"a7 OK\r\n", "OK"))
    here.done()
    assert (here.tag, here.mailbox) == (b"*", "")


def test_what_the_honest_server_never_heard_of() -> None:
    """A recipient that somebody else refused is none of the mail's, and a sender no transaction's."""
    here = moment("smtp")
    for line, heard in ((MAIL, True), (RCPT, False), (OTHER, True)):
        here.asks(command("smtp", line))
        if heard:
            here.answers(Reply.completion(b"250 x\r\n", "250"))
        here.done()
    assert list(here.addressed) == ["carol@lab.test"]
    here.asks(command("smtp", b"MAIL FROM:<eve@lab.test>"))
    assert here.sender == "eve@lab.test"
    here.done()
    assert here.sender == ""


def test_closed_mailboxes() -> None:
    """A mailbox is selected until it is closed."""
    here = _selected(b"INBOX", then=b"c CLOSE")
    here.answers(Reply.completion(b"c BAD x\r\n", "BAD"))
    assert Phase.SELECTED in here.phases
    here.answers(Reply.completion(b"c OK x\r\n", "OK"))
    assert Phase.SELECTED not in here.phases
