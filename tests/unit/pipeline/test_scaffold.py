"""`hardgate init`: what it writes and updates; it takes no file of others over."""

import ast
from pathlib import Path

import pytest

from hardgate.cli.init import main
from hardgate.errors import UsageError
from hardgate.pipeline import hardgate_source
from hardgate.pipeline.scaffold.write import (
    make_starter_files,
    make_template_files,
    plan_new_files,
    plan_update,
)

ROOT = Path(__file__).parents[3]
SOURCE = "hardgate[pipeline] @ git+https://forge.example/o/hardgate@0123456789abcdef"
NEWER = SOURCE.replace("0123", "4567")


def init(folder: Path, *argv: str, source: str = SOURCE) -> int:
    return main(["--context", str(folder), "--forge", "github", "--source", source, *argv])


def test_it_writes_what_is_not_there_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path) == 0
    told = capsys.readouterr().out
    for name, text in make_starter_files(("github",), SOURCE).items():
        assert (tmp_path / name).read_text() == text
        assert f"{name}: written\n" in told


def test_a_file_that_is_there_stays_and_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text("mine\n")
    (tmp_path / ".gitignore").write_text("/reports/\n")
    changes = plan_new_files(tmp_path, make_starter_files(("forgejo",), SOURCE))
    told = {change.file: change.status for change in changes}
    init(tmp_path)
    assert (tmp_path / "noxfile.py").read_text() == "mine\n"
    assert told["noxfile.py"] == "there already, left as it is"
    assert told[".gitignore"] == "there already, left as it is; add to it: /.nox/ __pycache__/"


def test_a_link_that_leads_nowhere_is_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").symlink_to(tmp_path / "nowhere")
    init(tmp_path)
    init(tmp_path, "--update", "--yes")
    assert not (tmp_path / "nowhere").exists()


def test_the_noxfile_is_python_and_names_where_hardgate_comes_from() -> None:
    text = make_starter_files(("github",), SOURCE)["noxfile.py"]
    ast.parse(text)
    assert "@HARDGATE@" not in text
    assert f'"{SOURCE}"' in text


@pytest.mark.parametrize("forge", ["github", "gitea"])
def test_this_repositorys_own_workflow_is_what_init_writes(forge: str) -> None:
    name = f".{forge}/workflows/gate.yml"
    assert (ROOT / name).read_text() == make_starter_files((forge,), SOURCE)[name]


def test_an_update_shows_the_difference_and_writes_when_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init(tmp_path)
    before = (tmp_path / "noxfile.py").read_text()
    (tmp_path / ".gitignore").write_text("mine\n/.nox/\n")
    capsys.readouterr()
    init(tmp_path, "--update", source=NEWER)
    shown = capsys.readouterr().out
    assert f'-HARDGATE = "{SOURCE}"\n+HARDGATE = "{NEWER}"\n' in shown
    assert "Nothing was written." in shown
    assert (tmp_path / "noxfile.py").read_text() == before
    init(tmp_path, "--update", "--yes", source=NEWER)
    assert (tmp_path / "noxfile.py").read_text() == before.replace(SOURCE, NEWER)
    assert (tmp_path / ".gitignore").read_text() == "mine\n/.nox/\n/reports/\n__pycache__/\n"
    capsys.readouterr()
    init(tmp_path, "--update", source=NEWER)
    assert "up to date" in capsys.readouterr().out


def test_an_update_leaves_what_somebody_else_wrote(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text('"""Ours."""\n')
    init(tmp_path, "--update", "--yes")
    assert (tmp_path / "noxfile.py").read_text() == '"""Ours."""\n'
    (change,) = (
        change
        for change in plan_update(tmp_path, make_starter_files(("github",), SOURCE))
        if change.file == "noxfile.py"
    )
    assert change.status == "there already, left as it is: 'hardgate init' did not write it"


def test_an_update_brings_a_file_that_is_gone_back(tmp_path: Path) -> None:
    init(tmp_path)
    workflow = tmp_path / ".github" / "workflows" / "gate.yml"
    workflow.unlink()
    init(tmp_path, "--update", "--yes")
    assert workflow.is_file()


def test_a_new_template_is_whole_and_takes_no_file_over(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "new"
    folder.mkdir(parents=True)
    (folder / "adapter.py").write_text("mine = 1\n")
    init(folder, "--new")
    assert (folder / "adapter.py").read_text() == "mine = 1\n"
    names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert set(make_template_files()) < names
    assert {"Dockerfile", "entrypoint.sh", "config.yaml", "tests/test_adapter.py"} < names
    assert {"README.md", "noxfile.py", ".github/workflows/gate.yml"} < names
    assert "Written by 'hardgate init --new'" in (folder / "README.md").read_text()


def test_a_new_templates_folder_is_made(tmp_path: Path) -> None:
    init(tmp_path / "x" / "y", "--new")
    assert (tmp_path / "x" / "y" / "Dockerfile").is_file()


def test_without_a_noxfile_to_write_no_source_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardgate_source, "_read_install_record", dict)
    with pytest.raises(UsageError, match="not recorded"):
        main(["--context", str(tmp_path)])
    assert not list(tmp_path.iterdir()), "nothing is written before the source is known"
    (tmp_path / "noxfile.py").write_text("mine\n")
    assert main(["--context", str(tmp_path)]) == 0
    assert (tmp_path / ".gitignore").is_file()


def test_an_update_keeps_the_noxfiles_source_where_no_other_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(tmp_path)
    monkeypatch.setattr(hardgate_source, "_read_install_record", dict)
    assert main(["--context", str(tmp_path), "--update", "--yes"]) == 0
    assert SOURCE in (tmp_path / "noxfile.py").read_text()
