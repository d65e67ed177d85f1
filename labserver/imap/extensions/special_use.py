r"""SPECIAL-USE (RFC 6154): LIST tells which mailbox is ``\Sent``; the command asks ``Dialect.has``."""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="SPECIAL-USE", reference="RFC 6154", capabilities=("SPECIAL-USE",))
