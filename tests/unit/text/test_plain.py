"""What an image printed is made harmless, and stays readable."""

import pytest

from hardgate.text.plain import disarm_workflow_commands, one_line, strip_control_codes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::error::x", ": :error::x"),
        ("a\n  ::error::x", "a\n  : :error::x"),
        ("a\r\n\t::x", "a\r\n\t: :x"),
        ("say ##[error]x", "say # #[error]x"),
        ("std::vector", "std::vector"),
        ("", ""),
    ],
)
def test_no_line_is_a_workflow_command(text: str, expected: str) -> None:
    assert disarm_workflow_commands(text) == expected


def test_a_line_that_hides_a_command_behind_a_colour_is_stripped_first() -> None:
    assert disarm_workflow_commands(strip_control_codes("\x1b[1m::x")) == ": :x"
    assert one_line("a\n::x") == "a ::x"
