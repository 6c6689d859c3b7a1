"""The Python of the contracts' probes: in files of its own, and the same in the YAML."""

import ast
import socket
import threading
from pathlib import Path

import pytest

from contracts.src.shared import canary, engine_api
from hardgate.errors import ContractError
from hardgate.model.contract import Subject, load_contract
from hardgate.model.contract_sources import CONTRACTS_WITH_SOURCES, assemble_contract
from hardgate.resources import CONTRACTS
from hardgate.system.ownership import Owner, ProcessIdentity

SOURCES = CONTRACTS / "src"


@pytest.mark.parametrize("name", CONTRACTS_WITH_SOURCES)
def test_the_contract_is_what_its_sources_give(name: str) -> None:
    text = (CONTRACTS / f"{name}.yaml").read_text()
    assembled = assemble_contract(text, SOURCES / name.replace("-", "_"))
    assert assembled == text, "Run: python -m hardgate.model.contract_sources"


@pytest.mark.parametrize("name", CONTRACTS_WITH_SOURCES)
def test_each_source_is_a_probes_and_each_program_has_one(name: str) -> None:
    contract = load_contract(str(CONTRACTS / f"{name}.yaml"), subject=Subject.HOST)
    with_program = {one.name for one in contract.capabilities if "<<'PYTHON'" in one.probe}
    assert {file.stem for file in (SOURCES / name.replace("-", "_")).glob("*.py")} == with_program


@pytest.mark.parametrize("name", CONTRACTS_WITH_SOURCES)
def test_a_program_is_whole_where_nothing_of_ours_is_installed(name: str) -> None:
    contract = load_contract(str(CONTRACTS / f"{name}.yaml"), subject=Subject.HOST)
    for capability in contract.capabilities:
        if "<<'PYTHON'" in capability.probe:
            program = capability.probe.partition("<<'PYTHON'\n")[2].rpartition("PYTHON")[0]
            ast.parse(program, feature_version=(3, 9))
            assert "contracts.src" not in program


def make_source(tmp_path: Path, program: str) -> str:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.py").write_text(program)
    return "  - name: a\n    probe: |\n      exec python3 - <<'PYTHON'\n      old\n      PYTHON\n"


def test_a_program_takes_the_place_of_the_old_one_with_what_it_shares(tmp_path: Path) -> None:
    text = make_source(tmp_path, "from contracts.src.shared.s import f\n\nif f():\n    print(1)\n")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "s.py").write_text('"""Doc."""\n\ndef f():\n    return 1\n')
    assert assemble_contract(text, tmp_path / "x") == (
        "  - name: a\n    probe: |\n      exec python3 - <<'PYTHON'\n"
        "      def f():\n          return 1\n\n\n      if f():\n          print(1)\n      PYTHON\n"
    )


def test_a_program_that_is_missing_or_has_no_end_is_an_error(tmp_path: Path) -> None:
    text = make_source(tmp_path, "x\n")
    with pytest.raises(ContractError, match="has no end"):
        assemble_contract(text.rpartition("      PYTHON")[0], tmp_path / "x")
    with pytest.raises(ContractError, match="cannot be read"):
        assemble_contract(text, tmp_path)


def test_a_canarys_labels_are_those_that_the_reaper_reads() -> None:
    owner = Owner.from_labels(canary.canary_labels("m"))
    assert owner is not None
    assert owner.run == "canary-m"
    assert owner.process == ProcessIdentity.of_current_process()
    assert not owner.is_dead()


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        ("200 OK", "fine", ""),
        ("404 Not Found", '{"message": "no such image"}', "the engine refuses it: no such image"),
        ("500 Oops", "plain words", "the engine refuses it: plain words"),
    ],
)
def test_the_engine_is_asked_at_its_socket_and_its_words_are_kept(
    status: str, body: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    monkeypatch.setattr(engine_api, "ENGINE_SOCKET", str(path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(
                    f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
                )

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            if problem:
                with pytest.raises(OSError, match=problem):
                    engine_api.ask_engine("GET", "/x")
            else:
                assert engine_api.ask_engine("GET", "/x") == body.encode()
        finally:
            thread.join()
