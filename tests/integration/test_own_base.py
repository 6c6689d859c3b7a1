"""Whose base an image is built on: the Dockerfile's own, where the engine or a registry has it."""

import hashlib
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import pytest

from hardgate.engine.build_request import make_build_request
from hardgate.engine.client import find_engine
from hardgate.engine.own_base import explain_own_base, set_base
from tests.integration.conftest import Gate
from tests.integration.names import unique
from tests.serving import serve

CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}}).encode()
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(CONFIG),
            "digest": f"sha256:{hashlib.sha256(CONFIG).hexdigest()}",
        },
        "layers": [],
    }
).encode()


class OneImage(BaseHTTPRequestHandler):
    """A registry that has the image 'there:1', and no other."""

    def do_GET(self) -> None:
        answers = {
            "/v2/": b"{}",
            "/v2/there/manifests/1": MANIFEST,
            f"/v2/there/manifests/sha256:{hashlib.sha256(MANIFEST).hexdigest()}": MANIFEST,
            f"/v2/there/blobs/sha256:{hashlib.sha256(CONFIG).hexdigest()}": CONFIG,
        }
        body = answers.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", MANIFEST_TYPE)
        self.send_header("Content-Length", str(len(body or b"")))
        self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body or b"")

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    """Serve a registry on this machine, which is where the engine is; give its address."""
    with serve(ThreadingHTTPServer(("127.0.0.1", 0), OneImage)) as server:
        yield f"127.0.0.1:{server.server_port}"


def explain(folder: Path, dockerfile: str, *arguments: str, base_given: bool = False) -> str | None:
    (folder / "Dockerfile").write_text(dockerfile)
    request = make_build_request(str(folder), None, arguments, (), {})
    return explain_own_base(find_engine().open_client(), request, base_given=base_given)


def dockerfile(default: str) -> str:
    return f"ARG BASE_IMAGE={default}\nFROM ${{BASE_IMAGE}}\n"


def test_a_default_that_the_engine_has_stays(tmp_path: Path, base: str) -> None:
    assert explain(tmp_path, dockerfile(base)) is None


def test_a_default_that_a_registry_has_stays(tmp_path: Path, registry: str) -> None:
    assert explain(tmp_path, dockerfile(f"{registry}/there:1")) is None


def test_a_default_that_nobody_has_gives_way_and_the_reason_is_given(
    tmp_path: Path, registry: str
) -> None:
    reason = explain(tmp_path, dockerfile(f"{registry}/gone:1")) or ""
    assert f"does not have '{registry}/gone:1', and no registry gave it (" in reason


def test_so_does_one_whose_registry_is_not_there(tmp_path: Path) -> None:
    default = "no-such-host.invalid/team/base:3"
    assert f"'{default}'" in (explain(tmp_path, dockerfile(default)) or "")


def test_a_default_that_is_no_name_is_left_to_the_builder(tmp_path: Path) -> None:
    assert explain(tmp_path, dockerfile("NOT:A:NAME")) is None


def test_one_without_a_default_is_open(tmp_path: Path) -> None:
    assert "no value" in (explain(tmp_path, dockerfile("")) or "")


def test_what_the_caller_names_is_built_on(tmp_path: Path, base: str) -> None:
    assert explain(tmp_path, dockerfile("nowhere.invalid/x:1"), "BASE_IMAGE=mine") is None
    assert explain(tmp_path, dockerfile(base), base_given=True) == "'--base' gives it"


@pytest.mark.parametrize("text", ["FROM scratch\n", "ARG BASE_IMAGE=x\nFROM y\n"])
def test_a_dockerfile_that_asks_for_no_base_of_ours_is_left_alone(
    tmp_path: Path, text: str
) -> None:
    assert explain(tmp_path, text, base_given=True) is None


def test_only_the_base_is_set(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(dockerfile("a"))
    request = make_build_request(str(tmp_path), None, ["A=b"], (), {})
    assert set_base(request, "ours").arguments == {"A": "b", "BASE_IMAGE": "ours"}


BOOT = (
    "RUN printf '#!/bin/sh\\nexec sleep infinity\\n' >/start && chmod 755 /start\n"
    'ENTRYPOINT ["/start"]\nHEALTHCHECK --interval=1s CMD ["true"]\n'
)


@pytest.mark.full  # the choice has tests of its own above; this verifies two images whole
def test_the_gate_builds_on_the_teams_base_and_says_so_where_it_cannot(
    gate: Gate,
    make_contract: Callable[..., Path],
    client: docker.APIClient,
    base: str,
    tmp_path: Path,
) -> None:
    """One image on a base that the engine has, and then without it: green, then red and told."""
    team = f"{unique('hardgate-test/team-base')}:3"
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(dockerfile(team) + BOOT)
    made = client.create_container(base, ["sh", "-c", "echo third >/etc/team-base"])["Id"]
    client.start(made)
    client.wait(made)
    client.commit(made, team.partition(":")[0], "3")
    client.remove_container(made)
    contract = make_contract({"on_the_teams_base": "grep -q third /etc/team-base"})
    words = ("--context", str(context), "--contract", str(contract), "--tier", "2")
    on_team = gate(*words)
    client.remove_image(team)
    on_ours = gate(*words)
    assert on_team.verdict("on_the_teams_base")["outcome"] == "pass"
    assert not [notice for notice in on_team.summary["notices"] if "BASE_IMAGE" in notice]
    assert on_ours.verdict("on_the_teams_base")["outcome"] == "fail"
    (notice,) = (notice for notice in on_ours.summary["notices"] if "BASE_IMAGE" in notice)
    assert f"'{base}'" in notice
    assert f"'{team}'" in notice
    assert "--build-arg BASE_IMAGE=IMAGE" in notice
    assert notice in " ".join(on_ours.output.split())
