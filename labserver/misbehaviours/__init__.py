"""What a server can do wrong, as data: kinds with conditions, chained over honest exchanges. Without I/O."""

__all__: list[str] = []
