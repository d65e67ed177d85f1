"""One client's session without I/O: who answers it, what is said, who may log in, and what is remembered of it."""

__all__: list[str] = []
