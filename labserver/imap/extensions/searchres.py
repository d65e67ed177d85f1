"""SEARCHRES (RFC 5182): a saved search result is a message set, ``$``; the search commands ask ``Dialect.has``."""

from labserver.imap.search import SAVED_RESULT
from labserver.imap.search_keys import Numbered
from labserver.imap.syntax import SequenceSet
from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(
    name="SEARCHRES",
    reference="RFC 5182",
    capabilities=("SEARCHRES",),
    needs=frozenset({"ESEARCH"}),
    search_keys={SAVED_RESULT: lambda _: Numbered(numbers=SequenceSet((), saved=True), uid=False)},
)
