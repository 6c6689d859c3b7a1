"""Where a template's parts are, and links that lead out of its repository."""

from pathlib import Path

import pytest

from hardgate.errors import UsageError
from hardgate.pipeline.template import Template
from tests.unit.git_repositories import make_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = make_repository(tmp_path / "r")
    for name in ("Dockerfile", "config.yaml", ".github/workflows/a.yml", "contracts/a.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("Dockerfile", "a.yml", "adapter.py"):
        (folder / name).write_text("secret")
    return folder


def find_parts(context: Path) -> list[object]:
    template = Template.from_folder(str(context))
    return [
        template.config_file,
        template.adapter_file,
        template.workflow_files,
        template.contract_files,
    ]


def replace_by_link(place: Path, target: Path) -> None:
    if place.is_dir():
        place.rename(place.with_name("moved"))
    else:
        place.unlink(missing_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("Dockerfile", "Dockerfile"),
        ("config.yaml", "a.yml"),
        ("adapter.py", "adapter.py"),
        (".github/workflows/a.yml", "a.yml"),
        (".github/workflows", "."),
        ("contracts", "."),
    ],
)
def test_a_link_out_of_the_repository_is_refused(
    repository: Path, outside: Path, name: str, target: str
) -> None:
    assert find_parts(repository)
    replace_by_link(repository / name, outside / target)
    with pytest.raises(UsageError, match="leads out of the repository"):
        find_parts(repository)


def test_a_context_that_is_a_link_out_of_the_repository_is_refused(
    repository: Path, outside: Path
) -> None:
    (repository / "context").symlink_to(outside)
    with pytest.raises(UsageError, match="leads out of the repository"):
        find_parts(repository / "context")


def test_a_link_within_the_repository_is_followed(repository: Path) -> None:
    (repository / "other.yaml").touch()
    replace_by_link(repository / "config.yaml", repository / "other.yaml")
    (repository / "sub").mkdir()
    (repository / "link").symlink_to("sub")
    assert find_parts(repository)
    assert Template.from_folder(str(repository / "link")).context == repository / "sub"


def test_a_link_to_the_repository_from_elsewhere_is_followed(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(repository)
    assert Template.from_folder(str(tmp_path / "link")).root == repository
    assert find_parts(tmp_path / "link")


def test_a_dockerfile_elsewhere_may_be_passed(repository: Path, outside: Path) -> None:
    template = Template.from_folder(str(repository), str(outside / "Dockerfile"))
    assert template.dockerfile == outside / "Dockerfile"
