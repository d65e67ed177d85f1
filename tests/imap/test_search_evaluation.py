"""Tests of labserver.imap.search_evaluation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from labserver.effort import MESSAGE, TURN, Effort, at_once
from labserver.errors import StoreError
from labserver.imap.cursor import Cursor
from labserver.imap.dialect import compose
from labserver.imap.search import parse_search
from labserver.imap.search_evaluation import SearchContext, evaluate
from labserver.limits import Limits
from labserver.mailstore.message import Message, Reading
from labserver.mailstore.moments import packed
from labserver.message.charsets import fold
from tests.imap.paper_mailbox import MORNING, message
from tests.work import Counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from labserver.imap.search_keys import SearchKey
    from labserver.mailstore.envelope import Envelope

KEYS = compose(frozenset({"CONDSTORE", "WITHIN", "ESEARCH", "SEARCHRES", "SAVEDATE"}), Limits()).search_keys
NOON = MORNING + timedelta(hours=3)

CONTENTS = (
    (
        "Subject: =?utf-8?q?J=C3=B6rgs_Stra=C3=9Fe?=\nFrom: =?iso-8859-1?q?M=FCller?= <m@lab.test>\n"
        "To: Bob <bob@lab.test>\nDate: Mon, 1 Jan 2024 23:30:00 -0500\n\nbody text over\ntwo lines\n"
    ),
    "Subject: two\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: base64\n\n/GJlcg==\n",
    (
        "Subject: Raw \xf6\nX-Empty:\nContent-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n"
        "Content-Type: text/html\nX-Part: inpart\n\n<b>bold</b>\n--b\nContent-Type: application/octet-stream\n\n"
        "hidden\n--b\nContent-Type: message/rfc822\n\nSubject: innersubject\n\ninnerbody\n--b--\nepilogue"
    ),
    "Subject: first\nSubject: second\n\n",
)
MESSAGES = [
    message(CONTENTS[0].encode(), uid=10, flags=["\\Seen", "Work"], modseq=5, arrived=MORNING - timedelta(days=2)),
    message(CONTENTS[1].encode(), uid=20, flags=["\\Seen", "\\Deleted"], modseq=9),
    message(CONTENTS[2].encode("latin-1"), uid=30, flags=["\\Flagged", "\\Answered"], modseq=7, arrived=NOON),
    message(CONTENTS[3].encode(), uid=40, flags=["\\Draft"], modseq=6, arrived=NOON),
]
CONTEXT = SearchContext(messages=MESSAGES, recent={30, 40}, saved=MESSAGES[1:3], now=NOON)


def parsed(command: bytes) -> SearchKey:
    """Return the keys of a SEARCH in UTF-8."""
    head, announced, literal = command.partition(b"}")
    cursor = Cursor((head + announced, literal, b"") if announced else (command,))
    return parse_search(cursor, charset="utf-8", keys=KEYS)


def search(command: bytes, context: SearchContext = CONTEXT) -> list[int]:
    """Return the numbers that a SEARCH in UTF-8 finds."""
    return [number for number, _ in at_once(evaluate(parsed(command), context, Effort()))]


FOUND = {
    b"ALL": [1, 2, 3, 4],
    b"SEEN": [1, 2],
    b"UNSEEN": [3, 4],
    b"DELETED": [2],
    b"ANSWERED": [3],
    b"FLAGGED": [3],
    b"DRAFT": [4],
    b"UNDRAFT": [1, 2, 3],
    b"KEYWORD work": [1],
    b"KEYWORD WORK": [1],
    b"UNKEYWORD work": [2, 3, 4],
    b"KEYWORD unknown": [],
    b"RECENT": [3, 4],
    b"OLD": [1, 2],
    b"NEW": [3, 4],
    # numbers
    b"2:3": [2, 3],
    b"3:2": [2, 3],
    b"*": [4],
    b"*:100": [4],
    b"1,4": [1, 4],
    b"5": [],
    b"5:7": [],
    b"UID 20": [2],
    b"UID 11:29": [2],
    b"UID 100": [],
    b"UID *:100": [4],
    b"UID 40:*": [4],
    b"$": [2, 3],
    b"NOT $": [1, 4],
    # dates
    b"ON 23-Nov-2026": [2, 3, 4],
    b"BEFORE 23-Nov-2026": [1],
    b"SINCE 22-Nov-2026": [2, 3, 4],
    b"SINCE 24-Nov-2026": [],
    b"SENTON 1-Jan-2024": [1],
    b"SENTON 2-Jan-2024": [],
    b"SENTBEFORE 2-Jan-2024": [1],
    b"SENTSINCE 2-Jan-2024": [2, 3, 4],
    b"SENTON 23-Nov-2026": [2, 3, 4],
    b"YOUNGER 1": [3, 4],
    b"YOUNGER 10800": [2, 3, 4],
    b"OLDER 10800": [1, 2],
    b"OLDER 10801": [1],
    b"OLDER 4294967295": [],
    b"YOUNGER 4294967295": [1, 2, 3, 4],
    # sizes and mod-sequences
    b"LARGER 100": [1, 2, 3],
    b"LARGER 0 SMALLER 100": [4],
    b"MODSEQ 7": [2, 3],
    b"MODSEQ 10": [],
    # header fields
    b"SUBJECT {5}J\xc3\xb6RG": [1],
    b"SUBJECT {7}STRASSE": [1],
    b"SUBJECT {8}stra\xc3\x9fe ": [],
    b"SUBJECT {2}\xc3\xb6": [1, 3],
    b"SUBJECT jorg": [],
    b"SUBJECT first": [4],
    b"SUBJECT second": [4],
    b'SUBJECT ""': [1, 2, 3, 4],
    b"FROM {7}m\xc3\xbcller": [1],
    b"FROM m@lab": [1],
    b'FROM ""': [1],
    b"TO bob": [1],
    b"CC bob": [],
    b'HEADER X-Empty ""': [3],
    b"HEADER X-Empty x": [],
    b'HEADER X-Other ""': [],
    b"HEADER date Mon": [1],
    # text
    b"BODY text": [1],
    b"BODY {5}\xc3\x9cBER": [2],
    b"BODY {6}\xc3\xbcbers": [],
    b"BODY {4}\xc3\xbcbe": [2],
    b"BODY bold": [3],
    b"BODY innerbody": [3],
    b"BODY preamble": [],
    b"BODY epilogue": [],
    b"BODY hidden": [],
    b"BODY inpart": [],
    b"BODY innersubject": [],
    b"BODY first": [],
    b'BODY ""': [1, 2, 3, 4],
    b"TEXT inpart": [3],
    b"TEXT innersubject": [3],
    b"TEXT X-Part": [3],
    b"TEXT second": [4],
    b"TEXT bold": [3],
    b"TEXT {7}m\xc3\xbcller": [1],
    b'TEXT ""': [1, 2, 3, 4],
    # combinations
    b"SEEN DELETED": [2],
    b"OR DELETED DRAFT": [2, 4],
    b"NOT (SEEN DELETED)": [1, 3, 4],
    b"OR (SEEN NOT DELETED) (UNSEEN SUBJECT second)": [1, 4],
    b"2:* NOT OR BODY bold TEXT second": [2],
}


@pytest.mark.parametrize(("command", "expected"), FOUND.items(), ids=[repr(command) for command in FOUND])
def test_found(command: bytes, expected: list[int]) -> None:
    """Each key finds the messages that RFC 3501 6.4.4 says, text in any charset and without regard to case."""
    length = command.find(b"{")
    if length >= 0:
        text = command[command.index(b"}") + 1 :]
        command = command[:length] + b"{%d}" % len(text) + text
    assert search(command) == expected


@pytest.mark.parametrize(
    "nested", [b"NOT " * 98 + b"ALL", b"(ALL " * 98 + b"ALL" + b")" * 98, b"OR SEEN " * 98 + b"ALL"]
)
def test_the_deepest_keys_can_be_evaluated(nested: bytes) -> None:
    """Whatever can be read can be evaluated."""
    assert search(nested) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "command", [b"ALL", b"1", b"*", b"1:*", b"UID 1:*", b"$", b"NOT SEEN", b"YOUNGER 5", b"BODY x"]
)
def test_empty_mailbox(command: bytes) -> None:
    """In an empty mailbox nothing is found, and ``*`` is no number."""
    assert search(command, SearchContext(messages=[], now=NOON)) == []


def test_internal_date_is_a_day_in_its_own_zone() -> None:
    """The time and zone of the internal date are disregarded (RFC 3501 6.4.4)."""
    evening = datetime(2026, 11, 22, 23, 0, tzinfo=timezone(timedelta(hours=-5)))
    context = SearchContext(messages=[message(arrived=evening)], now=NOON)
    assert search(b"ON 22-Nov-2026", context) == [1]
    assert search(b"ON 23-Nov-2026", context) == []


class Vault:
    """A keeper that counts how often octets are asked for, or says that they are gone."""

    def __init__(self, content: bytes, *, code: str = "") -> None:
        self._content = content
        self._code = code
        self.asked = 0

    def content(self, _: Message) -> bytes:
        """Return the octets."""
        self.asked += 1
        if self._code:
            raise StoreError("The octets cannot be had", code=self._code)
        return self._content

    def reading(self, _: Message) -> Reading:
        """Have nobody come for long octets."""
        raise AssertionError("a search sends nothing")

    def envelope(self, _: Message) -> Envelope | None:
        """Return nothing."""
        return None

    def keep(self, message: Message, key: str, value: object, octets: int) -> None:
        """Keep nothing."""

    def scratch(self, _: Message) -> dict[str, Any]:
        """Forget at once."""
        return {}


def kept(vault: Vault, uid: int = 1, flags: Sequence[str] = ()) -> Message:
    """Return a message whose octets are in ``vault``."""
    return Message(
        uid=uid,
        flags=frozenset(flags),
        arrived=packed(datetime(2026, 1, 1, tzinfo=UTC)),
        modseq=1,
        body=uid,
        size=10,
        keeper=vault,
    )


@pytest.mark.parametrize(
    ("command", "reads"),
    [
        (b"ALL UID 1 LARGER 1 ON 1-Jan-2026 UNSEEN", 0),
        (b"BODY x SEEN", 0),
        (b"NOT (BODY x SEEN)", 0),
        (b"OR BODY x UNSEEN", 0),
        (b"SUBJECT a FROM b TEXT c BODY d", 1),
        (b"OR BODY x BODY y", 1),
        (b"OR SUBJECT x TEXT y", 1),
    ],
)
def test_octets_are_read_late(command: bytes, reads: int) -> None:
    """Octets are read only where metadata does not decide, and once for all keys."""
    vault = Vault(b"Subject: a\nFrom: b\n\nc d")
    search(command, SearchContext(messages=[kept(vault)], now=NOON))
    assert vault.asked == reads


def test_expunged_elsewhere() -> None:
    """A message that another session expunged matches no key that needs its octets, but still those that do not."""
    context = SearchContext(messages=[kept(Vault(b"", code="EXPUNGEISSUED")), message(b"\nx", uid=2)], now=NOON)
    assert search(b"BODY x", context) == [2]
    assert search(b"ALL", context) == [1, 2]


def test_other_store_errors_are_passed_on() -> None:
    """An unreadable storage is no empty result."""
    with pytest.raises(StoreError):
        search(b"BODY x", SearchContext(messages=[kept(Vault(b"", code="UNAVAILABLE"))], now=NOON))


def units(command: bytes, messages: list[Message]) -> int:
    """Return how much work a search is."""
    effort = Counted()
    at_once(evaluate(parsed(command), SearchContext(messages=messages, now=NOON), effort))
    return effort.total


LONG = "Subject: a long one\nX-Note: so much\n\n" + "lines of the body, over and over\n" * 3000 + "the end is near"
LONG_MAIL = message(LONG.encode())


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (b"BODY {15}the end is near", True),
        (b"BODY body,", True),
        (b"BODY nowhere", False),
        (b"BODY so", False),
        (b"TEXT note:", True),
        (b"NOT TEXT nowhere", True),
        (b"BODY near TEXT nowhere", False),
        (b"OR BODY nowhere SUBJECT long", True),
        (b'BODY ""', True),
    ],
)
def test_long_messages(command: bytes, found: bool) -> None:  # noqa: FBT001 -- a row's outcome
    """A long message is read in turns, with the same outcome."""
    assert search(command, SearchContext(messages=[LONG_MAIL], now=NOON)) == [1] * found
    assert units(command, [LONG_MAIL]) >= (len(LONG) if b"nowhere" in command and b"SUBJECT" not in command else 0)


@pytest.mark.parametrize("at", range((1 << 14) - 40, (1 << 14) + 4))
def test_what_a_piece_cuts_in_two_is_found(at: int) -> None:
    """The end of a piece hides nothing: neither words nor a mark that stands on the last letter."""
    text = "x" * at + "Wörter am Rande e\u0301" + "y" * (1 << 15)
    mail = message(f"Content-Type: text/plain; charset=utf-8\n\n{text}".encode())
    context = SearchContext(messages=[mail], now=NOON)
    for wanted in ("ÖRTER AM RANDE", "rande é", "xwörter", "éy"):
        octets = wanted.encode()
        assert search(b"BODY {%d}" % len(octets) + octets, context) == [1]


def test_equal_keys_are_evaluated_once() -> None:
    """A hundred equal keys are as much work as one, and so is what is made of them."""
    once = units(b"NOT TO zz", MESSAGES * 50)
    assert units(b" ".join([b"NOT TO zz"] * 100), MESSAGES * 50) <= once * 1.3
    assert (
        units(b"OR TO zz " * 90 + b"TO zz", MESSAGES * 50) <= once * 12
    )  # ninety more tests that cost next to nothing


def test_a_value_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many strings are looked for in a field or in a body, it is decoded and folded once for each message."""
    folded: list[str] = []

    def counting(text: str) -> str:
        folded.append(text)
        return fold(text)

    monkeypatch.setattr("labserver.imap.search_evaluation.fold", counting)
    monkeypatch.setattr("labserver.message.text.fold", counting)
    search(b" ".join(b"NOT SUBJECT x%d" % number for number in range(100)), SearchContext(messages=MESSAGES, now=NOON))
    assert len(folded) == 5, "one value in each message, two in the last"
    folded.clear()
    search(b" ".join(b"NOT BODY x%d" % number for number in range(100)), SearchContext(messages=MESSAGES, now=NOON))
    assert len(folded) == 5, "one text in each message, two in the third"


