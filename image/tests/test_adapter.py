"""The adapter, by itself: no engine and no image."""

import adapter


def test_a_message_comes_back() -> None:
    assert adapter.answer(" hello ") == "hello"


def test_silence_is_answered() -> None:
    assert adapter.answer("") == "Say something."
