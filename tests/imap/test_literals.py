"""Literals are measured before they come: only the messages of APPEND may be large, and those are held elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.budget import Budget
from labserver.holding import Intake
from labserver.imap.commands.transfer import takes_message
from labserver.imap.dialect import compose
from labserver.imap.extensions.table import EXTENSIONS
from labserver.limits import Limits
from tests.imap.driver import Lab

if TYPE_CHECKING:
    from tests.imap.driver import Client

_SIZE = 1_000_000
_LARGE = [
    "CREATE %s",
    "DELETE %s",
    "SELECT %s",
    "RENAME INBOX %s",
    "SUBSCRIBE %s",
    'LIST "" %s',
    "LIST %s *",
    "LSUB %s %%",
    "STATUS %s (MESSAGES)",
    "SEARCH HEADER %s x",
    "SEARCH HEADER x %s",
    "SEARCH CHARSET UTF-8 TEXT %s",
    "FETCH %s FLAGS",
    "FETCH 1 BODY[HEADER.FIELDS (%s)]",
    "COPY 1 %s",
    "ID (%s x)",
    "LOGIN %s x",
    "LOGIN x %s",
    "APPEND %s (\\Seen) {1+}\r\nx",
    "APPEND INBOX (%s) {1+}\r\nx",
    'APPEND INBOX "%s" {1+}\r\nx',
    "APPENDX INBOX %s",
    "SETACL INBOX %s",
    "NOOP %s",
    "LOGOUT %s",
    "IDLE %s",
    "%s",
]


def _say(client: Client, command: bytes) -> bytes:
    """Send a command in segments; return what came back, having seen that hardly anything was kept meanwhile."""
    said = b""
    for start in range(0, len(command), 50_000):
        said += client.feed(command[start : start + 50_000])
        assert client.kept < 200_000
    return said


@pytest.mark.parametrize("command", _LARGE)
@pytest.mark.parametrize("login", [True, False])
def test_a_large_argument_is_swallowed(command: str, *, login: bool) -> None:
    """One that comes unasked costs nothing, gets one tagged answer, and the session goes on."""
    budget = Budget()
    lab = Lab(intake=Intake(budget=budget))
    client = lab.client(login=login)
    announced = b"t " + (command % f"{{{_SIZE}+}}").encode()
    said = _say(client, announced.replace(b"+}", b"+}\r\n" + b"&" * _SIZE, 1) + b"\r\n")
    assert said.count(b"\r\n") == 1
    assert said.startswith((b"t NO [TOOBIG] ", b"t BAD ", b"* NO [TOOBIG] ", b"* BAD "))
    assert budget.held == 0
    assert client.kept < 200
    assert client.feed(b"u NOOP\r\n") == b"u OK NOOP completed\r\n"


@pytest.mark.parametrize("command", _LARGE)
@pytest.mark.parametrize("login", [True, False])
def test_a_large_argument_is_refused_before_it_comes(command: str, *, login: bool) -> None:
    """One that the client waits with never comes."""
    client = Lab().client(login=login)
    announced = b"t " + (command % f"{{{_SIZE}}}").encode().partition(b"}")[0] + b"}"
    said = client.feed(announced + b"\r\n")
    assert said.startswith((b"t NO [TOOBIG] At most ", b"* NO [TOOBIG] At most "))
    assert client.feed(b"u NOOP\r\n") == b"u OK NOOP completed\r\n"


def test_the_arguments_of_a_command_are_small_together() -> None:
    """Many small literals are bounded like a large one."""
    client = Lab().client()
    literal = b"{30000+}\r\n" + b"x" * 30_000
    assert client.feed(b"t CREATE " + b" ".join([literal] * 2) + b"\r\n").startswith(b"t BAD")
    assert client.feed(b"t CREATE " + b" ".join([literal] * 3) + b"\r\n").startswith(b"t NO [TOOBIG]")
    assert client.feed(b"t CREATE {30000}\r\n") == b"+ OK\r\n"
    client.feed(b"x" * 30_000)
    assert client.feed(b" {30000}\r\n") == b"+ OK\r\n"
    client.feed(b"x" * 30_000)
    assert client.feed(b" {30000}\r\n").startswith(b"t NO [TOOBIG] At most 65536 octets")


_MESSAGES = [
    (b"t APPEND INBOX {1+}",),
    (b"t append INBOX ~{1}",),
    (b'T APPEND "a b" (\\Seen key) "01-Feb-2024 12:00:00 +0100" {1}',),
    (b"t APPEND {5}", b"INBOX", b" {1+}"),
    (b"t APPEND {5}", b"INBOX", b" (\\Seen) ~{1+}"),
    (b"t APPEND INBOX {1}", b"x", b" (\\Seen) {1}"),
    (b"t APPEND {5}", b"INBOX", b" {1}", b"x", b" {1}"),
    (b"t APPEND INBOX {1}", b"x", b" {1}", b"x", b' "01-Feb-2024 12:00:00 +0100" {1}'),
]
_UTF8_MESSAGES = [
    (b"t APPEND INBOX UTF8 (~{1+}",),
    (b"t APPEND {5}", b"INBOX", b" UTF8 (~{1}"),
    (b"t APPEND INBOX UTF8 (~{1}", b"x", b") (\\Seen) UTF8 (~{1}"),
    (b"t APPEND INBOX UTF8 (~{1}", b"x", b") {1}", b"x", b" UTF8 (~{1}"),
]
_NO_MESSAGES = [
    (b"t APPEND {5}",),
    (b"t APPEND ~{5}",),
    (b"t APPEND {5}", b"INBOX", b"{1}"),
    (b"t APPEND INBOX{1}",),
    (b"t APPEND INBOX (\\Seen {1}",),
    (b"t APPEND INBOX (\\Seen) x {1}",),
    (b"t APPEND INBOX {1}", b"x", b"{1}"),
    (b"t APPEND INBOX {1}", b"x", b" x {1}"),
    (b"t APPEND INBOX {1}", b"x", b" {1}", b"x", b" x {1}"),
    (b"t APPEND",),
    (b"APPEND INBOX {1}",),
    (b"t UID APPEND INBOX {1}",),
    (b"t CREATE {1}",),
    (b"{1}",),
    (b"",),
]


def _is_message(parts: tuple[bytes, ...], *, utf8: bool, without: frozenset[str] = frozenset()) -> bool:
    start = parts[0].upper().find(b"APPEND")
    dialect = compose(frozenset(EXTENSIONS) - without, Limits())
    return takes_message(parts, start=start + 6 if start >= 0 else 0, dialect=dialect, utf8=utf8)


@pytest.mark.parametrize("parts", _MESSAGES)
def test_messages(parts: tuple[bytes, ...]) -> None:
    """A message stands behind the mailbox name, with flags, a date, both or none ahead of it, or behind another one."""
    assert _is_message(parts, utf8=False)
    assert _is_message(parts, utf8=True)


@pytest.mark.parametrize("parts", _UTF8_MESSAGES)
def test_messages_in_utf8(parts: tuple[bytes, ...]) -> None:
    """Or in parentheses, once UTF8=ACCEPT is enabled (RFC 6855 4)."""
    assert _is_message(parts, utf8=True)
    assert not _is_message(parts[:1], utf8=False) or b"UTF8" not in parts[0]


@pytest.mark.parametrize("parts", _NO_MESSAGES)
def test_everything_else_is_no_message(parts: tuple[bytes, ...]) -> None:
    """A name, and whatever stands where no message can."""
    assert not _is_message(parts, utf8=False)
    assert not _is_message(parts, utf8=True)


@pytest.mark.parametrize("parts", [parts for parts in _MESSAGES if len(parts) > 1 and parts[1] == b"x"])
def test_one_message_without_multiappend(parts: tuple[bytes, ...]) -> None:
    """Where MULTIAPPEND is switched off there is no second one."""
    assert not _is_message(parts, utf8=False, without=frozenset({"MULTIAPPEND"}))


def test_a_large_message_in_a_large_append() -> None:
    """All ways to name it, mixed in one session: what was sent is what is stored, NUL too."""
    lab = Lab()
    client = lab.client()
    client.ok("ENABLE UTF8=ACCEPT")
    one, other = b"1" * 100_000, b"2" * 100_000 + b"\0"
    client.ok(b"APPEND {5+}\r\nINBOX {100000+}\r\n%b" % one)
    client.ok(b"APPEND INBOX (\\Seen) ~{100001+}\r\n%b" % other)
    client.ok(b"APPEND INBOX UTF8 (~{100001+}\r\n%b) {100000+}\r\n%b" % (other, one))
    assert not client.link.tolerance
    client.ok(b"APPEND INBOX {100001+}\r\n" + other)
    assert client.link.tolerance == ["APPEND with NUL in a literal that is no literal8"]
    assert client.do(b"APPEND INBOX {100000+}\r\n%b x" % one)[-1].startswith(b"BAD ")
    inbox = lab.alice.mailboxes["INBOX"]
    assert [message.content for message in inbox.messages] == [one, other, other, one, other]


def test_a_selected_mailbox_counts() -> None:
    """The list that each session has of a mailbox is counted while it is selected; without room for one, NO [LIMIT]."""
    budget = Budget(3 * 8 * 2_000)
    lab = Lab(intake=Intake(budget=budget))
    lab.deliver(*[b"x"] * 2_000)
    clients = [lab.client() for _ in range(4)]
    for client in clients[:3]:
        client.ok("SELECT INBOX")
    assert budget.held == budget.limit
    assert clients[3].do("SELECT INBOX")[-1].startswith(b"NO [LIMIT] There is no room")
    assert clients[3].do("FETCH 1 UID")[-1].startswith(b"BAD ")
    clients[3].ok("SELECT Sent")
    clients[0].ok("SELECT INBOX")
    clients[0].ok("UNSELECT")
    clients[3].ok("SELECT INBOX")
    clients[3].ok("CLOSE")
    for client in clients:
        client.hang_up()
    assert budget.held == 0
