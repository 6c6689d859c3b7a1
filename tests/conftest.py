"""What is slow and repeats what others prove is `full`: left out, but for `--full`."""

import os

import pytest
from hypothesis import settings

from tests.full import wants_full
from tests.integration.acting import told_how

# The same examples in each run, on a machine however slow. HYPOTHESIS_PROFILE=default tries others.
settings.register_profile("hardgate", derandomize=True, deadline=None, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "hardgate"))


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


# Here, for the process that hands tests out to others reads no conftest.py further below.
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how each workflow was run, where one was: `.ci/run` reads it."""
    for line in told_how(terminalreporter.stats.get("passed", ())):
        terminalreporter.write_line(line)
