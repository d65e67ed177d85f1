"""The few exceptions that cross module borders.

A client's fault is data (an event, an error reply); only our own faults and the operator's mistakes are exceptions.
Messages are sentences for the person at the keyboard: what happened, where, and what to do next.
"""

from __future__ import annotations

import errno

TYPE_CHECKING = False  # typing would be imported for its own constant
if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ConfigurationError",
    "LabError",
    "LabFullError",
    "LimitExceededError",
    "StorageFullError",
    "StoreError",
    "UnavailableError",
    "reason",
    "told",
]

_MOST_TOLD = 80
"""Characters; what a client says may have millions."""


class LabError(Exception):
    """Anything labserver raises on purpose; printed as one line, never as a traceback."""


class ConfigurationError(LabError):
    """The operator asked for something impossible or contradictory: exit code 2, before anything listens."""


class UnavailableError(LabError):
    """This host cannot do what was asked (a missing library feature, a missing kernel facility)."""


class StoreError(LabError):
    """The mail store did not do what it was asked; nothing was changed and nothing may be acknowledged.

    ``code`` is IMAP's response code for it (RFC 9051 7.1: ``NONEXISTENT``, ``ALREADYEXISTS``, ``CANNOT``, ``INUSE``,
    ``UNAVAILABLE`` …), the one vocabulary from which SMTP and POP3 derive their own answers.
    """

    def __init__(self, text: str, *, code: str = "UNAVAILABLE") -> None:
        super().__init__(text)
        self.code = code


class LimitExceededError(StoreError):
    """A documented limit would be exceeded: ``TOOBIG`` (a message), ``LIMIT`` (a count), ``OVERQUOTA`` (a mailbox)."""


class LabFullError(LimitExceededError):
    """The lab as a whole has no room for more mail (``OVERQUOTA``), whoever's it is. SMTP 452 4.3.1."""

    def __init__(self, text: str = "The lab has no memory for more mail (--max-memory)") -> None:
        super().__init__(text, code="OVERQUOTA")


class StorageFullError(LabFullError):
    """There is no room on the disk; what frees some is still possible."""

    def __init__(self) -> None:
        super().__init__("The disk is full")


def told(text: str) -> str:
    """Return some text of a client's as messages tell it: in quotes, printable, and no more than its beginning."""
    return repr(text) if len(text) <= _MOST_TOLD else f"{text[:_MOST_TOLD]!r}..."


def reason(error: OSError, path: Path) -> str:
    """Return why the file ``path`` cannot be used: the system's words, or which folder is missing."""
    if error.errno == errno.ENOENT and not path.parent.is_dir():
        return f"there is no folder {path.parent}; make it first"
    return error.strerror or str(error)
