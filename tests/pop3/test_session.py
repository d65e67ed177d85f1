"""The session as a whole: states, capabilities, the lock, the limits, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.dialogues.exchange import ReplyKind
from labserver.effort import GiveWay
from labserver.errors import StoreError
from labserver.mailstore.message import Body
from labserver.pop3.commands import ALWAYS, BEFORE_LOGIN, TRANSACTION
from labserver.wire.framing import LiteralRequest
from tests.pop3.conftest import LONGER, SHORT
from tests.work import Counted

if TYPE_CHECKING:
    from tests.pop3.conftest import Line, Post

PLAYBOOK: list[tuple[bytes, bytes]] = [
    (b"STAT\r\n", b"+OK 2 69\r\n"),
    (b"stat\r\n", b"+OK 2 69\r\n"),
    (b"STAT \r\n", b"+OK 2 69\r\n"),
    (b"STAT 1\r\n", b"-ERR Syntax: STAT\r\n"),
    (b"LIST\r\n", b"+OK 2 messages (69 octets)\r\n1 23\r\n2 46\r\n.\r\n"),
    (b"LIST 2\r\n", b"+OK 2 46\r\n"),
    (b"LIST 3\r\n", b"-ERR No such message, the maildrop has 2\r\n"),
    (b"LIST 0\r\n", b"-ERR No such message, the maildrop has 2\r\n"),
    (b"LIST -1\r\n", b"-ERR Syntax: LIST [message]\r\n"),
    (b"LIST 1 2\r\n", b"-ERR Syntax: LIST [message]\r\n"),
    (b"LIST 99999999999\r\n", b"-ERR Syntax: LIST [message]\r\n"),
    (b"LIST \xb2\r\n", b"-ERR Syntax: LIST [message]\r\n"),
    (b"UIDL\r\n", b"+OK Unique ids follow\r\n1 VALIDITY.1\r\n2 VALIDITY.2\r\n.\r\n"),
    (b"UIDL 2\r\n", b"+OK 2 VALIDITY.2\r\n"),
    (b"UIDL 3\r\n", b"-ERR No such message, the maildrop has 2\r\n"),
    (b"RETR 1\r\n", b"+OK 23 octets\r\nSubject: one\r\n\r\nfirst\r\n.\r\n"),
    (
        b"RETR 2\r\n",
        b"+OK 46 octets\r\nSubject: two\r\nX-Dots: .\r\n\r\n..\r\n...\r\nthird line\r\n.\r\n",
    ),
    (b"RETR\r\n", b"-ERR Syntax: RETR message\r\n"),
    (b"RETR x\r\n", b"-ERR Syntax: RETR message\r\n"),
    (b"RETR 3\r\n", b"-ERR No such message, the maildrop has 2\r\n"),
    (b"TOP 2 0\r\n", b"+OK Top of the message follows\r\nSubject: two\r\nX-Dots: .\r\n\r\n.\r\n"),
    (b"TOP 2 1\r\n", b"+OK Top of the message follows\r\nSubject: two\r\nX-Dots: .\r\n\r\n..\r\n.\r\n"),
    (b"TOP 1 9999999999\r\n", b"+OK Top of the message follows\r\nSubject: one\r\n\r\nfirst\r\n.\r\n"),
    (b"TOP 1\r\n", b"-ERR Syntax: TOP message lines\r\n"),
    (b"TOP 1 -1\r\n", b"-ERR Syntax: TOP message lines\r\n"),
    (b"TOP 3 1\r\n", b"-ERR No such message, the maildrop has 2\r\n"),
    (b"NOOP\r\n", b"+OK Still here\r\n"),
    (b"LAST\r\n", b"-ERR Unknown command\r\n"),
    (b"\r\n", b"-ERR Unknown command\r\n"),
    (b"\xff\xfe\r\n", b"-ERR Unknown command\r\n"),
    (b"LANG\r\n", b"+OK Languages follow\r\nen English\r\ni-default Default language\r\n.\r\n"),
    (b"LANG *\r\n", b"+OK en English\r\n"),
    (b"LANG en-GB\r\n", b"+OK en English\r\n"),
    (b"LANG i-default\r\n", b"+OK i-default Default language\r\n"),
    (b"LANG de\r\n", b"-ERR This language is not available\r\n"),
    (b"LANG d\xc3\xa9\r\n", b"-ERR Syntax: LANG [language]\r\n"),
    (b"DELE 1\r\n", b"+OK Message 1 is marked as deleted\r\n"),
    (b"DELE 1\r\n", b"-ERR Message 1 is marked as deleted\r\n"),
    (b"DELE 3\r\n", b"-ERR No such message, the maildrop has 2\r\n"),
    (b"DELE\r\n", b"-ERR Syntax: DELE message\r\n"),
    (b"STAT\r\n", b"+OK 1 46\r\n"),
    (b"LIST\r\n", b"+OK 1 messages (46 octets)\r\n2 46\r\n.\r\n"),
    (b"LIST 1\r\n", b"-ERR Message 1 is marked as deleted\r\n"),
    (b"UIDL\r\n", b"+OK Unique ids follow\r\n2 VALIDITY.2\r\n.\r\n"),
    (b"UIDL 1\r\n", b"-ERR Message 1 is marked as deleted\r\n"),
    (b"RETR 1\r\n", b"-ERR Message 1 is marked as deleted\r\n"),
    (b"TOP 1 0\r\n", b"-ERR Message 1 is marked as deleted\r\n"),
    (b"RSET\r\n", b"+OK The maildrop has 2 messages (69 octets)\r\n"),
    (b"STAT\r\n", b"+OK 2 69\r\n"),
    (b"DELE 2\r\n", b"+OK Message 2 is marked as deleted\r\n"),
    (b"QUIT\r\n", b"+OK Goodbye\r\n"),
]


def spelled(post: Post, said: bytes) -> bytes:
    """Put the INBOX's own UIDVALIDITY in."""
    return said.replace(b"VALIDITY", b"%d" % post.inbox.uid_validity)


