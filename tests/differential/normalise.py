r"""What of an answer is compared: its content, in one spelling and order, without what servers are free to choose.

Free are: texts for people; tags; UIDVALIDITY, MODSEQ and the current time as such (they become V, the rank among the
values told in the script, and NOW); the order of LIST rows, of flags, of attributes, of the kinds of untagged data
before a completion, and of the items of a FETCH; whether several FETCH answers about one message come as one; a RECENT
that says nothing new; capabilities that are not in question; the charsets of BADCHARSET; HIGHESTMODSEQ in scripts that
are not about it; \Marked, \Unmarked, and the attributes of CHILDREN and SPECIAL-USE where an extended LIST did not ask
for them; quoted string or literal; NIL or the empty string for a part that is not there.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.differential.values import Text, Value, read_values, render
from tests.differential.wire import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.differential.playbook import Step

__all__ = ["Normaliser", "learn"]

_CAPABILITIES = frozenset(
    """IMAP4REV1 LITERAL+ SASL-IR IDLE UIDPLUS MOVE NAMESPACE SPECIAL-USE ID ENABLE UNSELECT CHILDREN LIST-EXTENDED
    LIST-STATUS STATUS=SIZE ESEARCH SEARCHRES SORT SORT=DISPLAY ESORT THREAD=REFERENCES THREAD=ORDEREDSUBJECT CONDSTORE
    BINARY MULTIAPPEND WITHIN""".split()  # noqa: SIM905 -- a paragraph is read more easily than a column
)
_CHILDREN = frozenset({r"\haschildren", r"\hasnochildren"})
_USES = frozenset({r"\archive", r"\drafts", r"\junk", r"\sent", r"\trash"})
_UNORDERED = frozenset({"LIST", "LSUB", "STATUS"})
_SILENT_CODES = frozenset({"CAPABILITY", "ALERT", "CLIENTBUG", "PARSE", "SERVERBUG"})


def learn(variables: dict[str, bytes], answer: Iterable[bytes]) -> None:
    """Remember what later steps of a script may refer to."""
    for line in answer:
        for name, value in re.findall(rb"(HIGHESTMODSEQ|UIDVALIDITY) (\d+)", line):
            variables[{b"HIGHESTMODSEQ": "H", b"UIDVALIDITY": "V"}[name]] = value
        if match := re.match(rb"\* (\d+) FETCH .*MODSEQ \((\d+)\)", line):
            variables[f"M{match[1].decode()}"] = match[2]


class Normaliser:
    """Normalises the answers of one server to one script."""

    def __init__(self, answers: Iterable[Iterable[bytes]], now: datetime, *, modseqs: bool) -> None:
        told = {int(value) for answer in answers for line in answer for value in _modseqs(line)}
        self._ranks = {value: rank for rank, value in enumerate(sorted(told), 1)}
        self._now = now
        self._modseqs = modseqs
        self._free: frozenset[str] = frozenset()
        self._recent: dict[str, str] = {}

    def answer(self, step: Step, lines: Iterable[bytes]) -> list[str]:
        """Return one text per response, in the comparable order."""
        self._free = _free_attributes(step.text)
        rows: list[tuple[str, str]] = []
        fetched: dict[str, dict[str, str]] = {}
        for line in lines:
            if match := re.match(rb"\* (\d+) FETCH \(", line):
                number = match[1].decode()
                fetched.setdefault(number, {}).update(self._fetch(line))
                continue
            if re.match(rb"\* \d+ EXPUNGE", line):  # numbers mean other messages from here on
                rows += _fetch_rows(fetched)
                fetched = {}
            if (text := self._response(line)) is not None:
                rows.append((_kind(text), text))
        rows += _fetch_rows(fetched)
        untagged = sorted((row for row in rows if row[1].startswith("* ")), key=_order)
        completion = [row for row in rows if not row[1].startswith("* ")]
        return [text for kind, text in untagged + completion if kind != "RECENT" or self._news(step.session, text)]

    def _news(self, session: str, recent: str) -> bool:
        before, self._recent[session] = self._recent.get(session), recent
        return recent != before

    def _response(self, line: bytes) -> str | None:
        if line == CLOSED:
            return CLOSED.decode()
        if line.startswith(b"+"):
            return "+"
        head, rest = re.sub(rb"\At\d+ ", b"t ", line).split(b" ", 1)
        if match := re.match(rb"(?i)(OK|NO|BAD|BYE|PREAUTH)\b ?(?:\[([^\]]*)\])?", rest):
            return self._condition(head.decode(), match[1].decode().upper(), match[2])
        if head != b"*":
            return line.decode("latin-1")
        if match := re.match(rb"(\d+) (EXISTS|RECENT|EXPUNGE)", rest):
            return f"* {match[1].decode()} {match[2].decode()}"
        name = rest.split(b" ", 1)[0].decode().upper()
        return f"* {name} {self._data(name, read_values(rest)[1:])}".rstrip()

    def _condition(self, head: str, condition: str, code: bytes | None) -> str | None:
        if code is None:
            return None if head == "*" and condition == "OK" else f"{head} {condition}"
        name, *arguments = read_values(code)
        named = render(name).upper()
        if named in _SILENT_CODES:
            return None if head == "*" else f"{head} {condition}"
        if named == "BADCHARSET":
            arguments = []
        if named in {"UIDVALIDITY", "APPENDUID", "COPYUID"}:
            arguments[0] = b"V"
        if named == "HIGHESTMODSEQ" and not self._modseqs:
            return None if head == "*" else f"{head} {condition}"
        if named == "HIGHESTMODSEQ":
            arguments = [self._rank(arguments[0])]
        shown = " ".join([named, *(render(_sorted(argument)) for argument in arguments)])
        return f"{head} {condition} [{shown}]"

    def _data(self, name: str, values: list[Value]) -> str:
        match name:
            case "CAPABILITY":
                return " ".join(sorted(_CAPABILITIES & {render(value).upper() for value in values}))
            case "LIST" | "LSUB":
                return self._list(values)
            case "STATUS":
                return self._status(values)
            case "SEARCH":
                return self._search(values)
            case "ESEARCH":
                return self._esearch(values)
        shown = {"FLAGS": [_sorted(value) for value in values], "ENABLED": sorted(values, key=render), "ID": []}
        return " ".join(map(render, shown.get(name, values)))

    def _list(self, values: list[Value]) -> str:
        attributes, delimiter, mailbox, *more = values
        assert isinstance(attributes, list)
        shown = [each for each in attributes if render(each).lower() not in self._free]
        extended = [[_text(each[0]), *each[1:]] for each in more if isinstance(each, list)]
        return " ".join(map(render, [_sorted(shown), delimiter, _text(mailbox), *extended]))

    def _search(self, values: list[Value]) -> str:
        modseq = [self._rank(value[1]) for value in values if isinstance(value, list)]
        numbers = sorted((value for value in values if isinstance(value, bytes)), key=int)
        return " ".join(map(render, [*numbers, *modseq]))

    def _status(self, values: list[Value]) -> str:
        mailbox, listed = values
        assert isinstance(listed, list)
        pairs = {render(key).upper(): value for key, value in zip(listed[::2], listed[1::2], strict=True)}
        if "UIDVALIDITY" in pairs:
            pairs["UIDVALIDITY"] = b"V"
        if "HIGHESTMODSEQ" in pairs:
            pairs["HIGHESTMODSEQ"] = self._rank(pairs["HIGHESTMODSEQ"])
        shown = " ".join(f"{key} {render(value)}" for key, value in sorted(pairs.items()))
        return f"{render(_text(mailbox))} ({shown})"

    def _esearch(self, values: list[Value]) -> str:
        rest = [value for value in values if not isinstance(value, list)]
        uid = [b"UID"] if b"UID" in rest[:1] else []
        rest = rest[len(uid) :]
        pairs = sorted((render(key), value) for key, value in zip(rest[::2], rest[1::2], strict=True))
        shown = [f"{key} {render(self._rank(value) if key == 'MODSEQ' else value)}" for key, value in pairs]
        return " ".join(["UID"] * len(uid) + shown)

    def _fetch(self, line: bytes) -> dict[str, str]:
        (_, _, _, items) = read_values(line)
        assert isinstance(items, list)
        return {
            _item(key): render(self._item_value(_item(key), value))
            for key, value in zip(items[::2], items[1::2], strict=True)
        }

    def _item_value(self, key: str, value: Value) -> Value:
        if key == "FLAGS":
            return _sorted(value)
        if value == b"NIL" and key.startswith(("BODY[", "BINARY[")):
            return Text(b"")
        if key == "MODSEQ" and isinstance(value, list):
            return [self._rank(value[0])]
        if key == "INTERNALDATE" and isinstance(value, Text):
            moment = datetime.strptime(value.octets.decode().strip(), "%d-%b-%Y %H:%M:%S %z")
            recent = abs(moment - self._now) < timedelta(hours=1)
            return b"NOW" if recent else moment.astimezone(UTC).isoformat().encode()
        return value

    def _rank(self, value: Value) -> bytes:
        assert isinstance(value, bytes)
        return b"m%d" % self._ranks[int(value)] if value != b"0" else value


def _free_attributes(command: str) -> frozenset[str]:
    """Return the attributes that a server may or may not tell in answer to this command (RFC 5258 3, RFC 6154 2)."""
    free = {r"\marked", r"\unmarked"}
    extended = re.match(r"LIST (\(|\S+ \()", command) or "RETURN" in command
    if extended and "CHILDREN" not in command:
        free |= _CHILDREN
    if command.startswith("LSUB") or (extended and "SPECIAL-USE" not in command):
        free |= _USES
    return frozenset(free)


def _modseqs(line: bytes) -> list[bytes]:
    if re.match(rb"\* \d+ FETCH", line):
        return re.findall(rb"MODSEQ \((\d+)\)", line)
    return re.findall(rb"MODSEQ (\d+)", line)


def _fetch_rows(fetched: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    return [
        ("FETCH", f"* {number} FETCH ({' '.join(f'{key} {value}' for key, value in sorted(items.items()))})")
        for number, items in sorted(fetched.items(), key=lambda pair: int(pair[0]))
    ]


def _kind(text: str) -> str:
    words = [*text.split(" "), ""]
    return words[2] if words[1].isdigit() else words[1]


def _order(row: tuple[str, str]) -> tuple[str, str]:
    kind, text = row
    return (kind, text if kind in _UNORDERED | {"OK"} else "")


def _item(key: Value) -> str:
    """Return the name of a fetch item in capitals, its header field names unquoted and sorted."""
    assert isinstance(key, bytes)
    name = key.decode("latin-1").upper().replace('"', "")
    return re.sub(r"\(([^)]*)\)", lambda match: f"({' '.join(sorted(match[1].split()))})", name)


def _sorted(value: Value) -> Value:
    return sorted(value, key=lambda each: render(each).lower()) if isinstance(value, list) else value


def _text(value: Value) -> Text:
    assert not isinstance(value, list)
    octets = value.octets if isinstance(value, Text) else value
    return Text(b"INBOX" if octets.upper() == b"INBOX" else octets)