def test_many_strings_are_looked_for_together() -> None:
    """Two hundred strings in one long body cost their comparisons, not two hundred times its decoding."""
    one = units(b"BODY x0y", [LONG_MAIL])
    many = units(b" ".join(b"NOT BODY x%dy" % number for number in range(200)), [LONG_MAIL])
    assert many < one * 60


def test_a_large_mailbox_is_searched_in_turns() -> None:
    """Twenty thousand messages take turns of a few thousand each, also where nothing of them is read."""
    many = MESSAGES * 5000
    for command in (b"UNSEEN", b"ON 1-Jan-2020", b"NOT $", b"LARGER 5 NOT KEYWORD x"):
        effort = Counted()
        at_once(evaluate(parsed(command), SearchContext(messages=many, saved=MESSAGES, now=NOON), effort))
        assert effort.turns >= len(many) * MESSAGE // TURN
        assert effort.largest <= TURN // 16


def test_endless_texts_take_turns() -> None:
    """No step of a search is long, whatever a text is made of."""
    body = "ﷺ".encode() * (1 << 18)
    effort = Counted()
    mail = message(b"Content-Type: text/plain; charset=utf-8\n\n" + body)
    at_once(evaluate(parsed(b"BODY zz"), SearchContext(messages=[mail], now=NOON), effort))
    assert effort.turns >= 4
    assert effort.largest < TURN // 2


