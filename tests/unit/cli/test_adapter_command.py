"""The words of `hardgate adapter` that contradict each other."""

from pathlib import Path

import pytest

from hardgate.cli.adapter import run_adapter_session
from hardgate.errors import UsageError


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--image", "x"], "Only tests in the image need one."),
        (["--build-arg", "A=1"], "Only tests in the image need one."),
        (["--target", "x"], "Only tests in the image need one."),
        (["--in-image", "--requirement", "x"], "In the image the tests have what the image has."),
        (["--in-image", "--image", "x", "--target", "y"], "'--image' builds nothing."),
    ],
)
def test_what_would_be_ignored_is_refused(tmp_path: Path, words: list[str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem.replace("'", ".")):
        run_adapter_session(["--context", str(tmp_path), *words])
