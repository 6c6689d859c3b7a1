"""What is slow and repeats what others prove is `full`: left out, but for `--full`."""

import pytest

from tests.full import wants_full


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take `--full`."""
    parser.addoption(
        "--full", action="store_true", help="run also what is marked 'full', as CI does"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is `full`, where it is not wanted."""
    if wants_full(config):
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker("full")]
