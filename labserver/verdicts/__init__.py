"""Verdicts: what a client did, judged by the events of its sessions and nothing else.

Rules are sentences a client must live up to; a finding is a rule broken, with the event that proves it. The same trace
is a failure under one policy and a remark under another. What misbehaves (:mod:`labserver.misbehaviours`) is never
looked at: a verdict that knew what the server meant to do would be a verdict about the server.
"""

__all__: list[str] = []
