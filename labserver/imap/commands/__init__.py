"""The commands of RFC 3501, a request each: what it parses and how it answers."""

__all__: list[str] = []
