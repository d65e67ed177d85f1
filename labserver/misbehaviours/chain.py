"""A scenario's misbehaviours, one over the other, around what the honest server says.

Links stand in the order of their file, and the last is nearest to the client: the first changes what the honest server
says, the second what is left of it. A *tap* around each link compares, step by step, what goes in with what comes out,
and puts a :class:`Tell` before the first step that differs, or where one is missing. So no misbehaviour tells of
itself, and what it tells is told when it happens: a ``Tell`` travels in the queue with the octets.

An exchange that is cut leaves nothing behind: the honest one is closed, so the backend is as after a failed command,
and what the client still sends for it (the octets of BDAT, the line that answers a challenge) is taken and thrown away.

Nothing here needs the library that misbehaviours are read with: a lab without any does not import it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Await, AwaitKind, Reply, ReplyKind
from labserver.misbehaviours.moment import Occasion
from labserver.wire.actions import Abort, Close, Pace

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from labserver.dialogues.exchange import Command
    from labserver.misbehaviours.base import Misbehaviour, Said, Step, Steps
    from labserver.misbehaviours.moment import Moment
    from labserver.misbehaviours.presentation import Presentation
    from labserver.tls.client_hello import ClientHello

__all__ = ["NONE", "Belief", "Chain", "Tell", "tapped"]

_CHUNK = re.compile(rb"([0-9]{1,19})(?: +LAST)?", re.IGNORECASE)
_MAIL_FOLLOWS = "354"
_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class Tell:
    """In the queue ahead of the first step that is not honest: when it passes, the misbehaviour has happened."""

    kind: str
    """The misbehaviour's kind."""
    place: int
    """The link's place in the chain, from 0."""


@dataclass(frozen=True, slots=True)
class Belief:
    """Whether credentials count as right."""

    right: bool
    tells: tuple[Tell, ...] = ()
    """Who changed that, for the queue ahead of the answer."""


class _Nowhere:
    """The sink of what nobody is going to look at."""

    def write(self, octets: bytes, sent: bytes) -> None:
        """Forget it."""

    def drop(self) -> None:
        """Forget it."""


_NOWHERE = _Nowhere()
_UNASKED = frozenset({Occasion.QUIET, Occasion.SECURED, Occasion.UNSOLICITED})
"""Occasions on which a server that says nothing may be the honest one."""


class _Watched:
    """An honest exchange on its way into a misbehaviour: which of its steps has not come out again, and what did."""

    __slots__ = ("_honest", "exhausted", "lost", "pending", "tells")

    def __init__(self, honest: Steps) -> None:
        self._honest = honest
        self.pending: Step | None = None
        """The last step that went in and has not come out."""
        self.lost: Step | None = None
        """The last step that did not come out although another one was asked for."""
        self.tells: list[Tell] = []
        """Of links further in; they go around this one."""
        self.exhausted = False

    def steps(self) -> Steps:
        """Yield the honest steps, and give back what is answered to them."""
        said: Said = None
        while True:
            try:
                step = self._honest.send(said)
            except StopIteration:
                self.exhausted = True
                self._lose()
                return
            said = None
            if isinstance(step, Tell):
                self.tells.append(step)
                continue
            self._lose()
            self.pending = step
            said = yield step

    def came_out(self, step: Step) -> Step | None:
        """Return the honest step if ``step`` is it, or equal to it; None if it is another one."""
        honest = self.pending
        if honest is None or not (step is honest or step == honest):
            return None
        self.pending = None
        return honest

    def _lose(self) -> None:
        if self.pending is not None:
            self.lost, self.pending = self.pending, None


