"""The maildrop: what a POP3 session sees of an INBOX, frozen when it was opened (RFC 1939 4).

Numbers, sizes and unique ids stay for the whole session, whatever IMAP does to the mailbox meanwhile; only reading a
message that is gone fails. Marks for deletion live here and reach the mailbox in :meth:`Maildrop.update` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.mailstore.planning import expunge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.effort import Effort, Work
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.message import Message

__all__ = ["Maildrop"]


class Maildrop:
    """The messages of one mailbox, numbered from 1, while its lock is held."""

    def __init__(self, mailbox: Mailbox, *, utf8: bool) -> None:
        self.utf8 = utf8
        """The client can take UTF-8 in headers (RFC 6856 2)."""
        self._mailbox = mailbox
        self._messages = tuple(mailbox.messages)
        self._marked: set[int] = set()
        self._whole_size = mailbox.size
        self.size = mailbox.size
        """Octets of all messages not marked as deleted."""

    @classmethod
    def open(cls, mailbox: Mailbox, *, utf8: bool, exclusive: bool = True) -> Maildrop | None:
        """Lock ``mailbox`` and return its maildrop, or None while another session has it.

        Without ``exclusive`` it is not locked; what another session has deleted is then gone, as if IMAP had done it.
        """
        maildrop = cls(mailbox, utf8=utf8)
        return maildrop if not exclusive or mailbox.lock(maildrop) else None

    def close(self) -> None:
        """Give the lock back; marks are forgotten (RFC 1939 6)."""
        self._mailbox.unlock(self)

    def __len__(self) -> int:
        """Return the number of messages not marked as deleted."""
        return len(self._messages) - len(self._marked)

    def __getitem__(self, number: int) -> Message:
        """Return the message of that number; see :meth:`problem` first."""
        return self._messages[number - 1]

    def items(self) -> Iterator[tuple[int, Message]]:
        """Yield the messages not marked as deleted with their numbers."""
        marked = self._marked
        return ((number, message) for number, message in enumerate(self._messages, 1) if number not in marked)

    def problem(self, number: int) -> str:
        """Return why a command cannot be about this number; empty when it can."""
        if not 1 <= number <= len(self._messages):
            return f"No such message, the maildrop has {len(self._messages)}"
        return f"Message {number} is marked as deleted" if number in self._marked else ""

    def present(self, number: int) -> bool:
        """Return whether the message is still in the mailbox."""
        return self._mailbox.holds(self[number])

    @property
    def validity(self) -> int:
        """What a unique id begins with; the message's UID follows behind a dot."""
        return self._mailbox.uid_validity

    def unique_id(self, number: int) -> bytes:
        """Return the message's unique id, the same in every session (RFC 1939 7, UIDL)."""
        return b"%d.%d" % (self.validity, self[number].uid)

    def mark(self, number: int) -> None:
        """Mark the message as deleted."""
        self._marked.add(number)
        self.size -= self[number].size

    def unmark(self) -> None:
        """Take all marks back."""
        self.size = self._whole_size
        self._marked.clear()

    def update(self, effort: Effort) -> Work[None]:
        """Expunge what is marked, in turns; StoreError when nothing could be expunged."""
        if self._marked:
            marked = [self[number] for number in sorted(self._marked)]
            yield from expunge(self._mailbox, marked, effort, marked=lambda _: True)
