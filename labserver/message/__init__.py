"""What a message's octets mean: its MIME tree, ENVELOPE and BODYSTRUCTURE, decoded text, dates and identifiers; no I/O.

Octets are never copied into a tree and never changed; whatever cannot be understood is still delivered as it came.
"""

__all__: list[str] = []
