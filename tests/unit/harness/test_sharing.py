"""Tests that must be run by one process are."""

import os

import pytest


@pytest.mark.xdist_group("sharing")
def test_who_hands_out_tests_knows_of_groups(request: pytest.FixtureRequest) -> None:
    """It is told so in a test's own name; a pytest that it does not fit loses that silently."""
    told = request.node.nodeid.endswith("@sharing")
    assert told == ("PYTEST_XDIST_WORKER" in os.environ)
