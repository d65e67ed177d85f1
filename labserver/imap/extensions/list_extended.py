"""LIST-EXTENDED (RFC 5258): what to list, several patterns, what to tell; with SPECIAL-USE and LIST-STATUS in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labserver.imap.commands.listing import List, check_patterns
from labserver.imap.cursor import BadSyntax
from labserver.imap.listing import Selection
from labserver.imap.status import parse_items
from labserver.imap.vocabulary import AUTHENTICATED, Entry, Extension

if TYPE_CHECKING:
    from labserver.imap.cursor import Cursor
    from labserver.imap.dialect import Dialect

__all__ = ["EXTENSION", "parse_list"]


@dataclass(slots=True, kw_only=True)
class _Returned:
    """What RETURN names."""

    options: set[bytes] = field(default_factory=set)
    status: tuple[bytes, ...] = ()


def parse_list(cursor: Cursor, dialect: Dialect) -> List:
    """Read LIST in its basic or its extended form; only the basic one gives an empty pattern its old meaning."""
    cursor.space()
    extended = cursor.peek() == b"("
    selected = _parse_selection(cursor, dialect) if extended else set()
    reference = cursor.mailbox()
    cursor.space()
    if cursor.peek() == b"(":
        extended = True
        patterns = cursor.parenthesised(cursor.list_mailbox)
        if not patterns:
            raise BadSyntax("Name at least one pattern")
    else:
        patterns = [cursor.list_mailbox()]
    returned = _Returned()
    if cursor.skip(b" RETURN "):
        extended = True
        cursor.parenthesised(lambda: _parse_return(cursor, dialect, returned))
    cursor.end()
    check_patterns(reference, patterns)
    return List(
        reference=reference,
        patterns=tuple(patterns),
        selection=Selection(
            subscribed=b"SUBSCRIBED" in selected,
            special_use=b"SPECIAL-USE" in selected,
            recursive=b"RECURSIVEMATCH" in selected,
            show_subscribed=b"SUBSCRIBED" in returned.options,
            show_children=dialect.has("CHILDREN") or b"CHILDREN" in returned.options,
            show_special_use=dialect.has("SPECIAL-USE"),
        ),
        status=returned.status,
        root=not extended and patterns == [""],
    )


def _parse_selection(cursor: Cursor, dialect: Dialect) -> set[bytes]:
    known = {b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH"} | ({b"SPECIAL-USE"} if dialect.has("SPECIAL-USE") else set())
    selected = set(cursor.parenthesised(cursor.atom))
    if selected - known:
        raise BadSyntax("Unknown selection option")
    if b"RECURSIVEMATCH" in selected and not selected & {b"SUBSCRIBED", b"SPECIAL-USE"}:
        raise BadSyntax("RECURSIVEMATCH needs something to match (RFC 5258 3.1)")
    cursor.space()
    return selected


def _parse_return(cursor: Cursor, dialect: Dialect, returned: _Returned) -> None:
    known = {b"SUBSCRIBED", b"CHILDREN"} | ({b"SPECIAL-USE"} if dialect.has("SPECIAL-USE") else set())
    option = cursor.atom()
    if option == b"STATUS" and dialect.has("LIST-STATUS"):
        cursor.space()
        returned.status = parse_items(cursor, dialect)
    elif option not in known:
        raise BadSyntax("Unknown return option")
    returned.options.add(option)


EXTENSION = Extension(
    name="LIST-EXTENDED",
    reference="RFC 5258",
    capabilities=("LIST-EXTENDED",),
    commands={"LIST": Entry(states=AUTHENTICATED, parse=parse_list)},
)
