"""One table over all ways to build: what the author and the caller say reaches each alike."""

import io
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import docker
import pytest
import trustme
from docker.errors import NotFound

from hardgate.engine.base_image import _build_trusting_base
from hardgate.engine.build_request import BuildRequest, make_build_request
from hardgate.engine.build_run import BuildLog, build_with_engine
from hardgate.engine.build_way import BuildClient
from hardgate.engine.client import find_engine
from hardgate.engine.image import build_for_engine, release_image
from hardgate.errors import BuildError, UsageError
from hardgate.model.run import Image
from tests.integration.build_ways import choose_way, fetch_clients
from tests.integration.names import unique
from tests.integration.sharing import Once

WAYS = pytest.mark.parametrize("wanted", list(BuildClient), ids=lambda way: way.name.lower())
BUILDKIT = pytest.mark.parametrize(
    "wanted", [BuildClient.BUILDX, BuildClient.BUILTIN], ids=lambda way: way.name.lower()
)
Build = Callable[..., Image]


@pytest.fixture(scope="session")
def clients(once: Once, client: docker.APIClient, base: str, shared: Path) -> Path:
    """Give the folder that holds a client of each kind."""
    folder = shared / "clients"
    return Path(once("clients", lambda: fetch_clients(client, base, folder)))


@pytest.fixture
def build(clients: Path, client: docker.APIClient, tmp_path: Path) -> Iterator[Build]:
    """Build a context of given files by a way; what holds the images goes with the test."""
    requests: list[BuildRequest] = []

    def build(
        wanted: BuildClient,
        files: Mapping[str, str],
        *arguments: str,
        secrets: tuple[str, ...] = (),
        target: str | None = None,
        platform: str | None = None,
    ) -> Image:
        for name, text in files.items():
            (tmp_path / "context" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "context" / name).write_text(text)
        way, environment = choose_way(wanted, clients)
        request = make_build_request(
            str(tmp_path / "context"),
            None,
            arguments,
            secrets,
            {**environment, "FROM_OUTSIDE": "a value of the caller's"},
            target=target,
            platform=platform,
        )
        requests.append(request)
        return build_for_engine(find_engine(), request, way=way, write=print)

    yield build
    for request in requests:
        release_image(client, request)


