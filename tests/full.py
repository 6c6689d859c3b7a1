"""Which tests a plain run leaves out: those that repeat what others prove."""

import pytest


def wants_full(config: pytest.Config) -> bool:
    """Tell whether all are to be run: by `--full`, or where a test is called by its own name."""
    return bool(config.getoption("--full")) or any("::" in word for word in config.args)