def test_a_transaction_step_by_step(filled: Post) -> None:
    """Every command of the TRANSACTION state, right and wrong; QUIT deletes what is marked and nothing else."""
    driver = filled.login()
    for said, answer in PLAYBOOK:
        assert driver.say(said) == spelled(filled, answer), said
    assert driver.closed
    assert [message.uid for message in filled.inbox.messages] == [1]


def test_pipelining(filled: Post) -> None:
    """The same session in one packet gives the same answers, in order (RFC 2449 6.6)."""
    driver = filled.login()
    said = b"".join(said for said, _ in PLAYBOOK)
    assert driver.say(said) == spelled(filled, b"".join(answer for _, answer in PLAYBOOK))


def test_nothing_is_answered_after_quit(filled: Post) -> None:
    """What is pipelined behind QUIT is not looked at."""
    driver = filled.login()
    assert driver.say(b"QUIT\r\nSTAT\r\n") == b"+OK Goodbye\r\n"


@pytest.mark.parametrize("verb", sorted({*TRANSACTION, *BEFORE_LOGIN}))
def test_every_command_in_the_wrong_state(filled: Post, verb: str) -> None:
    """A command of the other state is refused, and is no unknown command."""
    driver = filled.connect() if verb in TRANSACTION else filled.login()
    expected = b"-ERR Log in first\r\n" if verb in TRANSACTION else b"-ERR You are logged in already\r\n"
    assert driver.say(verb.encode() + b" 1 1\r\n") == expected


def test_the_three_tables_do_not_overlap() -> None:
    """A command is in one table, so that its state is said once."""
    assert len({*ALWAYS, *BEFORE_LOGIN, *TRANSACTION}) == len(ALWAYS) + len(BEFORE_LOGIN) + len(TRANSACTION)


@pytest.mark.parametrize("said", [b"QUIT\r\n", b"quit \r\n", b"QUIT\n"])
def test_quit_before_login(post: Post, said: bytes) -> None:
    """QUIT is possible without a maildrop."""
    driver = post.connect()
    assert driver.say(said) == b"+OK Goodbye\r\n"
    assert driver.closed


FULL = [
    *(b"TOP", b"UIDL", b"RESP-CODES", b"AUTH-RESP-CODE", b"PIPELINING", b"EXPIRE NEVER", b"LANG", b"UTF8 USER"),
    *(b"USER", b"SASL SCRAM-SHA-256 PLAIN", b"IMPLEMENTATION labserver"),
]


def capa(answer: bytes) -> list[bytes]:
    """Return CAPA's lines."""
    lines = answer.split(b"\r\n")
    assert lines[0].startswith(b"+OK")
    assert lines[-2:] == [b".", b""]
    return lines[1:-2]


def test_capabilities_in_tls(post: Post, line: Line) -> None:
    """All that is there, and no STLS."""
    assert capa(post.connect(line).say(b"CAPA\r\n")) == FULL


