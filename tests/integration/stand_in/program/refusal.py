"""How the stand-in says no."""


class Refusal(Exception):  # noqa: N818 - it is not always an error of the caller's
    """Something that the real program, or a stricter one, does not take."""
