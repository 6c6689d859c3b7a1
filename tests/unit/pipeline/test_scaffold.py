"""`hardgate init`: what it writes, and that it never writes over a file."""

import ast
from pathlib import Path

import pytest

from hardgate.pipeline.scaffold.write import make_starter_files, write_starters

ROOT = Path(__file__).parents[3]


def test_it_writes_what_is_not_there_and_says_so(tmp_path: Path) -> None:
    told = {one.file: one.status for one in write_starters(tmp_path, ("github", "gitea"))}
    assert set(told.values()) == {"written"}
    assert set(told) == set(make_starter_files(("github", "gitea")))
    assert all((tmp_path / name).is_file() for name in told)


def test_a_file_that_is_there_stays_and_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text("mine\n")
    (tmp_path / ".gitignore").write_text("/reports/\n")
    told = {one.file: one.status for one in write_starters(tmp_path, ("forgejo",))}
    assert (tmp_path / "noxfile.py").read_text() == "mine\n"
    assert told["noxfile.py"] == "there already, left as it is"
    assert told[".gitignore"] == "there already, left as it is; add to it: /.nox/ __pycache__/"


def test_a_link_that_leads_nowhere_is_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").symlink_to(tmp_path / "nowhere")
    told = {one.file: one.status for one in write_starters(tmp_path, ("github",))}
    assert told["noxfile.py"].startswith("there already")
    assert not (tmp_path / "nowhere").exists()


def test_the_noxfile_is_python_and_names_where_hardgate_comes_from() -> None:
    text = make_starter_files(("github",))["noxfile.py"]
    ast.parse(text)
    assert "@HARDGATE@" not in text
    assert "hardgate[pipeline]" in text


@pytest.mark.parametrize("forge", ["github", "gitea"])
def test_this_repositorys_own_workflow_is_what_init_writes(forge: str) -> None:
    name = f".{forge}/workflows/gate.yml"
    assert (ROOT / name).read_text() == make_starter_files((forge,))[name]
