"""The lab's certificate authority and what it issues."""

__all__: list[str] = []
