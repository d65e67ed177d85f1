"""IMAP literals that are announced: whether they may come, and what becomes of their command if not (RFC 9051 4.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Grant, Refuse, Reply
from labserver.session.asked import cut, nameless
from labserver.wire.framing import ImapFramer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.dialogues.exchange import Backend, Dialogue
    from labserver.session.notes import Notes
    from labserver.wire.framing import Framer, LiteralRequest

__all__ = ["Literals"]


class Literals:
    """The literals of one session."""

    __slots__ = ("_announced", "_dialogue", "_notes", "_refusal")

    def __init__(self, dialogue: Dialogue, notes: Notes) -> None:
        self._dialogue = dialogue
        self._notes = notes
        self._announced: LiteralRequest | None = None
        """One that is neither granted nor refused yet."""
        self._refusal: Reply | None = None
        """What a command is answered whose literal came unasked, once all of it has come."""

    @property
    def undecided(self) -> bool:
        """Whether one is neither granted nor refused yet."""
        return self._announced is not None

    def announced(self, request: LiteralRequest) -> None:
        """Take note of one: it is the next to be decided about."""
        self._announced = request

    def admission(self, backend: Backend, request: LiteralRequest) -> Iterator[Grant | Refuse | Reply]:
        """Answer an announcement: let the literal come and say so, or refuse it."""
        self._announced = request
        known = self._dialogue.word(self._dialogue.command(cut(request.parts)))
        answer = backend.admit(request if known else replace(request, parts=nameless(request.parts)))
        if not isinstance(answer, Reply):
            yield Grant(answer)
            if not request.unasked:
                yield self._dialogue.go_ahead()
            return
        yield Refuse()
        if request.unasked:
            self._refusal = answer
        else:
            yield answer

    def decide(self, decision: Grant | Refuse, framer: Framer) -> None:
        """Let the literal come that was announced, or do not."""
        request, self._announced = self._announced, None
        if request is None or not isinstance(framer, ImapFramer):
            return
        if isinstance(decision, Grant):
            framer.grant(decision.sink)
            return
        if not request.unasked:
            command = self._dialogue.command(cut(request.parts))
            self._notes.veiled = self._notes.asked(command, self._dialogue.word(command))
            self._notes.literal_refused = True
        framer.refuse()

    def refusal(self) -> Reply | None:
        """Return, once, the answer to a command whose literal was refused while it came."""
        refusal, self._refusal = self._refusal, None
        return refusal
