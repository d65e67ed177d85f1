"""The commands of RFC 3501 by name; STARTTLS and AUTHENTICATE never reach a session."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from labserver.imap.commands.general import Capability, Login, Logout, Nothing
from labserver.imap.commands.listing import List, ListSubscribed
from labserver.imap.commands.mailboxes import Create, Delete, Rename, Status, Subscribe
from labserver.imap.commands.messages import Fetch, Store
from labserver.imap.commands.searching import Search
from labserver.imap.commands.selecting import Close, Expunge, Select
from labserver.imap.commands.transfer import Append, Copy
from labserver.imap.vocabulary import ANY, AUTHENTICATED, NOT_AUTHENTICATED, SELECTED, Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMANDS"]

COMMANDS: Mapping[str, Entry] = {
    "CAPABILITY": Entry(states=ANY, parse=Capability.parse),
    "NOOP": Entry(states=ANY, parse=Nothing.parse),
    "LOGOUT": Entry(states=ANY, parse=Logout.parse),
    "LOGIN": Entry(states=NOT_AUTHENTICATED, parse=Login.parse),
    "SELECT": Entry(states=AUTHENTICATED, parse=partial(Select.parse, read_only=False)),
    "EXAMINE": Entry(states=AUTHENTICATED, parse=partial(Select.parse, read_only=True)),
    "CREATE": Entry(states=AUTHENTICATED, parse=Create.parse),
    "DELETE": Entry(states=AUTHENTICATED, parse=Delete.parse),
    "RENAME": Entry(states=AUTHENTICATED, parse=Rename.parse),
    "SUBSCRIBE": Entry(states=AUTHENTICATED, parse=partial(Subscribe.parse, wanted=True)),
    "UNSUBSCRIBE": Entry(states=AUTHENTICATED, parse=partial(Subscribe.parse, wanted=False)),
    "LIST": Entry(states=AUTHENTICATED, parse=List.parse),
    "LSUB": Entry(states=AUTHENTICATED, parse=ListSubscribed.parse),
    "STATUS": Entry(states=AUTHENTICATED, parse=Status.parse),
    "APPEND": Entry(states=AUTHENTICATED, parse=Append.parse),
    "CHECK": Entry(states=SELECTED, parse=Nothing.parse),
    "CLOSE": Entry(states=SELECTED, parse=partial(Close.parse, expunges=True)),
    "EXPUNGE": Entry(states=SELECTED, parse=partial(Expunge.parse, uid=False)),
    "SEARCH": Entry(states=SELECTED, parse=partial(Search.parse, uid=False), expunges=False),
    "UID SEARCH": Entry(states=SELECTED, parse=partial(Search.parse, uid=True), uid=True),
    "FETCH": Entry(states=SELECTED, parse=partial(Fetch.parse, uid=False), expunges=False),
    "UID FETCH": Entry(states=SELECTED, parse=partial(Fetch.parse, uid=True), uid=True),
    "STORE": Entry(states=SELECTED, parse=partial(Store.parse, uid=False), expunges=False),
    "UID STORE": Entry(states=SELECTED, parse=partial(Store.parse, uid=True), uid=True),
    "COPY": Entry(states=SELECTED, parse=partial(Copy.parse, uid=False)),
    "UID COPY": Entry(states=SELECTED, parse=partial(Copy.parse, uid=True), uid=True),
}
