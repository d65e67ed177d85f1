"""An account for each run of a client: made for it, with mail of its own, and gone with it.

So clients that run at the same time share neither mailbox nor password, and no run finds what another one left behind.
Every account begins like the lab's first one: with the mail that the operator preloaded, and always with a message.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from labserver.clock import SystemEntropy
from labserver.mailstore.directory import User
from labserver.mailstore.message import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.lab import Lab

__all__ = ["canary", "run_account"]

_MESSAGE = b"From: labserver@lab.test\r\nTo: %b\r\nSubject: A message to read\r\n\r\nHello!\r\n"


def canary() -> User:
    """Return a user with credentials that occur nowhere else."""
    entropy = SystemEntropy()
    name, password = entropy.token(5, "canary's name"), entropy.token(8, "canary's password")
    return User(name=f"canary-{name.hex()}", password=f"Sing{password.hex()}")


@contextlib.contextmanager
def run_account(lab: Lab) -> Iterator[User]:
    """Have an account for one run."""
    user = lab.directory.admit(canary())
    try:
        _fill(lab, user)
        yield user
    finally:
        lab.store.remove(user.name)
        lab.directory.dismiss(user.name)


def _fill(lab: Lab, user: User) -> None:
    """Give an account the mail of the first one, or else a message: clients with nothing to read do little."""
    account = lab.store.account(user.name)
    for name, mailbox in lab.store.account(next(iter(lab.directory.users))).mailboxes.items():
        if mailbox.messages:
            target = account.mailbox(name) or account.create(name)
            if target is not None:
                mailbox.copy(mailbox.messages, target)
    inbox = account.mailbox("INBOX")
    if inbox is not None and not inbox.messages:
        inbox.append([Draft(content=_MESSAGE % user.address.encode())])
