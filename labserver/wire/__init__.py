"""Framing of application bytes and the actions a server performs on the wire; no I/O."""

__all__: list[str] = []