def test_capabilities_in_clear(post: Post, line: Line) -> None:
    """No USER, no SASL before TLS, but STLS; no claim to take UTF-8 in USER."""
    line.offers_starttls, line.mechanisms, line.accepts_passwords = True, (), False
    lines = capa(post.connect(line).say(b"CAPA\r\n"))
    assert b"STLS" in lines
    assert b"UTF8" in lines
    assert not [name for name in lines if name.startswith((b"USER", b"SASL", b"UTF8 "))]


def test_capabilities_do_not_change_with_login(post: Post, line: Line) -> None:
    """RFC 2449 5: what is announced before authentication is announced after it, whatever the link says then."""
    driver = post.connect(line)
    before = driver.say(b"CAPA\r\n")
    assert driver.authenticate("alice").startswith(b"+OK")
    line.mechanisms, line.accepts_passwords = (), False
    assert driver.say(b"CAPA\r\n") == before


def test_the_greeting_has_a_timestamp_only_for_apop(post: Post) -> None:
    """Clients take anything in angle brackets for an invitation to APOP."""
    assert post.connect().session.greeting().raw == b"+OK labserver ready\r\n"
    stamped = post.connect(timestamp=b"<1.2@lab.localhost>").session.greeting()
    assert stamped.raw == b"+OK labserver ready <1.2@lab.localhost>\r\n"
    assert stamped.kind is ReplyKind.GREETING


def test_one_session_at_a_time(filled: Post) -> None:
    """The second session is told [IN-USE] and stays unauthenticated, until the first one is gone."""
    first = filled.login()
    second = filled.connect()
    assert second.authenticate("alice") == b"-ERR [IN-USE] Another session has the maildrop\r\n"
    assert second.say(b"USER alice\r\nPASS secret\r\n").endswith(b"-ERR [IN-USE] Another session has the maildrop\r\n")
    assert second.say(b"STAT\r\n") == b"-ERR Log in first\r\n"
    second.session.disconnected()
    assert filled.connect().authenticate("alice").startswith(b"-ERR [IN-USE]")
    first.say(b"QUIT\r\n")
    assert second.authenticate("alice").startswith(b"+OK")


def test_several_sessions_without_the_lock(filled: Post) -> None:
    """Where the operator wants it, a maildrop is shared: each session sees what was there when it began."""
    filled.exclusive = False
    first, second = filled.login(), filled.login()
    first.say(b"DELE 1\r\nQUIT\r\n")
    assert second.say(b"STAT\r\nRETR 1\r\n").splitlines() == [
        b"+OK 2 69",
        b"-ERR Message 1 was expunged by another session",
    ]
    assert second.say(b"DELE 1\r\nDELE 2\r\nQUIT\r\n").endswith(b"+OK Goodbye\r\n")
    assert filled.inbox.messages == []


def test_other_maildrops_are_free(filled: Post) -> None:
    """The lock is per maildrop."""
    filled.login()
    assert filled.connect().authenticate("bob") == b"+OK The maildrop has 0 messages (0 octets)\r\n"


def test_a_lost_connection_deletes_nothing(filled: Post) -> None:
    """RFC 1939 6: without QUIT no message goes, and the lock is free again."""
    driver = filled.login()
    driver.say(b"DELE 1\r\n")
    driver.session.disconnected()
    driver.session.disconnected()
    assert len(filled.inbox.messages) == 2
    assert filled.login().say(b"STAT\r\n") == b"+OK 2 69\r\n"


def test_unique_ids_stay(filled: Post) -> None:
    """A message has the same unique id in every session, whatever else came or went."""
    driver = filled.login()
    before = driver.say(b"UIDL 2\r\n")
    driver.say(b"DELE 1\r\nQUIT\r\n")
    filled.deliver(b"new")
    assert filled.login().say(b"UIDL\r\n") == spelled(
        filled, b"+OK Unique ids follow\r\n1 VALIDITY.2\r\n2 VALIDITY.3\r\n.\r\n"
    )
    assert before == spelled(filled, b"+OK 2 VALIDITY.2\r\n")


@pytest.mark.parametrize(("content", "size"), [(b"", 0), (b"x", 3), (b"x\n", 4), (b"x\r", 4), (b".x\r\n", 4)])
def test_retr_announces_what_it_sends(post: Post, content: bytes, size: int) -> None:
    """The end of the last line is counted where RETR has to add it, and no dot that stuffs one (RFC 1939 3)."""
    post.deliver(content)
    answer = post.login().say(b"RETR 1\r\n")
    announced, _, sent = answer.removesuffix(b".\r\n").partition(b"\r\n")
    assert announced == b"+OK %d octets" % size
    assert len(sent) - sent.startswith(b".") == size


