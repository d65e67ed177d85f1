"""UIDPLUS (RFC 4315): UID EXPUNGE; APPENDUID and COPYUID are given by the commands, which ask ``Dialect.has``."""

from functools import partial

from labserver.imap.commands.selecting import Expunge
from labserver.imap.vocabulary import SELECTED, Entry, Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(
    name="UIDPLUS",
    reference="RFC 4315",
    capabilities=("UIDPLUS",),
    commands={"UID EXPUNGE": Entry(states=SELECTED, parse=partial(Expunge.parse, uid=True), uid=True)},
)
