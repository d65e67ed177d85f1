"""The IMAP4rev1 backend: a session core without I/O."""

__all__: list[str] = []
