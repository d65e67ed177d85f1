r"""UNSELECT (RFC 3691): CLOSE that leaves ``\Deleted`` messages alone."""

from functools import partial

from labserver.imap.commands.selecting import Close
from labserver.imap.vocabulary import SELECTED, Entry, Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(
    name="UNSELECT",
    reference="RFC 3691",
    capabilities=("UNSELECT",),
    commands={"UNSELECT": Entry(states=SELECTED, parse=partial(Close.parse, expunges=False))},
)
