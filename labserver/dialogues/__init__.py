"""What is a command, a reply and a capability in each protocol, and how each spells the answers the membrane gives.

One module per protocol, all with the interface of :class:`labserver.dialogues.exchange.Dialogue`.
"""

__all__: list[str] = []
