"""Running somebody's client against the cases, watched from the server's side, and judged."""

__all__: list[str] = []
