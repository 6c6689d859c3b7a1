"""The adapter: what a message becomes."""

NAME = "echo"


def answer(message: str) -> str:
    """Say it again."""
    return message.strip()
