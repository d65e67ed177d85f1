"""Accounts, mailboxes and messages behind one interface."""

__all__: list[str] = []