def read_file(client: docker.APIClient, image: Image, path: str) -> str:
    """Read a file out of an image; empty where there is none."""
    container = client.create_container(image.digest, ["true"])["Id"]
    try:
        stream, _ = client.get_archive(container, path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            entry = archive.extractfile(archive.next() or "")
            return entry.read().decode() if entry else ""
    except docker.errors.NotFound:
        return ""
    finally:
        client.remove_container(container, v=True)


def list_names(client: docker.APIClient, image: Image, folder: str) -> set[str]:
    container = client.create_container(image.digest, ["true"])["Id"]
    try:
        stream, _ = client.get_archive(container, folder)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            return {Path(name).name for name in archive.getnames()[1:]}
    finally:
        client.remove_container(container, v=True)


@WAYS
def test_build_arguments_arrive_given_or_from_the_environment(
    wanted: BuildClient, build: Build, client: docker.APIClient, base: str
) -> None:
    files = {"Dockerfile": f"FROM {base}\nARG A=x\nARG FROM_OUTSIDE\nRUN echo $A-$FROM_OUTSIDE >/o"}
    image = build(wanted, files, "A=one two", "FROM_OUTSIDE")
    assert read_file(client, image, "/o") == "one two-a value of the caller's\n"


@WAYS
@pytest.mark.parametrize("ignore", [".dockerignore", "Dockerfile.dockerignore"])
def test_ignored_files_stay_out(
    wanted: BuildClient, ignore: str, build: Build, client: docker.APIClient
) -> None:
    files = {
        "Dockerfile": "FROM scratch\nCOPY . /all/\n",
        ".dockerignore": "# all that is not ours\nnothing-else\n",
        ignore: "# notes\n*.log\n!kept.log\n.dockerignore\nDockerfile*\n",
        "a.log": "",
        "kept.log": "",
        "b.txt": "",
    }
    assert list_names(client, build(wanted, files), "/all") == {"kept.log", "b.txt"}


@BUILDKIT
def test_a_secret_is_there_while_it_is_used_and_not_in_the_image(
    wanted: BuildClient, build: Build, client: docker.APIClient, base: str, tmp_path: Path
) -> None:
    (tmp_path / "hush").write_text("hush")
    run = "RUN --mount=type=secret,id=s wc -c </run/secrets/s >/o"
    secrets = (f"id=s,src={tmp_path / 'hush'}",)
    image = build(wanted, {"Dockerfile": f"FROM {base}\n{run}\n"}, secrets=secrets)
    assert read_file(client, image, "/o").strip() == "4"
    assert read_file(client, image, "/run/secrets/s") == ""


def test_the_classic_builder_refuses_a_secret_and_says_what_to_install(build: Build) -> None:
    with pytest.raises(UsageError, match="has no 'docker' command") as refused:
        build(BuildClient.CLASSIC, {"Dockerfile": "FROM scratch\n"}, secrets=("id=s,src=/x",))
    assert "Install 'docker-buildx'" in refused.value.remedy


@WAYS
def test_the_stage_that_was_asked_for_is_built(
    wanted: BuildClient, build: Build, client: docker.APIClient
) -> None:
    files = {
        "Dockerfile": "FROM scratch AS first\nCOPY a /a\nFROM scratch\nCOPY b /b\n",
        "a": "A",
        "b": "B",
    }
    assert read_file(client, build(wanted, files, target="first"), "/a") == "A"
    assert read_file(client, build(wanted, files), "/b") == "B"


@WAYS
def test_the_platform_that_was_asked_for_is_built(
    wanted: BuildClient, build: Build, client: docker.APIClient
) -> None:
    files = {"Dockerfile": "FROM scratch\nCOPY a /a\n", "a": "A"}
    image = build(wanted, files, platform="linux/s390x")
    assert client.inspect_image(image.digest)["Architecture"] == "s390x"


@WAYS
def test_the_machines_proxies_reach_the_build_and_not_the_image(
    wanted: BuildClient,
    build: Build,
    client: docker.APIClient,
    base: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")
    lines = f"FROM {base}\nRUN echo $https_proxy $HTTPS_PROXY >/o\n"
    image = build(wanted, {"Dockerfile": lines})
    assert read_file(client, image, "/o").split() == ["http://proxy.invalid:3128"] * 2
    assert "proxy.invalid" not in str(client.inspect_image(image.digest)["Config"]["Env"])


@WAYS
def test_the_machines_own_authority_reaches_the_build_by_hardgates_base(
    wanted: BuildClient, build: Build, client: docker.APIClient, base: str
) -> None:
    tag = f"{unique('hardgate-test/trusting')}:1"
    authority = trustme.CA().cert_pem.bytes()
    _build_trusting_base(client, base, tag, {"ours.crt": authority}, source="test")
    lines = f"FROM {tag}\nRUN cat /etc/ssl/certs/ca-certificates.crt >/o\n"
    image = build(wanted, {"Dockerfile": lines})
    client.remove_image(tag, noprune=True)
    assert authority.decode() in read_file(client, image, "/o")


@WAYS
def test_a_failure_shows_the_builders_own_words(
    wanted: BuildClient, build: Build, base: str
) -> None:
    lines = f"FROM {base}\nRUN echo what-went-wrong >&2; exit 7\n"
    with pytest.raises(BuildError) as failed:
        build(wanted, {"Dockerfile": lines})
    assert "what-went-wrong" in failed.value.evidence


def test_a_classic_build_that_is_broken_off_leaves_no_container(
    client: docker.APIClient, base: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nRUN sleep 1000\n")
    request = BuildRequest(context=tmp_path, dockerfile=tmp_path / "Dockerfile", tag="broken-off:1")
    begun: list[str] = []

    def note_container(line: str) -> None:
        if "Running in" in line:
            begun.append(line.rsplit(maxsplit=1)[-1])
            assert is_there(client, begun[0])

    builder = find_engine().open_client()
    with pytest.raises(BuildError, match="broken off"):
        build_with_engine(builder, request, BuildLog(note_container), lambda: bool(begun))
    deadline = time.monotonic() + 30
    while is_there(client, begun[0]):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_there(client: docker.APIClient, container: str) -> bool:
    """Tell whether the engine has a container."""
    try:
        client.inspect_container(container)
    except NotFound:
        return False
    return True
