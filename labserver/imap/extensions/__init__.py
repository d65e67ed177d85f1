"""The extensions, a module each: what it adds to the tables of core IMAP4rev1."""

__all__: list[str] = []