def tapped(link: Misbehaviour, place: int, honest: Steps, moment: Moment) -> Steps:
    """Run a link over an exchange, with a Tell before the first step that is not the honest one in its turn.

    A step that is equal to the honest one is the honest one. A pace is told with what it is the pace of: where nothing
    is said, nothing is wrong. Closing this closes the link, then the exchange in it.
    """
    watched = _Watched(honest)
    inside = watched.steps()
    changed = link.exchange(inside, moment)
    told = paced = False
    said: Said = None
    try:
        while True:
            try:
                step = changed.send(said)
            except StopIteration:
                break
            same = watched.came_out(step)
            if isinstance(step, Pace) and same is None and watched.lost is None:
                paced = True
            elif not told and (paced or same is None or watched.lost is not None):
                told = True
                watched.tells.append(Tell(link.kind, place))
            yield from _handed_on(watched.tells)
            said = yield step if same is None else same
        if not told and (watched.lost or watched.pending or (not watched.exhausted and _says(inside, moment))):
            watched.tells.append(Tell(link.kind, place))
        yield from _handed_on(watched.tells)
    finally:
        changed.close()
        honest.close()


def _says(honest: Steps, moment: Moment) -> bool:
    """Return whether an exchange that a link has put an end to would have gone on.

    A command would have been heard of, and a greeting said. What is said unasked is nothing, as a rule: that it is not
    said, nobody can see.
    """
    if moment.occasion not in _UNASKED:
        return True
    return next(honest, None) is not None


def _handed_on(tells: list[Tell]) -> Generator[Tell, Said, None]:
    while tells:
        yield tells.pop(0)


def _noting(honest: Steps, moment: Moment) -> Steps:
    """Yield the honest steps, and keep the moment up to date by them."""
    said: Said = None
    try:
        while True:
            try:
                step = honest.send(said)
            except StopIteration:
                return
            if isinstance(step, Reply):
                moment.answers(step)
            said = yield step
    finally:
        honest.close()


class _Owed:
    """What a client will still send for an exchange, as far as it has gone."""

    __slots__ = ("_acted", "_chunk", "_ended", "_turn")

    def __init__(self, command: Command | None) -> None:
        self._chunk = _chunk(command)
        self._turn: Reply | None = None
        self._acted = self._ended = False

    def note(self, step: Step) -> None:
        """Take note of a step that comes out."""
        match step:
            case Tell():
                self._acted = True
            case Await():
                self._turn = None
                if step.kind is AwaitKind.CHUNK:
                    self._chunk = None
            case Reply():
                self._turn = step if step.kind is ReplyKind.CONTINUATION else None
                self._ended = self._ended or step.kind is ReplyKind.FAREWELL
            case Close() | Abort():
                self._ended = True

    def wait(self) -> Await | None:
        """Return what to wait for at the end: nothing, if nobody has changed anything or the connection ends."""
        if self._ended or not self._acted:
            return None
        if self._chunk is not None:
            return Await.chunk(self._chunk, _NO_LIMIT, _NOWHERE)
        if self._turn is None:
            return None
        return Await.data(_NO_LIMIT, _NOWHERE) if self._turn.code == _MAIL_FOLLOWS else Await.line()


def _finished(changed: Steps, command: Command | None) -> Steps:
    """Yield the steps of a changed exchange, then take what the client still sends because of what it was told.

    A chunk comes whatever is answered (RFC 3030 2); a line comes after a continuation, mail data after 354. The honest
    server would have waited for it; without that it would be read as commands.
    """
    owed = _Owed(command)
    said: Said = None
    try:
        while True:
            try:
                step = changed.send(said)
            except StopIteration:
                break
            owed.note(step)
            said = yield step
        wait = owed.wait()
        if wait is not None:
            yield wait
    finally:
        changed.close()


def _chunk(command: Command | None) -> int | None:
    """Return the octets of the chunk that comes with a command, None if it announces none."""
    if command is None or command.verb != "BDAT":
        return None
    match = _CHUNK.fullmatch(command.argument.strip())
    return int(match[1]) if match else None


