"""Claims about labserver.imap.session: states, capabilities, login, limits and the shape of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Command, Identity, LoginFailure, ReplyKind
from labserver.errors import ConfigurationError
from labserver.imap.cursor import Refused
from labserver.imap.dialect import compose, without
from labserver.imap.extensions.table import EXTENSIONS
from labserver.limits import Limits
from tests.imap.driver import Lab, PlainLink, message

if TYPE_CHECKING:
    from tests.imap.driver import Client

ANY = ("CAPABILITY", "NOOP", "ID NIL", "LOGOUT")
BEFORE_LOGIN = ("LOGIN alice secret",)
AFTER_LOGIN = (
    "ENABLE CONDSTORE",
    "SELECT INBOX",
    "EXAMINE INBOX",
    "CREATE new",
    "DELETE old",
    "RENAME old new",
    "SUBSCRIBE new",
    "UNSUBSCRIBE new",
    'LIST "" *',
    'LSUB "" *',
    "STATUS INBOX (MESSAGES)",
    "APPEND INBOX {5+}\r\nHello",
    "NAMESPACE",
    "GETQUOTA INBOX",
    "GETQUOTAROOT INBOX",
)
SELECTED = (
    "CHECK",
    "CLOSE",
    "UNSELECT",
    "EXPUNGE",
    "SEARCH ALL",
    "FETCH 1 FLAGS",
    "STORE 1 +FLAGS (\\Seen)",
    "COPY 1 old",
    "MOVE 1 old",
    "SORT (DATE) UTF-8 ALL",
    "THREAD REFERENCES UTF-8 ALL",
    "UID EXPUNGE 1",
    "UID SEARCH ALL",
    "UID FETCH 1 FLAGS",
    "UID STORE 1 +FLAGS (\\Seen)",
    "UID COPY 1 old",
    "UID MOVE 1 old",
    "UID SORT (DATE) UTF-8 ALL",
    "UID THREAD ORDEREDSUBJECT UTF-8 ALL",
)


def _in_state(state: str) -> Client:
    lab = Lab()
    lab.deliver(message("one"))
    lab.alice.create("old")
    if state == "selected":
        return lab.selected()
    return lab.client(login=state == "authenticated")


def test_the_tables_above_are_complete() -> None:
    """Every command but IDLE and SETQUOTA, which have tests of their own, is in the table of states."""
    named = {
        " ".join(line.split()[: 2 if line.startswith("UID") else 1])
        for line in (*ANY, *BEFORE_LOGIN, *AFTER_LOGIN, *SELECTED)
    }
    assert named | {"IDLE", "SETQUOTA"} == set(compose(frozenset(EXTENSIONS), Limits()).commands)


@pytest.mark.parametrize("state", ["not authenticated", "authenticated", "selected"])
@pytest.mark.parametrize("command", [*ANY, *BEFORE_LOGIN, *AFTER_LOGIN, *SELECTED])
def test_every_command_in_every_state(command: str, state: str) -> None:
    """A command succeeds in its states and is BAD in the others (RFC 3501 3); the session is usable after it."""
    client = _in_state(state)
    possible = (
        command in ANY
        or (command in BEFORE_LOGIN and state == "not authenticated")
        or (command in AFTER_LOGIN and state != "not authenticated")
        or (command in SELECTED and state == "selected")
    )
    verdict = client.do(command)[-1]
    assert verdict.startswith(b"OK " if possible else b"BAD "), verdict
    if command != "LOGOUT":
        client.ok("NOOP")


@pytest.mark.parametrize("command", [*ANY, *BEFORE_LOGIN, *AFTER_LOGIN, *SELECTED])
def test_verbs_in_any_case_and_trailing_spaces(command: str) -> None:
    """Verbs have no case (RFC 3501 9) and trailing spaces, which mutt sends, are forgiven; other words are not."""
    state = "not authenticated" if command in BEFORE_LOGIN else "selected"
    verb, space, rest = command.partition(" ")
    if not command.startswith("APPEND"):
        assert _in_state(state).do(verb.lower() + space + rest + " ")[-1].startswith(b"OK ")
        if command != "ENABLE CONDSTORE":
            assert _in_state(state).do(command + " (more)")[-1].startswith(b"BAD ")
    assert _in_state(state).do(verb.title() + space + rest)[-1].startswith(b"OK ")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"\r\n", b"* BAD Missing or invalid tag\r\n"),
        (b"(a) NOOP\r\n", b"* BAD Missing or invalid tag\r\n"),
        (b"a+b NOOP\r\n", b"* BAD Missing or invalid tag\r\n"),
        (b"a\r\n", b"a BAD Unknown command\r\n"),
        (b"a XYZZY\r\n", b"a BAD Unknown command\r\n"),
        (b"a UID\r\n", b"a BAD Unknown command\r\n"),
        (b"a UID NOOP\r\n", b"a BAD Unknown command\r\n"),
        (b"a STARTTLS\r\n", b"a BAD Unknown command\r\n"),
        (b". noop\n", b". OK NOOP completed\r\n"),
        (b"00000000 NOOP\r\n", b"00000000 OK NOOP completed\r\n"),
        (b"a NOOP {1+}\r\nx\r\n", b"a BAD Unexpected extra arguments\r\n"),
    ],
)
def test_odd_lines(lab: Lab, line: bytes, answer: bytes) -> None:
    """What has no valid tag is answered untagged, what is no command with BAD; bare LF ends a line."""
    assert lab.client().feed(line) == answer


def test_the_greeting_and_login_carry_capabilities(lab: Lab) -> None:
    """Clients need not ask: the greeting, LOGIN's and AUTHENTICATE's OK say what CAPABILITY says (RFC 3501 7.1)."""
    client = lab.client(login=False)
    (before,) = client.ok("CAPABILITY")
    names = before.removeprefix(b"* CAPABILITY ")
    assert client.session.greeting().raw == b"* OK [CAPABILITY " + names + b"] labserver ready\r\n"
    assert client.session.greeting().kind is ReplyKind.GREETING
    (verdict,) = client.do("LOGIN alice secret")
    (after,) = client.ok("CAPABILITY")
    assert verdict == b"OK [CAPABILITY " + after.removeprefix(b"* CAPABILITY ") + b"] Logged in"
    other = lab.client(login=False)
    identity = Identity(account="bob", mechanism="PLAIN")
    (reply,) = other.session.authenticated(Command(verb="AUTHENTICATE", tag=b"x"), identity)
    assert reply.raw == b"x " + verdict + b"\r\n"


@pytest.mark.parametrize(
    ("link", "present", "absent"),
    [
        (PlainLink(), {"AUTH=PLAIN", "AUTH=SCRAM-SHA-256"}, {"STARTTLS", "LOGINDISABLED"}),
        (
            PlainLink(secure=False, offers_starttls=True, mechanisms=(), accepts_passwords=False),
            {"STARTTLS", "LOGINDISABLED"},
            {"AUTH=PLAIN"},
        ),
        (PlainLink(offers_starttls=True, mechanisms=("XOAUTH2",)), {"STARTTLS", "AUTH=XOAUTH2"}, {"LOGINDISABLED"}),
    ],
)
def test_capabilities_before_login(lab: Lab, link: PlainLink, present: set[str], absent: set[str]) -> None:
    """STARTTLS, AUTH= and LOGINDISABLED say what the link allows now."""
    client = lab.client(login=False, link=link)
    names = set(client.session.capabilities().decode().split())
    assert present <= names
    assert not absent & names
    assert {"IMAP4rev1", "LITERAL+", "SASL-IR", "ID"} <= names
    client.session.log_in("alice")
    assert not {"STARTTLS", "AUTH=PLAIN", "LOGINDISABLED"} & set(client.session.capabilities().decode().split())


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        ("alice secret", "OK"),
        ("alice@lab.test secret", "OK"),
        ('"alice" "secret"', "OK"),
        ("{5+}\r\nalice {6+}\r\nsecret", "OK"),
        ("alice wrong", "NO [AUTHENTICATIONFAILED]"),
        ("nobody secret", "NO [AUTHENTICATIONFAILED]"),
        ('alice ""', "NO [AUTHENTICATIONFAILED]"),
        ("alice", "BAD"),
        ("", "BAD"),
        ("alice secret more", "BAD"),
    ],
)
def test_login(lab: Lab, arguments: str, verdict: str) -> None:
    """LOGIN takes two astrings and checks the password; a failure leaves the session where it was."""
    client = lab.client(login=False)
    assert client.do(f"LOGIN {arguments}".rstrip())[-1].startswith(verdict.encode())
    assert client.do('LIST "" ""')[-1].startswith(b"OK" if verdict == "OK" else b"BAD")


def test_login_in_latin1_is_a_wrong_password(lab: Lab) -> None:
    """Octets that are no UTF-8 cannot be anybody's password."""
    client = lab.client(login=False)
    assert client.do(b'LOGIN alice "\xfcber"')[-1].startswith(b"NO [AUTHENTICATIONFAILED]")


