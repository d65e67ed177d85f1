"""A session's misbehaviours at work: its chain, where it stands, and how long the client has been silent.

An honest session has none of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply, ReplyKind
from labserver.misbehaviours.moment import Memories, Moment, Occasion
from labserver.wire.actions import Close

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.dialogues.exchange import Command, Dialogue
    from labserver.misbehaviours.base import Steps
    from labserver.misbehaviours.chain import Chain, Tell
    from labserver.wire.framing import Framed, Overflow

__all__ = ["Misbehaving", "nothing"]


class Misbehaving:
    """What one session has of its scenario's chain."""

    __slots__ = ("_command", "_heard", "_silences", "_silent_since", "chain", "moment")

    def __init__(
        self,
        *,
        chain: Chain,
        memories: Memories | None,
        service: str,
        dialogue: Dialogue,
        elapsed: Callable[[], float],
    ) -> None:
        self.chain = chain
        self.moment = Moment(service=service, dialogue=dialogue, memories=memories or Memories(), elapsed=elapsed)
        self._command: Command | None = None
        self._heard = True
        """The honest server has heard of the command that is being answered."""
        self._silent_since = elapsed()
        self._silences = 0
        """How many of the chain's silences have been noticed since the client said something."""

    # Exchanges

    def wrapped(self, occasion: Occasion, honest: Steps) -> Steps:
        """Return an exchange as this client gets it."""
        closing = _closing(honest)
        return self.chain.wrap(occasion, closing, self.moment) if self.chain.meets(occasion) else closing

    def answered(self, command: Command, honest: Steps) -> Steps:
        """Return the answer to a command as this client gets it; its end is told to :meth:`done`."""
        self.moment.asks(command)
        self._command, self._heard = command, False
        return self.wrapped(Occasion.COMMAND, self._hearing(honest))

    def done(self) -> None:
        """Leave nothing of a command behind of which the honest server never heard."""
        if not self._heard and self._command is not None:
            for _, sink in self._command.sinks:
                sink.drop()
        self._command, self._heard = None, True
        self.moment.done()

    def _hearing(self, honest: Steps) -> Steps:
        self._heard = True
        yield from honest

    # Credentials

    def believed(self, account: str, right: bool, tell: Callable[[Tell], None]) -> bool:  # noqa: FBT001 -- what is so, not an option
        """Return whether credentials count as right; who says otherwise is told of, ahead of the answer."""
        belief = self.chain.believes(account, right, self.moment)
        for one in belief.tells:
            tell(one)
        return belief.right

    # Silence

    def spoke(self) -> None:
        """Take note that the client said something."""
        self._silent_since = self.moment.elapsed()
        self._silences = 0

    def deadline(self) -> float | None:
        """Return when the client's silence will have lasted long enough for somebody; None for never."""
        silences = self.chain.quiet_after[self._silences :]
        return self._silent_since + silences[0] if silences else None

    def silence(self) -> Steps | None:
        """Return what is said to a client that has been silent until the deadline; None before it."""
        due = self.deadline()
        if due is None or self.moment.elapsed() < due:
            return None
        self.moment.quiet = self.chain.quiet_after[self._silences]
        self._silences += 1
        return self.wrapped(Occasion.QUIET, nothing())


def nothing() -> Steps:
    """Say what an honest server says while it waits for the client."""
    yield from ()


def _closing(honest: Steps) -> Steps:
    """Make a farewell two steps, the reply and the close, so that either can be changed by itself."""
    unit: Framed | Overflow | None = None
    try:
        while True:
            try:
                step = honest.send(unit)
            except StopIteration:
                return
            unit = yield step
            if isinstance(step, Reply) and step.kind is ReplyKind.FAREWELL:
                yield Close()
                return
    finally:
        honest.close()
