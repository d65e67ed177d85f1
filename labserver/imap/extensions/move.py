"""MOVE (RFC 6851): MOVE and UID MOVE."""

from functools import partial

from labserver.imap.commands.transfer import Move
from labserver.imap.vocabulary import SELECTED, Entry, Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(
    name="MOVE",
    reference="RFC 6851",
    capabilities=("MOVE",),
    commands={
        "MOVE": Entry(states=SELECTED, parse=partial(Move.parse, uid=False)),
        "UID MOVE": Entry(states=SELECTED, parse=partial(Move.parse, uid=True), uid=True),
    },
)