def test_login_tells_the_link(lab: Lab) -> None:
    """The connection hears who logged in, and who did not and why."""
    link = PlainLink()
    client = lab.client(login=False, link=link)
    client.do("LOGIN alice wrong")
    link.accepts_passwords = False
    assert client.do("LOGIN alice secret")[-1].startswith(b"NO [PRIVACYREQUIRED]")
    link.accepts_passwords = True
    client.ok("LOGIN alice secret")
    assert link.logins == [LoginFailure.REJECTED, LoginFailure.NEEDS_TLS, "alice"]


def test_anonymous_clients_share_an_account(lab: Lab) -> None:
    """An identity without an account works in one that is nobody's."""
    client = lab.client(login=False)
    identity = Identity(account="", mechanism="ANONYMOUS")
    list(client.session.authenticated(Command(verb="AUTHENTICATE", tag=b"x"), identity))
    client.ok("SELECT INBOX")
    assert client.session.account.name == "anonymous"


def test_an_account_too_many_is_refused() -> None:
    """A store that cannot hold another account says so instead of failing, by LOGIN and by AUTHENTICATE."""
    lab = Lab(limits=Limits(accounts=1))
    lab.store.account("somebody")
    client = lab.client(login=False)
    assert client.do("LOGIN alice secret")[-1].startswith(b"NO [LIMIT]")
    identity = Identity(account="alice", mechanism="PLAIN")
    (reply,) = client.session.authenticated(Command(verb="AUTHENTICATE", tag=b"x"), identity)
    assert reply.raw.startswith(b"x NO [LIMIT]")


