"""A test for each probe, as pytest-testinfra has them; `tests.bench` starts it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

PROBES = json.loads(Path(os.environ["BENCH_PROBES"]).read_text())["bench_probes"]


@pytest.mark.parametrize("name", PROBES)
def test_probe(host: Any, name: str) -> None:
    """Run one."""
    assert host.run(PROBES[name]["__ansible_unsafe"]).rc == 0
