"""Names on an engine that no other test uses, in this run or in another one."""

import secrets


def unique(name: str) -> str:
    """Give a name of its own to each caller."""
    return f"{name}-{secrets.token_hex(3)}"
