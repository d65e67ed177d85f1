r"""CREATE-SPECIAL-USE (RFC 6154 3): ``CREATE name (USE (\Sent))``; the command asks ``Dialect.has``."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(
    name="CREATE-SPECIAL-USE",
    reference="RFC 6154",
    capabilities=("CREATE-SPECIAL-USE",),
    needs=frozenset({"SPECIAL-USE"}),
)