class Chain:
    """The misbehaviours of one scenario. It is a value: all its sessions share it, what changes is in their moments."""

    __slots__ = ("_believers", "_by_occasion", "_in_handshake", "_notes", "links", "quiet_after")

    def __init__(self, links: Iterable[Misbehaviour] = ()) -> None:
        self.links: tuple[Misbehaviour, ...] = tuple(links)
        places = tuple(enumerate(self.links))
        self._by_occasion: dict[Occasion, list[tuple[int, Misbehaviour]]] = {}
        for place, link in places:
            if link.uses("exchange") or link.uses("reply"):
                for occasion in link.occasions:
                    self._by_occasion.setdefault(occasion, []).append((place, link))
        self._believers = [(place, link) for place, link in places if link.uses("believes")]
        self._in_handshake = [(place, link) for place, link in places if link.uses("handshake")]
        self._notes = any(link.when.follows_the_session for link in self.links)
        self.quiet_after: tuple[float, ...] = tuple(
            sorted({link.when.idle for _, link in self._by_occasion.get(Occasion.QUIET, ())})
        )
        """Seconds of silence after which there is an occasion ``quiet``, in order; empty for never."""

    def __bool__(self) -> bool:
        return bool(self.links)

    def __repr__(self) -> str:
        return f"Chain({list(self.links)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and self.links == other.links

    def __hash__(self) -> int:
        return hash(tuple(link.kind for link in self.links))  # fields of links may be tables

    @property
    def reach(self) -> frozenset[Tell]:
        """Return what must have been told before a session has met the whole scenario: all but the instruments."""
        return frozenset(Tell(link.kind, place) for place, link in enumerate(self.links) if not link.instrument)

    @property
    def believes_otherwise(self) -> bool:
        """Return whether any link may call right credentials wrong, or wrong ones right."""
        return bool(self._believers)

    @property
    def below(self) -> tuple[Pace, Tell] | None:
        """Return how octets are cut below TLS, and which link does it; None for not at all."""
        for place, link in enumerate(self.links):
            pace = link.below()
            if pace is not None:
                return pace, Tell(link.kind, place)
        return None

    @property
    def presents(self) -> bool:
        """Return whether any link has a say in how TLS answers."""
        return bool(self._in_handshake)

    @property
    def only_presents(self) -> bool:
        """Return whether nothing but TLS is not as usual, so that it is met wherever a handshake begins."""
        dialogue = ("exchange", "reply", "believes", "below")
        return not any(link.uses(hook) for link in self.links for hook in dialogue)

    def meets(self, occasion: Occasion) -> bool:
        """Return whether :meth:`wrap` may do anything on an occasion; if not, it need not be called."""
        return occasion in self._by_occasion or (self._notes and occasion is Occasion.COMMAND)

    def wrap(self, occasion: Occasion, honest: Steps, moment: Moment) -> Steps:
        """Return the exchange as this session gets it: the honest one itself if no link's conditions hold.

        Conditions are looked at here, once, for all links; what is counted is counted here.
        """
        moment.occasion = occasion
        steps = honest
        if self._notes and occasion is Occasion.COMMAND:
            steps = noted = _noting(honest, moment)
        else:
            noted = honest
        for place, link in self._by_occasion.get(occasion, ()):
            if moment.protocol in link.protocols and link.when.holds(moment, occasion, place):
                steps = tapped(link, place, steps, moment)
        return steps if steps is noted else _finished(steps, moment.command)

    def believes(self, name: str, honest: bool, moment: Moment) -> Belief:  # noqa: FBT001 -- what is so, not an option
        """Return whether credentials of the account ``name`` count as right; ``honest`` is whether they are."""
        right, tells = honest, []
        moment.claimed = name
        try:
            for place, link in self._believers:
                if link.when.holds(moment, Occasion.COMMAND, place):
                    believed = link.believes(name, right, moment)
                    if believed is not right:
                        tells.append(Tell(link.kind, place))
                    right = believed
        finally:
            moment.claimed = None
        return Belief(right, tuple(tells))

    def handshake(
        self, honest: Presentation, hello: ClientHello | None, moment: Moment
    ) -> tuple[Presentation, tuple[Tell, ...]]:
        """Return how TLS answers this client, and which links changed that.

        ``hello`` is None for what is no ClientHello; its sender has met nothing, whatever it is answered.
        """
        presentation, tells = honest, []
        for place, link in self._in_handshake:
            if link.when.holds(moment, None, place):
                changed = link.handshake(presentation, hello, moment)
                if changed != presentation:
                    tells.append(Tell(link.kind, place))
                presentation = changed
        return presentation, tuple(tells)


NONE = Chain()
"""Of the honest server."""
