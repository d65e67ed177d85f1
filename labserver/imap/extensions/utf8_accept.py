"""UTF8=ACCEPT (RFC 6855): once enabled, names and quoted strings are UTF-8, and APPEND takes ``UTF8 (~{…})``.

The cursor reads, :mod:`labserver.imap.syntax` writes, APPEND and SEARCH know; all of them ask the session.
"""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(
    name="UTF8=ACCEPT",
    reference="RFC 6855",
    capabilities=("UTF8=ACCEPT",),
    enabling=True,
    needs=frozenset({"ENABLE"}),
)
