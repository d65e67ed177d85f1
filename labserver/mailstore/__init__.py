"""Accounts, mailboxes and messages behind one interface, in memory or in one SQLite file.

Memory is the truth readers see; a :class:`~labserver.mailstore.storage.Storage` below it makes it last. Every change is
checked, then committed to the storage, then applied to memory, then told to observers: what raises has changed nothing.
"""

__all__: list[str] = []
