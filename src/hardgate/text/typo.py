"""A guess at what was meant."""

import difflib
from collections.abc import Iterable

MIN_SIMILARITY = 0.7


def suggest_choice(word: str, choices: Iterable[str]) -> str:
    """Ask 'Did you mean …?' where `word` is close to one of the choices; else say nothing."""
    folded = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=MIN_SIMILARITY)
    return f"Did you mean '{folded[close[0]]}'?" if close else ""
