"""Whether a store file is whole: its tables are those that were made, its pages can be read, its rows make sense.

All of it is looked at before the lab is ready, because a mailbox that breaks under a client costs hours. Two gibibytes
take about two seconds when they are in the system's cache, of which the content of messages is nearly all, so that of
a larger file the pages with content are not read: what is wrong with those is told when a client asks for the message.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from labserver.mailstore.schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WHOLE_UP_TO", "fault"]

WHOLE_UP_TO = 2 << 30
"""Octets of a file whose every page is read."""
_CONTENT = "content"
_SOUND = "ok"

_RULES: Mapping[str, str] = {
    "its counter of mailboxes": """
        SELECT 1 WHERE (SELECT count(*) FROM lab) != 1
        UNION ALL SELECT 1 FROM lab WHERE typeof(last_uid_validity) != 'integer'
        UNION ALL SELECT 1 FROM mailbox WHERE uid_validity > (SELECT last_uid_validity FROM lab)""",
    "an account": """
        SELECT 1 FROM account WHERE typeof(name) != 'text'
            OR NOT EXISTS (SELECT 1 FROM mailbox WHERE mailbox.account = account.name AND mailbox.name = 'INBOX')""",
    "a mailbox": """
        SELECT 1 FROM mailbox WHERE account NOT IN (SELECT name FROM account)
            OR typeof(name) != 'text' OR typeof(keywords) != 'text' OR typeof(special_use) NOT IN ('text', 'null')
            OR typeof(uid_next) != 'integer' OR uid_next < 1
            OR typeof(highest_modseq) != 'integer' OR highest_modseq < 1
            OR typeof(first_recent) != 'integer' OR uid_validity < 1""",
    "the name of a mailbox": """
        SELECT 1 FROM container WHERE typeof(name) != 'text' OR account NOT IN (SELECT name FROM account)
        UNION ALL
        SELECT 1 FROM subscription WHERE typeof(name) != 'text' OR account NOT IN (SELECT name FROM account)""",
    "a place of messages": """
        SELECT 1 FROM shelf WHERE id >= 0 OR mailbox NOT IN (SELECT uid_validity FROM mailbox)
            OR typeof(distance) != 'integer' OR distance < 0 OR typeof(last) != 'integer' OR last < 1
            OR typeof(modseq) != 'integer' OR modseq < 1""",
    "a change that is not finished": """
        SELECT 1 FROM batch WHERE typeof(id) != 'integer' OR typeof(seen) != 'integer' OR typeof(modseq) != 'integer'
        UNION ALL SELECT 1 FROM task WHERE typeof(batch) != 'integer' OR typeof(number) != 'integer'
            OR typeof(holder) != 'integer' OR typeof(low) != 'integer' OR typeof(high) != 'integer' OR low > high + 1
            OR typeof(flags) NOT IN ('text', 'null')""",
    "a property of messages": """
        SELECT 1 FROM property WHERE mailbox NOT IN (SELECT uid_validity FROM mailbox) OR typeof(name) != 'text'
            OR typeof(first) != 'integer' OR first < 1 OR typeof(value) NOT IN ('integer', 'null')""",
    "a message": """
        SELECT 1 FROM message LEFT JOIN shelf ON shelf.id = message.mailbox
            LEFT JOIN mailbox ON mailbox.uid_validity = coalesce(shelf.mailbox, message.mailbox)
        WHERE message.mailbox != 0
            AND ((mailbox.uid_validity IS NULL AND message.mailbox > 0
                AND message.mailbox NOT IN (SELECT holder FROM task))
            OR typeof(message.uid) != 'integer' OR message.uid < 1
            OR message.uid + coalesce(shelf.distance, 0) >= mailbox.uid_next
            OR typeof(message.modseq) != 'integer' OR message.modseq > mailbox.highest_modseq
            OR message.modseq < (message.mailbox > 0)
            OR typeof(message.size) != 'integer' OR message.size < 0
            OR typeof(message.content) != 'integer' OR NOT EXISTS (SELECT 1 FROM content WHERE id = message.content)
            OR typeof(message.flags) != 'text' OR typeof(message.internal_date) != 'text')""",
}
"""What no row may be, and the query that finds one that is."""


def fault(db: sqlite3.Connection) -> str:
    """Return what is wrong with the file, empty if nothing is. Raise sqlite3.Error where it cannot be read at all."""
    return _wrong_table(db) or _broken_page(db) or _wrong_row(db)


def _wrong_table(db: sqlite3.Connection) -> str:
    made = sqlite3.connect(":memory:")
    try:
        made.executescript(SCHEMA)
        wanted = _tables(made)
    finally:
        made.close()
    found = _tables(db)
    for (kind, name), statement in wanted.items():
        if (kind, name) not in found:
            return f"there is no {kind} {name}"
        if found[kind, name] != statement:
            return f"the {kind} {name} is another"
    return ""


def _tables(db: sqlite3.Connection) -> dict[tuple[str, str], list[str]]:
    """Return the statements that made the tables and indexes, as words."""
    rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(str(kind), str(name)): str(statement).split() for kind, name, statement in rows}


def _broken_page(db: sqlite3.Connection) -> str:
    pages, octets = (int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size"))
    checks = ["1"]
    if pages * octets > WHOLE_UP_TO:
        checks = [name for kind, name in _tables(db) if kind == "table" and name != _CONTENT]
    for check in checks:
        (found,) = db.execute(f"PRAGMA integrity_check({check})").fetchone()
        if found != _SOUND:
            return " ".join(str(found).split())
    return ""


def _wrong_row(db: sqlite3.Connection) -> str:
    wrong = (subject for subject, query in _RULES.items() if db.execute(query).fetchone() is not None)
    return next((f"{subject} makes no sense" for subject in wrong), "")
