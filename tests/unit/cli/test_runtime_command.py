"""The tier that `runtime` starts a template under."""

from pathlib import Path

import pytest

from hardgate.cli.runtime import DEFAULT_TIER, read_template_tier
from hardgate.errors import HardgateError
from hardgate.pipeline.template import Template


def make_template(folder: Path, config: str | None) -> Template:
    (folder / "Dockerfile").write_text("FROM scratch\n")
    if config is not None:
        (folder / "config.yaml").write_text(config)
    return Template.from_folder(str(folder))


@pytest.mark.parametrize(
    ("config", "tier"),
    [
        (None, DEFAULT_TIER),
        ("name: x\n", DEFAULT_TIER),
        ("name: x\ntier: 4\n", 4),
        ("tier: 4\n", 4),
        ("name: x\ntier: 4\nports: 80\nmodle: y\n", 4),
        ("name: x\nmodle: y\n", DEFAULT_TIER),
    ],
)
def test_the_tier_is_the_templates_own(tmp_path: Path, config: str | None, tier: int) -> None:
    assert read_template_tier(make_template(tmp_path, config)) == tier


@pytest.mark.parametrize(
    "config",
    [
        "name: x\ntier: four\n",
        "name: x\ntier: 9\n",
        "name: x\nteir: 4\n",
        "name: x\ntier:\n",
        "name: [\ntier: 4\n",
        "- tier: 4\n",
    ],
)
def test_a_tier_that_cannot_be_read_is_not_taken_for_another(tmp_path: Path, config: str) -> None:
    with pytest.raises(HardgateError, match="not known which tier") as raised:
        read_template_tier(make_template(tmp_path, config))
    assert "--tier" in raised.value.remedy
