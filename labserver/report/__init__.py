"""Formats in which people and programs read what happened."""

__all__: list[str] = []
