"""The reference adapter: what a platform asks a workspace's agent, and what it gets. It echoes."""

NAME = "reference"


def answer(message: str) -> str:
    """Give a message back, so that a platform sees the way there and back."""
    return message.strip() or "Say something."