def test_new_mail_does_not_change_a_session(filled: Post) -> None:
    """What arrives meanwhile is for the next session."""
    driver = filled.login()
    filled.deliver(b"third")
    assert driver.say(b"STAT\r\nRETR 3\r\n") == b"+OK 2 69\r\n-ERR No such message, the maildrop has 2\r\n"
    driver.say(b"DELE 1\r\nDELE 2\r\nQUIT\r\n")
    assert [message.content for message in filled.inbox.messages] == [b"third"]


def test_a_message_expunged_meanwhile(filled: Post) -> None:
    """Numbers, sizes and ids stay; reading it fails; deleting it is no error."""
    driver = filled.login()
    filled.inbox.expunge([filled.inbox.messages[0]])
    assert driver.say(b"STAT\r\nLIST 1\r\n") == b"+OK 2 69\r\n+OK 1 23\r\n"
    gone = b"-ERR Message 1 was expunged by another session\r\n"
    assert driver.say(b"RETR 1\r\nTOP 1 0\r\n") == gone * 2
    assert driver.say(b"TOP 2 0\r\n").startswith(b"+OK")
    assert driver.say(b"DELE 1\r\nDELE 2\r\nQUIT\r\n").endswith(b"+OK Goodbye\r\n")
    assert filled.inbox.messages == []


def test_a_store_that_fails_at_quit(filled: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 1939 6: QUIT says that messages were not removed, and the lock is released all the same."""

    def fail(*changes: object) -> None:
        raise StoreError(f"The disk is full: {changes!r:.0}")

    driver = filled.login()
    driver.say(b"DELE 1\r\n")
    monkeypatch.setattr(filled.inbox, "commit", fail)
    assert driver.say(b"QUIT\r\n") == b"-ERR [SYS/TEMP] The messages were not deleted: The disk is full: \r\n"
    assert driver.closed
    assert filled.login().say(b"STAT\r\n") == b"+OK 2 69\r\n"


def test_a_store_that_fails_at_login(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's trouble is the system's, not the user's (RFC 3206 4)."""

    def fail(name: str) -> None:
        raise StoreError(f"No room for {name}")

    monkeypatch.setattr(post.store, "account", fail)
    driver = post.connect()
    assert driver.say(b"USER alice\r\nPASS secret\r\n").endswith(b"-ERR [SYS/TEMP] No room for alice\r\n")
    assert driver.authenticate("alice") == b"-ERR [SYS/TEMP] No room for alice\r\n"
    assert driver.say(b"STAT\r\n") == b"-ERR Log in first\r\n"


def test_too_many_bad_commands(post: Post) -> None:
    """Unknown commands and bad arguments count, commands in the wrong state do not; one too many is a farewell."""
    post.limit(bad_commands=2)
    driver = post.connect()
    assert driver.say(b"XYZZY\r\nLIST\r\nCAPA x\r\nLIST\r\n").count(b"-ERR") == 4
    assert driver.say(b"XYZZY\r\nCAPA\r\n") == b"-ERR [SYS/PERM] Too many errors, closing the connection\r\n"
    assert [reply.kind for reply in driver.replies].count(ReplyKind.FAREWELL) == 1


def test_stls_and_auth_before_login_only(post: Post) -> None:
    """The membrane may go ahead with STLS and AUTH in the AUTHORIZATION state, and never after it."""
    driver = post.connect()
    for expected in (True, False):
        assert driver.session.permits(driver.command(b"STLS")) is expected
        assert driver.session.permits(driver.command(b"AUTH PLAIN")) is expected
        driver.authenticate("alice")


def test_nothing_is_said_unasked(post: Post) -> None:
    """A POP3 server speaks only when it is spoken to, and has nothing to say about literals."""
    session = post.connect().session
    assert list(session.unsolicited()) == []
    assert session.admit(LiteralRequest(parts=(b"LIST {1}",), size=1)) is None


def test_long_listings_come_in_pieces(post: Post) -> None:
    """LIST and UIDL of 20,000 messages: pieces of at most 64 KiB (the driver checks), every line there."""
    post.deliver(*[b"x"] * 20_000)
    driver = post.login()
    answer = driver.say(b"LIST\r\n")
    assert driver.pieces > 3
    assert answer.split(b"\r\n")[1:] == [*(b"%d 1" % n for n in range(1, 20_001)), b".", b""]
    ids = driver.say(b"UIDL\r\n").split(b"\r\n")[1:-2]
    assert len({line.split(b" ")[1] for line in ids}) == 20_000


WORDS = st.sampled_from(
    [
        *(b"USER", b"PASS", b"APOP", b"AUTH", b"UTF8", b"CAPA", b"LANG", b"STAT", b"LIST", b"RETR", b"TOP", b"DELE"),
        *(b"RSET", b"UIDL", b"NOOP", b"alice", b"secret", b"1", b"2", b"3", b"0", b"-1", b"\xff", b"*", b"", b"9" * 30),
    ]
)
LINES = st.lists(WORDS, max_size=5).map(b" ".join) | st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b""))