def test_logout(lab: Lab) -> None:
    """LOGOUT says BYE, then OK, which is the last word (RFC 3501 6.1.3)."""
    client = lab.selected()
    assert client.do("LOGOUT") == [b"* BYE Logging out", b"OK LOGOUT completed"]
    assert client.closed
    assert [reply.kind for reply in client.replies[-2:]] == [ReplyKind.UNTAGGED, ReplyKind.FAREWELL]


def test_pipelined_commands_are_answered_in_order(filled: Lab) -> None:
    """Commands that come in one segment are answered one after the other."""
    client = filled.client()
    out = client.feed(
        b"1 SELECT INBOX\r\n2 FETCH 1 UID\r\n3 XYZZY\r\n4 STORE 1 FLAGS.SILENT ()\r\n5 LOGOUT\r\n6 NOOP\r\n"
    )
    tagged = [line.split(b" ")[:2] for line in out.splitlines() if not line.startswith(b"*")]
    assert tagged == [[b"1", b"OK"], [b"2", b"OK"], [b"3", b"BAD"], [b"4", b"OK"], [b"5", b"OK"]]


def test_literals_wait_for_the_go_ahead(lab: Lab) -> None:
    """A synchronizing literal is answered by +, then taken exactly; several may follow each other."""
    client = lab.client(login=False)
    assert client.feed(b"a LOGIN {5}\r\n") == b"+ OK\r\n"
    assert client.feed(b"alice {6}\r\n") == b"+ OK\r\n"
    assert client.feed(b"secret\r\n").startswith(b"a OK ")


def test_large_literals_are_refused_before_they_come() -> None:
    """Before login a literal is small, after it a message at most; one over is NO [TOOBIG], and life goes on."""
    lab = Lab(limits=Limits(literal_before_login=10, message_size=20))
    client = lab.client(login=False)
    assert client.feed(b"a LOGIN {11}\r\n").startswith(b"a NO [TOOBIG]")
    assert client.feed(b"{11}\r\n").startswith(b"* NO [TOOBIG]")
    assert client.feed(b"a LOGIN {5}\r\nalice {6}\r\n").endswith(b"a NO [TOOBIG] At most 10 octets in one command\r\n")
    client.ok("LOGIN alice secret")
    assert client.feed(b"b APPEND INBOX {20}\r\n") == b"+ OK\r\n"
    assert client.feed(b"x" * 20 + b"\r\n").startswith(b"b OK ")
    assert client.feed(b"c APPEND INBOX {21}\r\n").startswith(b"c NO [TOOBIG]")
    assert client.feed(b"d NOOP\r\n") == b"d OK NOOP completed\r\n"


def test_too_many_bad_commands_end_the_session() -> None:
    """One BAD beyond the limit is followed by BYE."""
    client = Lab(limits=Limits(bad_commands=2)).client()
    for _ in range(2):
        assert client.do("XYZZY") == [b"BAD Unknown command"]
    client.ok("NOOP")
    assert client.feed(b"a XYZZY\r\n") == b"a BAD Unknown command\r\n* BYE Too many errors\r\n"
    assert client.closed


def test_nothing_is_there_before_it_is_chosen(lab: Lab) -> None:
    """The session never makes up an account or a mailbox for a command that needs one."""
    session = lab.client(login=False).session
    with pytest.raises(Refused):
        _ = session.account
    session.log_in("alice")
    with pytest.raises(Refused):
        _ = session.view


def test_starttls_and_authenticate_are_possible_before_login(lab: Lab) -> None:
    """The session tells the membrane when its commands are in place."""
    session = lab.client(login=False).session
    assert session.permits(Command(verb="STARTTLS", tag=b"a"))
    session.log_in("alice")
    assert not session.permits(Command(verb="AUTHENTICATE", tag=b"a"))


