"""One IMAP session without I/O: a command comes in, replies go out, and nothing else happens in between.

Theory of operation: a command's verb finds an :class:`~labserver.imap.vocabulary.Entry`, the entry parses a request,
the request answers itself. Whatever changed in the selected mailbox meanwhile is told after the answer and before the
tagged completion, so a client that has seen the completion knows everything that came before it. BAD, NO and OK are
made here only. An exception that is none of ours leaves :meth:`Session.handle` as it is: the connection's owner
records it and says goodbye.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labserver.budget import Charge
from labserver.dialogues.exchange import Reply
from labserver.effort import GIVE_WAY, Effort, GiveWay
from labserver.errors import StoreError
from labserver.holding import Span
from labserver.imap.commands.transfer import NO_ROOM, announces_eight, takes_message
from labserver.imap.cursor import BadSyntax, Cursor, Refused
from labserver.imap.dialect import compose
from labserver.imap.extensions.table import EXTENSIONS
from labserver.imap.responses import batched
from labserver.imap.syntax import astring, encode_mailbox
from labserver.imap.view import View
from labserver.imap.vocabulary import State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from labserver.clock import Clock
    from labserver.dialogues.exchange import Command, Exchange, Identity, Link
    from labserver.holding import Intake
    from labserver.imap.vocabulary import Entry, Request
    from labserver.limits import Limits
    from labserver.mailstore.account import Account
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.store import MailStore
    from labserver.wire.framing import LiteralRequest, Sink

__all__ = ["Session"]

_VERB = re.compile(rb"[^ ]+ +(?:uid [^ ]*|[^ ]*)", re.IGNORECASE)
_TAG = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]{1,255}) ")
_LONGEST_TEXT = 200
"""Characters for people in a completion, which may repeat a word of the client's."""
_COMMAND = 1_024
"""Units of work that a command takes at least, besides its text."""
_LOOKS = frozenset(f"{uid}{verb}" for uid in ("", "UID ") for verb in ("FETCH", "SEARCH", "SORT", "THREAD"))
"""New messages are told before these are answered, so that "select, deliver, search" finds what was delivered."""
_PER_PLACE = 8
"""Octets of a message in a view's list."""
_ALWAYS = 8 << 10
"""Octets of a view that there is room for in any case: a thousand messages."""
_ALL = frozenset(EXTENSIONS)
_ANONYMOUS = "anonymous"
"""The account that anonymous clients share."""


