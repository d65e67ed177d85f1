"""Scripts that a seed decides: commands that clients could send, over a few mailboxes and a few kinds of messages.

Each rule returns the text of one command, as a playbook would have it. What is known to lead the two servers apart for
good (see ``explained.txt``: renaming INBOX, deleting what is selected) is not in it: after that nothing is comparable.
"""

from __future__ import annotations

import random
from email import message_from_bytes
from email.utils import parsedate_tz
from typing import TYPE_CHECKING

from tests.differential.playbook import Script, Step
from tests.differential.samples import samples

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["script"]

_MESSAGES = (
    (
        r"From: Ann <ann@lab.test>\r\nTo: bob@lab.test\r\nSubject: one\r\nDate: Mon, 5 Jan 2026 10:00:00 +0000\r\n"
        r"Message-ID: <1@lab.test>\r\n\r\nfirst body\r\n"
    ),
    (
        r'From: bob@lab.test\r\nTo: Ann <ann@lab.test>, "C, D" <cd@other.test>\r\nCc: x@y.test\r\nSubject: Re: one\r\n'
        r"Date: Tue, 6 Jan 2026 11:30:00 +0100\r\nMessage-ID: <2@lab.test>\r\nIn-Reply-To: <1@lab.test>\r\n"
        r"References: <1@lab.test>\r\n\r\nsecond\r\nbody\r\n"
    ),
    (
        r"From: cd@other.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Wed, 7 Jan 2026 12:00:00 -0500\r\n"
        r"Message-ID: <3@lab.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        r"pre\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        r"caf=C3=A9\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n"
        r"Content-Disposition: attachment; filename=a.pdf\r\n\r\nJVBERg==\r\n--b--\r\npost\r\n"
    ),
    (
        r"From: d@lab.test\r\nSubject: fwd\r\nDate: Thu, 8 Jan 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        r"Content-Type: multipart/mixed; boundary=o\r\n\r\n"
        r"--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nplain\r\n"
        r"--i\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--i--\r\n\r\n--o\r\n"
        r"Content-Type: message/rfc822\r\n\r\nFrom: e@lab.test\r\nSubject: inner\r\n\r\ninner text\r\n--o--\r\n"
    ),
    r"Subject: bare\r\nDate: Fri, 9 Jan 2026 09:00:00 +0000\r\n\r\n",
)
_EXPLAINED = {"addresses", "boundary-prefixes", "deep-nesting", "no-separator", "only-header"}
"""Samples whose differences ``explained.txt`` tells."""
_SAMPLES = tuple(
    name
    for name, content in samples().items()
    # Without a date, or with one that nobody can read, the two sort and search by different ones (explained, too).
    if not name.startswith("cpython-") and name not in _EXPLAINED and parsedate_tz(message_from_bytes(content)["Date"])
)
_FLAGS = (r"\Seen", r"\Answered", r"\Flagged", r"\Deleted", r"\Draft", "$Forwarded", "key1", "Key2")
_MAILBOXES = ("INBOX", "Sent", "Trash", "work", "work/a", "work/b")
_MOST_NUMBER = 9


