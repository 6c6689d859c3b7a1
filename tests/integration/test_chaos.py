"""Gates and engines that end at random moments leave nothing behind."""

import pytest

from tests import chaos

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("chaos")]


@pytest.mark.fault(
    fault="A gate or its engine ends at any moment",
    injected="SIGKILL, SIGTERM, SIGINT to ten gates, or SIGKILL to a machine's engine, at random",
    verdict="unknown, if a report can still be written",
    exit_code="-9, 143, 130, 3",
    left="nothing, a minute later",
)
@pytest.mark.usefixtures("reference")
def test_ten_ends_at_random_moments_leave_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code = chaos.main(["--kills", "10"])
    told = capsys.readouterr().out
    print(told)
    assert code == 0, told
