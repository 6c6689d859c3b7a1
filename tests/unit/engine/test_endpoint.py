"""Where the caller's engine is looked for, in the order of the 'docker' command."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from hardgate.engine.endpoint import DEFAULT_SOCKET, locate_endpoint, make_endpoint
from hardgate.errors import EngineError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a user whose settings choose the context 'remote'; 'desk' is another, without TLS."""
    settings = tmp_path / ".docker"
    make_context(settings, "remote", {"Host": "tcp://10.0.0.7:2376"}, certificates=True)
    make_context(settings, "desk", {"Host": "unix:///run/desk.sock", "SkipTLSVerify": True})
    (settings / "config.json").write_text(json.dumps({"currentContext": "remote"}))
    return tmp_path


def make_context(
    settings: Path, name: str, endpoint: Mapping[str, object], *, certificates: bool = False
) -> None:
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = settings / "contexts" / "meta" / key / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    if certificates:
        (settings / "contexts" / "tls" / key / "docker").mkdir(parents=True)


@pytest.mark.parametrize(
    ("environ", "url", "how"),
    [
        ({}, "tcp://10.0.0.7:2376", "context remote"),
        ({"DOCKER_CONTEXT": "desk"}, "unix:///run/desk.sock", "context desk"),
        ({"DOCKER_CONTEXT": "default"}, DEFAULT_SOCKET, "default socket"),
        ({"DOCKER_HOST": "unix:///x"}, "unix:///x", "DOCKER_HOST"),
        ({"DOCKER_HOST": "unix:///x", "DOCKER_CONTEXT": "desk"}, "unix:///x", "DOCKER_HOST"),
        ({"DOCKER_HOST": "", "DOCKER_CONTEXT": ""}, "tcp://10.0.0.7:2376", "context remote"),
        ({"DOCKER_CONFIG": "/nowhere"}, DEFAULT_SOCKET, "default socket"),
    ],
)
def test_the_host_counts_before_the_context_and_both_before_the_settings(
    home: Path, environ: dict[str, str], url: str, how: str
) -> None:
    endpoint = locate_endpoint({"HOME": str(home), **environ})
    assert (endpoint.url, endpoint.found_by) == (url, how)
    assert endpoint.is_named == (how != "default socket")


def test_a_user_without_settings_has_the_default_socket(tmp_path: Path) -> None:
    assert locate_endpoint({"HOME": str(tmp_path)}).environment == {"DOCKER_HOST": DEFAULT_SOCKET}


def test_a_context_is_found_where_there_is_no_config_file(home: Path) -> None:
    (home / ".docker" / "config.json").unlink()
    assert (
        locate_endpoint({"HOME": str(home), "DOCKER_CONTEXT": "desk"}).url
        == "unix:///run/desk.sock"
    )


def test_a_contexts_certificates_lead_the_docker_command_too(home: Path) -> None:
    endpoint = locate_endpoint({"HOME": str(home)})
    key = hashlib.sha256(b"remote").hexdigest()
    assert endpoint.environment == {
        "DOCKER_HOST": "tcp://10.0.0.7:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(home / ".docker" / "contexts" / "tls" / key / "docker"),
    }


@pytest.mark.parametrize(
    ("url", "environ", "certificates", "verified"),
    [
        ("tcp://e:2376", {}, None, True),
        ("tcp://e:2376", {"DOCKER_TLS_VERIFY": ""}, None, True),
        ("tcp://e:2376", {"DOCKER_TLS_VERIFY": "1"}, "/home/a/.docker", True),
        ("e:2376", {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}, "/certs", True),
        ("tcp://e:2376", {"DOCKER_TLS": "1"}, "/home/a/.docker", False),
        ("unix:///e", {"DOCKER_TLS_VERIFY": "1"}, None, True),
    ],
)
def test_tls_is_for_addresses_on_a_network(
    url: str, environ: dict[str, str], certificates: str | None, verified: bool
) -> None:
    endpoint = make_endpoint(url, {"HOME": "/home/a", **environ})
    assert endpoint.certificates == (Path(certificates) if certificates else None)
    if certificates:
        assert endpoint.verified is verified


def test_a_context_that_does_not_exist_is_told_by_name(home: Path) -> None:
    with pytest.raises(EngineError, match="no Docker context 'gone'"):
        locate_endpoint({"HOME": str(home), "DOCKER_CONTEXT": "gone"})


@pytest.mark.parametrize(
    ("text", "words"), [('{"a":', "cannot be read"), ("[]", "no JSON object"), ("\xff", "cannot")]
)
def test_settings_that_cannot_be_read_are_an_error_and_not_silence(
    home: Path, text: str, words: str
) -> None:
    (home / ".docker" / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(EngineError, match=words) as caught:
        locate_endpoint({"HOME": str(home)})
    assert str(home / ".docker" / "config.json") in caught.value.problem