class _Dice:
    """Everything that is random, by a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- the same commands for a seed every time

    def of(self, *choices: str) -> str:
        return self._random.choice(choices)

    def one_in(self, times: int) -> bool:
        return not self._random.randrange(times)

    def number(self, most: int = _MOST_NUMBER) -> int:
        return 1 + self._random.randrange(most)

    def some(self, *choices: str, most: int = 3) -> list[str]:
        return self._random.sample(choices, self.number(min(most, len(choices))))

    def rule(self) -> Callable[[_Dice], str]:
        return self._random.choices(list(_RULES), list(_RULES.values()))[0]

    def pick(self, *rules: Callable[[_Dice], str]) -> Callable[[_Dice], str]:
        return self._random.choice(rules)

    def session(self) -> str:
        return self._random.choice("AAAB")


def _set(dice: _Dice) -> str:
    first, second, third = dice.number(), dice.number(), dice.number()
    return dice.of("*", f"{first}:*", "1:*", f"{first}", f"{first}:{second}", f"{first},{second}:{third}")


def _closed_set(dice: _Dice) -> str:
    return dice.of("*", "1:*", f"{dice.number()}", f"{dice.number()}:{dice.number()}")


def _uid(dice: _Dice) -> str:
    return dice.of("", "", "UID ")


def _section(dice: _Dice) -> str:
    fields = " ".join(dice.some("Subject", "FROM", "to", "X-None", "Date", "Received"))
    text = dice.of("HEADER", "TEXT", f"HEADER.FIELDS ({fields})", f"HEADER.FIELDS.NOT ({fields})")
    path = dice.of("1", "2", "1.1", "1.2", "2.1", "3")
    return dice.of("", text, path, path, f"{path}.MIME", f"2.{text}")


def _item(dice: _Dice) -> str:
    partial = f"<{dice.number(40) - 1}.{dice.number(60)}>" if dice.one_in(4) else ""
    path = dice.of("1", "2", "1.1")
    return dice.of(
        "FLAGS", "UID", "RFC822.SIZE", "INTERNALDATE", "ENVELOPE", "BODYSTRUCTURE", "BODY", "RFC822.HEADER",
        f"BODY.PEEK[{_section(dice)}]{partial}", f"BODY.PEEK[{_section(dice)}]{partial}", f"BODY[{_section(dice)}]",
        f"BINARY.PEEK[{path}]{partial}", f"BINARY.SIZE[{path}]", "RFC822", "RFC822.TEXT",
    )  # fmt: skip


def _fetch(dice: _Dice) -> str:
    items = dice.of("ALL", "FAST", "FULL") if dice.one_in(8) else ""
    if not items:
        items = f"({' '.join(_item(dice) for _ in range(dice.number(3)))})"
    return f"{_uid(dice)}FETCH {_set(dice)} {items}"


def _store(dice: _Dice) -> str:
    flags = " ".join(dice.some(*_FLAGS))
    return f"{_uid(dice)}STORE {_set(dice)} {dice.of('', '+', '-')}FLAGS{dice.of('', '.SILENT')} ({flags})"


def _delete(dice: _Dice) -> str:
    return rf"STORE {dice.number()} +FLAGS (\Deleted)"


def _key(dice: _Dice, depth: int = 0) -> str:
    if depth < 2 and dice.one_in(4):
        inner = _key(dice, depth + 1)
        return dice.of(f"NOT {inner}", f"OR {inner} {_key(dice, depth + 1)}", f"({inner} {_key(dice, depth + 1)})")
    word = dice.of("one", "BODY", "ann", '"lab.test"', "x", '"@"', '""', "html", "inner", "pdf", "caf")
    date = dice.of("5-Jan-2026", "6-Jan-2026", "07-Jan-2026", '"8-Jan-2026"', "1-Jan-1990")
    flag = dice.of("ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "NEW", "OLD", "RECENT", "ALL")
    return dice.of(
        flag, f"UN{dice.of('ANSWERED', 'DELETED', 'DRAFT', 'FLAGGED', 'SEEN')}", _closed_set(dice), f"UID {_set(dice)}",
        f"{dice.of('FROM', 'TO', 'CC', 'BCC', 'SUBJECT', 'BODY', 'TEXT')} {word}",
        f"HEADER {dice.of('Subject', 'Message-ID', 'X-None', 'to')} {word}",
        f"{dice.of('SENTBEFORE', 'SENTON', 'SENTSINCE', 'BEFORE', 'ON', 'SINCE')} {date}",
        f"{dice.of('LARGER', 'SMALLER')} {dice.number(600)}",
        f"{dice.of('KEYWORD', 'UNKEYWORD')} {dice.of('key1', 'Key2', '$Forwarded')}",
        f"{dice.of('YOUNGER', 'OLDER')} {dice.number(99_999)}",
    )  # fmt: skip


def _keys(dice: _Dice) -> str:
    return " ".join(_key(dice) for _ in range(dice.number(3)))


def _search(dice: _Dice) -> str:
    options = " ".join(dice.some("MIN", "MAX", "ALL", "COUNT"))
    wanted = f"RETURN ({options}) " if dice.one_in(3) else ""
    return f"{_uid(dice)}SEARCH {wanted}{dice.of('', '', 'CHARSET UTF-8 ')}{_keys(dice)}"


def _sort(dice: _Dice) -> str:
    keys = dice.some("DATE", "ARRIVAL", "SIZE", "SUBJECT", "FROM", "TO", "CC", "DISPLAYFROM", "DISPLAYTO")
    wanted = " ".join(f"{dice.of('', 'REVERSE ')}{key}" for key in keys)
    return f"{_uid(dice)}SORT ({wanted}) UTF-8 {_keys(dice)}"


def _thread(dice: _Dice) -> str:
    return f"{_uid(dice)}THREAD {dice.of('REFERENCES', 'ORDEREDSUBJECT')} UTF-8 {_keys(dice)}"


def _copy(dice: _Dice) -> str:
    return f"{_uid(dice)}{dice.of('COPY', 'COPY', 'MOVE')} {_set(dice)} {dice.of('Sent', 'Trash', 'work/b', 'none')}"


def _append(dice: _Dice) -> str:
    flags = f"({' '.join(dice.some(*_FLAGS))}) " if dice.one_in(2) else ""
    date = f'"0{dice.number()}-Jan-2026 1{dice.number()}:00:00 +0{dice.number()}00" '
    content = f"@{dice.of(*_SAMPLES)}" if dice.one_in(4) else dice.of(*_MESSAGES)
    return f"APPEND {dice.of('INBOX', 'INBOX', *_MAILBOXES)} {flags}{date}{{{{{dice.of('+', '')}{content}}}}}"


def _status(dice: _Dice) -> str:
    items = " ".join(dice.some("MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "SIZE"))
    return f"STATUS {dice.of('Sent', 'Trash', 'work', 'work/a', 'work/b', 'none')} ({items})"


def _list(dice: _Dice) -> str:
    pattern = dice.of("*", "%", "work/%", "w*", "inbox", "*/a", "none", "work", "%/%")
    return dice.of(
        f'LIST "" {pattern}', f'LIST "work/" {pattern}', f'LSUB "" {pattern}', f'LIST (SUBSCRIBED) "" {pattern}',
        f'LIST "" ({pattern} Sent) RETURN (CHILDREN)', f'LIST "" {pattern} RETURN (SUBSCRIBED)',
        f'LIST "" {pattern} RETURN (STATUS (MESSAGES UIDNEXT))', f'LIST "" {pattern} RETURN (SPECIAL-USE)',
    )  # fmt: skip


def _manage(dice: _Dice) -> str:
    made = dice.of("work/a", "work/b", "new", "new/deep")
    return dice.of(f"CREATE {made}", f"DELETE {made}", f"{dice.of('SUBSCRIBE', 'UNSUBSCRIBE')} work")


def _general(dice: _Dice) -> str:
    return dice.of("NOOP", "NOOP", "CHECK", "NAMESPACE", "CAPABILITY", "EXPUNGE", f"UID EXPUNGE {_set(dice)}")


def _mistyped(dice: _Dice) -> str:
    """Return a command that asks, with a word left out, said twice, out of its place, or another."""
    words = dice.pick(_fetch, _search, _sort, _thread, _status, _list)(dice).split(" ")
    at = dice.number(len(words)) - 1
    match dice.number(5):
        case 1:
            del words[at]
        case 2:
            words.insert(at, words[at])
        case 3:
            words.append(words.pop(at))
        case 4:
            words[at] = dice.of("0", "()", "(", ")", '""', "NIL", "[]", "*", "x", "\\Seen", "4294967296", "<0.1>")
        case _:
            words[at] = words[at][:-1]
    return " ".join(words) or "NOOP"


def _reopen(dice: _Dice) -> str:
    return dice.of("SELECT INBOX", "SELECT inbox", "CLOSE", "UNSELECT", "SELECT Trash", "SELECT none")


_RULES: dict[Callable[[_Dice], str], int] = {
    _fetch: 9, _store: 5, _delete: 2, _search: 8, _sort: 3, _thread: 2, _copy: 3, _append: 2, _status: 2, _list: 3,
    _manage: 2, _general: 4, _reopen: 1, _mistyped: 3,
}  # fmt: skip
"""How often each is chosen."""


def script(seed: int, commands: int) -> Script:
    """Return a script of two sessions; the other is always asked for its news, so that both know the same."""
    dice = _Dice(seed)
    texts = [
        ("A", "CREATE work"),
        *(("A", _append(dice)) for _ in range(5)),
        ("A", "SELECT INBOX"),
        ("B", "SELECT INBOX"),
    ]
    while len(texts) < commands:
        session = dice.session()
        texts += [(session, dice.rule()(dice)), ("B" if session == "A" else "A", "NOOP")]
    steps = tuple(Step(session=session, text=text) for session, text in texts[:commands])
    return Script(title=f"Seed {seed}", steps=steps)
