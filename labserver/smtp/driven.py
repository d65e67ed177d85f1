r"""aiosmtpd without I/O: a session whose verbs are stepped one command at a time.

Theory of operation. :class:`DrivenSMTP` *is* an ``aiosmtpd.smtp.SMTP`` and keeps aiosmtpd's model: a session, verbs
that are coroutines named ``smtp_*``, ``push`` as the one way out, resets in ``_set_rset_state``, ``@syntax`` for HELP.
What it does not use is aiosmtpd's connection: ``_handle_client``, StreamReader, transport and task, STARTTLS and AUTH.
Instead

* ``handle(command)`` looks the verb up in :attr:`DrivenSMTP.VERBS` and steps its coroutine with ``send``;
* ``push`` collects replies, which ``handle`` yields;
* a verb that needs more from the client awaits :func:`more`, whose only act is to yield an
  :class:`~labserver.dialogues.exchange.Await`; ``handle`` yields that on to the membrane, and sends the unit that comes
  back into the coroutine.

The reason: one place where a command enters and one where a reply leaves, which is where misbehaviours attach;
no turn of an event loop per command, and no private task that could outlive its connection. TLS and SASL are the
membrane's, for all protocols, so STARTTLS and AUTH never come here.
"""

from __future__ import annotations

import asyncio
import re
import types
from typing import TYPE_CHECKING, Any, ClassVar

from aiosmtpd.smtp import SMTP

from labserver.dialogues.exchange import Await, Reply, ReplyKind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping

    from aiosmtpd.smtp import Session as Progress

    from labserver.dialogues.exchange import Command, Exchange
    from labserver.wire.framing import Framed, Overflow

    Verb = Callable[[Any, str], Coroutine[Any, Any, None]]

__all__ = ["DrivenSMTP", "more"]

_KINDS = {"354": ReplyKind.CONTINUATION, "221": ReplyKind.FAREWELL, "421": ReplyKind.FAREWELL}

_ENHANCED = re.compile(r"[245]\d\d [245]\.\d{1,3}\.\d{1,3} ")
_INHERITED_STATUS = {"250": "2.0.0", "501": "5.5.4", "502": "5.5.1", "503": "5.5.1"}
_WITHOUT_STATUS = frozenset({"EHLO", "HELO", "LHLO"})

_CONTROL = re.compile(r"[\0-\x1f\x7f]")


@types.coroutine
def more(wanted: Await) -> Generator[Await, Framed | Overflow, Framed | Overflow]:
    """Await the client's next unit; whoever steps the coroutine provides it."""
    return (yield wanted)


class DrivenSMTP(SMTP):
    """A session that answers commands with values; a subclass says which verbs there are."""

    VERBS: ClassVar[Mapping[str, Verb]]
    """Everything a client can say. The methods that are not here cannot be reached."""

    loop = asyncio.AbstractEventLoop()  # type: ignore[abstract] # raises NotImplementedError whatever it is asked for
    session: Progress

    def __init__(self, *, hostname: str, peer: str, bad_commands: int) -> None:
        # aiosmtpd's __init__ makes a StreamReader and a future on a loop, and searches the object for verbs, hooks and
        # mechanisms by name: 67 µs per connection on CPython 3.11, all for the parts that are not used. What remains of
        # it takes 2 µs:
        self.hostname = hostname
        self._handle_hooks = {}
        self.session = self._create_session()
        self.session.peer = peer
        self._verb = ""
        self._replies: list[Reply] = []
        self._bad_commands_left = bad_commands

    def handle(self, command: Command) -> Exchange:
        """Answer one command: step its verb, yielding what it pushes and what it awaits."""
        self._verb = command.verb
        verb = self._obey(command)
        unit: Framed | Overflow | None = None
        try:
            while True:
                wanted = verb.send(unit)
                yield from self._said()
                unit = yield wanted
        except StopIteration:
            yield from self._said()
        finally:
            verb.close()

    async def push(self, status: str | bytes) -> None:
        """Take one reply, of one line or more, without the last line's end.

        Replies of inherited verbs get the enhanced status code they lack; answers to a greeting have none (RFC 2034 4).
        """
        text = status if isinstance(status, str) else status.decode()
        code = text[:3]
        if code in _INHERITED_STATUS and self._verb not in _WITHOUT_STATUS and not _ENHANCED.match(text):
            text = f"{code} {_INHERITED_STATUS[code]}{text[3:]}"
        self._replies.append(Reply(_KINDS.get(code, ReplyKind.COMPLETION), f"{text}\r\n".encode(), code))

    def answer(self, reply: Reply) -> None:
        """Give a reply that is always the same, and so made once."""
        self._replies.append(reply)

    def _said(self) -> list[Reply]:
        replies, self._replies = self._replies, []
        return replies

    async def _obey(self, command: Command) -> None:
        verb = self.VERBS.get(command.verb)
        argument = _argument(command)
        if verb is None:
            await self._unrecognised(command)
        elif argument is None:
            await self.push("501 5.5.2 Control characters or bad UTF-8 in the command")
        else:
            await verb(self, argument)

    async def _unrecognised(self, command: Command) -> None:
        if not self._bad_commands_left:
            await self.push("421 4.7.0 Too many unrecognised commands, closing the connection")
            return
        self._bad_commands_left -= 1
        await self.push("500 5.5.1 Command not recognised" if command.verb else "500 5.5.2 Empty command")


def _argument(command: Command) -> str | None:
    """Return the argument as text, or None if no command could have it (RFC 5321 4.1.2, RFC 6531 3.3)."""
    try:
        argument = command.argument.decode()
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(argument) else argument