def test_flags_are_those_of_the_beginning() -> None:
    """What changes while a search gives way does not change what it finds."""
    first, second = message(flags=["\\Seen"], modseq=5), message(uid=2, modseq=5)
    changed: dict[Message, tuple[frozenset[str], int]] = {}
    context = SearchContext(messages=[first, second], now=NOON, changed=changed)
    searching = evaluate(parsed(b"SEEN NOT MODSEQ 6"), context, Effort(turn=1))
    for mail in (first, second):
        changed[mail] = (mail.flags, mail.modseq)
        mail.flags, mail.modseq = frozenset({"\\Seen"}) - mail.flags, 9
    assert [number for number, _ in at_once(searching)] == [1]


@pytest.mark.parametrize("field", ["From", "To", "Cc", "Bcc"])
@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("user (c)@ (c) domain.org", "user@domain.org"),
        ("(first) user@domain.org (last)", "user@domain.org"),
        ('"user"@domain.org', "user@domain.org"),
        ("Name <user @ domain . org>", "user@domain.org"),
        ("Group: user @domain.org, b@c;", "user@domain.org"),
        ("user (c)@ (c) d\u00f6main.org", "USER@D\u00d6MAIN.ORG"),
    ],
)
def test_addresses_are_found_as_the_envelope_has_them(field: str, value: str, address: str) -> None:
    """However a field spells an address, a search for the address finds it; and still for what the field says."""
    context = SearchContext(messages=[message(f"{field}: {value}\n\n".encode(), uid=1)], now=NOON)
    for text in (address, value):
        quoted = text.replace('"', '\\"')
        assert search(f'{field} "{quoted}"'.encode(), context) == [1]
    assert search(f'{field} "other@domain.org"'.encode(), context) == []
    assert search(f'HEADER {field} "{address}"'.encode(), context) == ([1] if address in value else [])