def test_a_disconnected_session_is_told_nothing(filled: Lab) -> None:
    """After the end the mailbox does not notify the link."""
    client = filled.selected()
    client.session.disconnected()
    filled.deliver(message("six"))
    assert client.link.notified == 0


@pytest.mark.parametrize("name", EXTENSIONS)
def test_every_extension_can_be_switched_off(filled: Lab, name: str) -> None:
    """Without an extension its capability is gone, and so are those that need it, and its commands are BAD."""
    extension = EXTENSIONS[name]
    client = filled.selected(without={name})
    others = [other for other in EXTENSIONS.values() if other is not extension and name not in other.needs]
    expected = [word.format(message_size=Limits().message_size) for other in others for word in other.capabilities]
    assert client.session.capabilities().decode().split() == ["IMAP4rev1", *expected]
    for command in extension.commands:
        if command != "LIST":
            assert client.do(f"{command} 1")[-1] == b"BAD Unknown command"


def test_names_of_extensions_are_checked() -> None:
    """--imap-without takes any case and refuses unknown names by naming the known ones."""
    assert without(["idle", "MOVE"]) == EXTENSIONS.keys() - {"IDLE", "MOVE"}
    with pytest.raises(ConfigurationError, match="ACL"):
        without(["ACL"])


def test_identification(lab: Lab) -> None:
    """ID takes NIL or names with values, before login too, and tells the server's (RFC 2971)."""
    client = lab.client(login=False)
    (line,) = client.ok('ID ("name" "tests" "version" NIL)')
    assert line.startswith(b'* ID ("name" "labserver" "version" "')
    assert client.ok("ID ()") == client.ok("ID NIL") == [line]
    for arguments in ("", " x", ' ("name")', ' (NIL "x")', ' ("a" "b") more'):
        assert client.do(f"ID{arguments}")[-1].startswith(b"BAD ")


def test_enable(lab: Lab) -> None:
    """ENABLE lists what it knows of what was asked for, each once (RFC 5161)."""
    client = lab.client()
    assert client.ok("ENABLE condstore X-UNKNOWN UTF8=ACCEPT CONDSTORE") == [b"* ENABLED CONDSTORE UTF8=ACCEPT"]
    assert client.ok("ENABLE X-UNKNOWN") == [b"* ENABLED"]
    assert client.do("ENABLE")[-1].startswith(b"BAD ")
    assert lab.client(without={"CONDSTORE"}).ok("ENABLE CONDSTORE") == [b"* ENABLED"]


def test_namespace(lab: Lab) -> None:
    """There is one personal namespace (RFC 2342)."""
    assert lab.client().ok("NAMESPACE") == [b'* NAMESPACE (("" "/")) NIL NIL']


@pytest.mark.parametrize(
    ("command", "noted"),
    [
        ('ID ("name" "x" "version" 102.7)', ["ID with a number that is no string"]),
        ('ID ("name" "x" "version" 102)', ["ID with a number that is no string"]),
        ('ID ("name" x)', ["ID with a word that is no string"]),
        ('ID ("name" NIL)', []),
        ("SEARCH  ALL  SEEN", ["SEARCH with more than one space in a row"]),
        ("SEARCH CHARSET  UTF-8  ALL", ["SEARCH with more than one space in a row"]),
        ("SEARCH RETURN  (COUNT)  ALL", ["SEARCH with more than one space in a row"]),
        ("SEARCH (ALL )", ["SEARCH with a space beside a parenthesis"]),
        ('SEARCH SINCE " 5-Jan-2026"', ["SEARCH with a space before a date"]),
        ("SEARCH ON {11+}\r\n 5-Jan-2026", ["SEARCH with a space before a date"]),
        ("UID FETCH  1 (FLAGS  UID)", ["UID FETCH with more than one space in a row"]),
        ("STORE 1 +FLAGS ( \\Seen )", ["STORE with a space beside a parenthesis"]),
        ("SELECT  INBOX", ["SELECT with more than one space in a row"]),
        (
            'APPEND INBOX (\\Seen)  "5-Jan-2026 10:00:00 +0000" {1+}\r\nx',
            [
                "APPEND with more than one space in a row",
                "APPEND with a date-time that is not spaced as it should be",
            ],
        ),
        ("SEARCH ALL ", []),
        ("FETCH 1 (FLAGS UID)", []),
    ],
)
def test_spaces_and_numbers_that_dovecot_takes(filled: Lab, command: str, noted: list[str]) -> None:
    """They are understood, and the membrane hears where a client needed that."""
    client = filled.selected()
    client.ok(command)
    assert client.link.tolerance == noted