@given(lines=st.lists(LINES, max_size=30))
def test_whatever_a_client_says(post_factory: type[Post], lines: list[bytes]) -> None:
    """Every line gets one answer that begins with +OK or -ERR, and only QUIT or a limit ends the session."""
    post = post_factory()
    post.deliver(b"Subject: one\r\n\r\nfirst\r\n", b"two")
    driver = post.connect()
    for said in lines:
        if driver.closed or said.upper().startswith(b"QUIT"):
            break
        answer = driver.say(said + b"\r\n")
        assert answer.startswith((b"+OK", b"-ERR"))
        assert answer.endswith(b"\r\n")
    assert len(post.inbox.messages) == 2


def test_a_long_header_gives_way(post: Post) -> None:
    """A header of mebibytes is read in windows, with turns for others, and its UTF-8 goes out as it came."""
    long = b"X: " + b"x" * (5 << 20) + b"\r\n"
    post.deliver(long + b"\r\nbody\r\n", long + "Y: ä\r\n\r\n".encode(), long + b"Y: \xe4\r\n\r\n")
    driver = post.login()
    assert driver.say(b"TOP 1 1\r\n").endswith(b"xx\r\n\r\nbody\r\n.\r\n")
    assert driver.ways_given >= 4
    assert driver.say(b"RETR 2\r\n").endswith("\r\nY: ä\r\n\r\n.\r\n".encode())
    assert driver.say(b"RETR 3\r\n").startswith(b"+OK ")


@pytest.mark.parametrize("cut", range(6))
def test_a_header_that_ends_at_a_windows_border(post: Post, cut: int) -> None:
    """The empty line is found where it lies across two windows."""
    header = b"X: " + b"x" * ((1 << 16) - 3 - cut) + b"\r\n\r\n"
    post.deliver(header + b"one\r\ntwo\r\n")
    assert post.login().say(b"TOP 1 1\r\n").endswith(b"x\r\n\r\none\r\n.\r\n")


def test_octets_of_what_is_gone(post: Post) -> None:
    """A maildrop keeps numbers, sizes and unique ids of what another session expunged, and none of its octets."""
    first, second = post.deliver(SHORT, LONGER)
    driver = post.login()
    post.inbox.expunge([first])
    assert not isinstance(first.body, Body)
    assert isinstance(second.body, Body)
    assert driver.say(b"RETR 1\r\n") == b"-ERR Message 1 was expunged by another session\r\n"
    assert driver.say(b"LIST 1\r\n") == b"+OK 1 %d\r\n" % len(SHORT)
    assert driver.say(b"UIDL 1\r\n").startswith(b"+OK 1 ")
    assert driver.say(b"DELE 1\r\n").startswith(b"+OK ")
    assert driver.say(b"QUIT\r\n").startswith(b"+OK ")


def test_many_deletions_take_turns(post: Post) -> None:
    """QUIT looks at what it deletes in turns; a client that leaves in the middle has deleted nothing."""
    post.deliver(*[SHORT] * 3000)
    leaving = post.login()
    leaving.say(b"".join(b"DELE %d\r\n" % number for number in range(1, 3001)))
    leaving.session.effort = Counted(turn=1 << 15)
    exchange = leaving.session.handle(leaving.command(b"QUIT"))
    assert isinstance(next(exchange), GiveWay)
    exchange.close()
    leaving.session.disconnected()
    assert len(post.inbox.messages) == 3000
    driver = post.login()
    driver.say(b"".join(b"DELE %d\r\n" % number for number in range(1, 3000)))
    effort = driver.session.effort = Counted(turn=1 << 15)
    assert driver.say(b"QUIT\r\n") == b"+OK Goodbye\r\n"
    assert driver.ways_given == effort.turns >= 5
    assert len(post.inbox.messages) == 1
