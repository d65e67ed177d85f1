"""The kinds of misbehaviour, a module for each axis, a class for each kind."""

__all__: list[str] = []