class Session:
    """The honest IMAP4rev1 backend (:class:`labserver.dialogues.exchange.Backend`)."""

    def __init__(
        self,
        *,
        link: Link,
        store: MailStore,
        limits: Limits,
        clock: Clock,
        intake: Intake,
        extensions: Collection[str] | None = None,
        keep_line_ends: bool = False,
    ) -> None:
        self.link = link
        self.limits = limits
        self.clock = clock
        self._intake = intake
        self.keep_line_ends = keep_line_ends
        """Messages are stored with the line ends with which they come."""
        self.dialect = compose(_ALL if extensions is None else frozenset(extensions), limits)
        self.enabled: set[str] = set()
        """What ENABLE or a command that implies it switched on."""
        self.effort = Effort()
        """What it did since it last gave way."""
        self.idling = False
        self.tag = b""
        """The command's that is being answered."""
        self._bad_commands = 0
        self._store = store
        self._account: Account | None = None
        self._view: View | None = None
        self._charge: Charge | None = None
        """What the view's list of messages takes."""

    # What the commands work with

    @property
    def state(self) -> State:
        """Where the session is."""
        if self._account is None:
            return State.NOT_AUTHENTICATED
        return State.AUTHENTICATED if self._view is None else State.SELECTED

    @property
    def account(self) -> Account:
        """The account of an authenticated session."""
        if self._account is None:
            raise Refused("Log in first")
        return self._account

    @property
    def view(self) -> View:
        """The selected mailbox; refused if it was deleted under the session."""
        if self._view is None:
            raise Refused("Select a mailbox first")
        if self._view.gone:
            raise Refused("The mailbox was deleted", "NONEXISTENT")
        return self._view

    @property
    def writable_view(self) -> View:
        """The selected mailbox; refused if it was opened by EXAMINE."""
        if self.view.read_only:
            raise Refused("The mailbox is open read-only")
        return self.view

    @property
    def modseq(self) -> bool:
        """Whether FETCH responses with flags carry MODSEQ (RFC 7162 3.1)."""
        return "CONDSTORE" in self.enabled

    @property
    def utf8(self) -> bool:
        """Whether UTF8=ACCEPT is enabled (RFC 6855)."""
        return "UTF8=ACCEPT" in self.enabled

    def log_in(self, account: str) -> None:
        """Enter the authenticated state."""
        self._account = self._store.account(account or _ANONYMOUS)

    def mailbox(self, name: str, *, otherwise: str = "NONEXISTENT") -> Mailbox:
        """Return the account's mailbox; refused with the code ``otherwise`` if there is none."""
        mailbox = self.account.mailbox(name)
        if mailbox is None:
            raise Refused("There is no such mailbox", otherwise)
        return mailbox

    def mailbox_name(self, name: str) -> bytes:
        """Return a mailbox name as it is sent to this client."""
        return astring(encode_mailbox(name, utf8=self.utf8), utf8=self.utf8)

    def select(self, mailbox: Mailbox, *, read_only: bool) -> View:
        """Enter the selected state; refused where there is no room for one more list of so many messages."""
        charge, octets = Charge(self._intake.budget), _PER_PLACE * len(mailbox.messages)
        if not charge.resize(octets, forced=octets <= _ALWAYS):
            raise Refused("There is no room to select a mailbox of this size now, try again later", "LIMIT")
        self._charge = charge
        self._view = View(mailbox, read_only=read_only, notify=self.link.notify)
        return self._view

    def recent(self, mailbox: Mailbox) -> int:
        r"""Return how many messages are \Recent in this session, if that is the selected mailbox."""
        return len(self._view.recent) if self._view is not None and self._view.mailbox is mailbox else 0

    def unselect(self) -> View | None:
        """Leave the selected state without telling; return the view that was left, if there was one."""
        view, self._view = self._view, None
        self._charge = None
        if view is not None:
            view.close()
        return view

    def enable(self, extension: str) -> Iterator[Reply]:
        """Switch on what ENABLE, or a command that implies it, asks for; CONDSTORE tells where the mailbox stands."""
        if extension in self.enabled or extension not in self.dialect.enabling:
            return
        self.enabled.add(extension)
        if extension == "CONDSTORE" and self._view is not None and not self._view.gone:
            highest = self._view.mailbox.highest_modseq
            yield Reply.untagged(b"* OK [HIGHESTMODSEQ %d] Conditional store is on\r\n" % highest)

    def capabilities(self) -> bytes:
        """Return what CAPABILITY lists now, beginning with ``IMAP4rev1``."""
        names = ["IMAP4rev1"]
        if self.state is not State.NOT_AUTHENTICATED:
            return " ".join([*names, *self.dialect.capabilities]).encode()
        names += self.dialect.capabilities_before_login
        if self.link.offers_starttls:
            names.append("STARTTLS")
        names += [f"AUTH={mechanism}" for mechanism in self.link.mechanisms]
        if not self.link.accepts_passwords:
            names.append("LOGINDISABLED")
        return " ".join(names).encode()

    # What the membrane calls

    def greeting(self) -> Reply:
        """Greet with the capabilities (RFC 3501 7.1 OK)."""
        return Reply.greeting(b"* OK [CAPABILITY %b] labserver ready\r\n" % self.capabilities(), "OK")

    def admit(self, request: LiteralRequest) -> Reply | Sink | None:
        """Measure an argument before it comes: only APPEND's messages may be large, and they are held elsewhere.

        What makes a command too large for now is refused with ``NO [TOOBIG]`` (RFC 7889 4).
        """
        if self.state is State.NOT_AUTHENTICATED:
            return self._small(request, self.limits.literal_before_login, "in one command")
        verb = _VERB.match(request.parts[0])
        if not takes_message(request.parts, start=verb.end() if verb else 0, dialect=self.dialect, utf8=self.utf8):
            return self._small(request, self.limits.imap_line, "in the arguments of one command")
        most = self.limits.message_size
        if request.size > most:
            return _refused(request, "TOOBIG", f"At most {most} octets in one message")
        held = next((sink.held for _, sink in request.sinks if isinstance(sink, Span)), None) or self._intake.hold()
        if not request.unasked and (held.lost or not self._intake.has_room(request.size)):
            return _refused(request, "LIMIT", NO_ROOM)
        eight = announces_eight(request.parts, utf8=self.utf8)
        return held.span(request.size, mends=not (eight or self.keep_line_ends))

    def _small(self, request: LiteralRequest, most: int, where: str) -> Reply | None:
        places = {place for place, _ in request.sinks}
        so_far = sum(len(part) for place, part in enumerate(request.parts) if place % 2 and place not in places)
        return None if request.size + so_far <= most else _refused(request, "TOOBIG", f"At most {most} octets {where}")

    def handle(self, command: Command) -> Exchange:
        """Answer one command; every reply of the session is yielded here or by :meth:`unsolicited`."""
        return self._released(command) if command.sinks else self._handle(command)

    def _released(self, command: Command) -> Exchange:
        """Answer a command, and let go of the messages that came with it however that ends."""
        try:
            yield from self._handle(command)
        finally:
            for _, sink in command.sinks:
                sink.drop()

    def _handle(self, command: Command) -> Exchange:
        entry = self.dialect.commands.get(command.verb) if command.tag else None
        self.tag = command.tag
        if self.effort.spend(_COMMAND + len(command.raw)):
            yield GIVE_WAY
        try:
            request = self._parse(command, entry)
            if command.verb in _LOOKS and self._view is not None and self._view.pending:
                yield from batched(self._view.arrivals(self.effort))
            done = yield from request.answer(self)
        except BadSyntax as error:
            self._bad_commands += 1
            yield from self._completion(command, entry, "BAD", b"", str(error))
        except Refused as error:
            yield from self._completion(command, entry, "NO", error.code.encode(), error.text)
        except StoreError as error:
            yield from self._completion(command, entry, "NO", error.code.encode(), str(error))
        else:
            text = done.text or f"{command.verb} completed"
            yield from self._completion(command, entry, "OK", done.code, text, farewell=done.farewell)
            return
        if self._bad_commands > self.limits.bad_commands:
            yield Reply.farewell(b"* BYE Too many errors\r\n", "BYE")

    def permits(self, command: Command) -> bool:  # noqa: ARG002 -- the interface's; both have the same rule
        """Return whether STARTTLS or AUTHENTICATE is possible: before login only (RFC 3501 6.2)."""
        return self.state is State.NOT_AUTHENTICATED

    def authenticated(self, command: Command, identity: Identity) -> Iterator[Reply]:
        """Enter the authenticated state after the membrane's AUTHENTICATE."""
        try:
            self.log_in(identity.account)
        except StoreError as error:
            yield self._tagged(command, "NO", error.code.encode(), str(error))
        else:
            yield self._tagged(command, "OK", b"CAPABILITY " + self.capabilities(), "Logged in")

    def unsolicited(self) -> Iterator[Reply | GiveWay]:
        """Tell what changed; only while the client idles, because other clients do not expect it (RFC 2177)."""
        if self.idling:
            yield from self._changes(expunges=True, uid=False)

    def news(self) -> Iterator[Reply | GiveWay]:
        """Tell what changed, and what changes meanwhile, until there is nothing to tell."""
        while self._view is not None and self._view.pending:
            yield from self._changes(expunges=True, uid=False)

    def disconnected(self) -> None:
        """Let go of the mailbox."""
        self.unselect()

    # How

    def _parse(self, command: Command, entry: Entry | None) -> Request:
        if not command.tag:
            raise BadSyntax("Missing or invalid tag")
        if entry is None:
            raise BadSyntax("Unknown command")
        if self.state not in entry.states:
            raise BadSyntax(f"Not possible when {self.state.value}")
        verb = _VERB.match(command.parts[0])
        cursor = Cursor(
            command.parts,
            start=verb.end() if verb else 0,
            utf8=self.utf8,
            saved_results=self.dialect.has("SEARCHRES"),
            messages={place: sink for place, sink in command.sinks if isinstance(sink, Span)} if command.sinks else {},
        )
        request = entry.parse(cursor, self.dialect)
        for departure in cursor.departures:
            self.link.tolerated(f"{command.verb} with {departure}")
        return request

    def _changes(self, *, expunges: bool, uid: bool) -> Iterator[Reply | GiveWay]:
        if self._view is not None and self._view.pending:
            changes = self._view.changes(self.effort, expunges=expunges, uid=uid, modseq=self.modseq)
            yield from batched(changes)

    def _completion(
        self, command: Command, entry: Entry | None, verdict: str, code: bytes, text: str, *, farewell: bool = False
    ) -> Iterator[Reply | GiveWay]:
        if entry is not None:
            yield from self._changes(expunges=entry.expunges, uid=entry.uid)
        reply = self._tagged(command, verdict, code, text)
        yield Reply.farewell(reply.raw, verdict) if farewell else reply

    def _tagged(self, command: Command, verdict: str, code: bytes, text: str) -> Reply:
        bracketed = b"[%b] " % code if code else b""
        words = " ".join(text[:_LONGEST_TEXT].split()).encode("ascii", "replace")
        return Reply.completion(b"%b %b %b%b\r\n" % (command.tag or b"*", verdict.encode(), bracketed, words), verdict)


def _refused(request: LiteralRequest, code: str, text: str) -> Reply:
    tag = _TAG.match(request.parts[0])
    raw = b"%b NO [%b] %b\r\n" % (tag.group(1) if tag else b"*", code.encode(), text.encode())
    return Reply.completion(raw, "NO")
