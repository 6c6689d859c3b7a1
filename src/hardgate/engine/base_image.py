"""The base image: pulled where a registry answers, else bootstrapped; or made of a given file."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BufferedIOBase
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
from docker.errors import APIError, DockerException
from urllib3.exceptions import HTTPError

from hardgate.ansible.play import play
from hardgate.engine.base_file import Kind, kind_of, unpacked
from hardgate.engine.client import Client, Engine
from hardgate.engine.image import BuildRequest, build_with_classic, digest_of, let_go
from hardgate.engine.lock import turn
from hardgate.engine.proxy import proxy_environment
from hardgate.errors import BuildError, PlaybookError, UsageError
from hardgate.resources import ROLES

SUITE = "trixie"
REPOSITORY = "hardgate/base"
PUBLIC = ("debian", "trixie-slim")
AUTHORITIES = Path("/usr/local/share/ca-certificates")
"""Where Debian, and so a base, keeps authorities of its owner's (*.crt)."""
AUTHORITY_FOLDERS = (
    AUTHORITIES,
    Path("/etc/pki/ca-trust/source/anchors"),
    Path("/etc/pki/trust/anchors"),
    Path("/etc/ca-certificates/trust-source/anchors"),
)
"""Where machines do: Debian, Fedora, openSUSE and Arch, with those that come from them."""

SILENCE_SECONDS = 30
"""How long a registry may say nothing while it is asked for the base."""
PULL_SECONDS = 600
"""How long it may take in all."""

Say = Callable[[str], None]


def ensure_base(
    engine: Engine, *, file: Path | None = None, refresh: bool = False, say: Say
) -> str:
    """Give a base's tag on the caller's engine: of `file`, else a cached one, else a new one.

    Raises UsageError for a file that is no base, BuildError where no base is to be had.
    """
    authorities = machine_authorities()
    with turn(ROLES / "base_image"):
        if file is not None:
            return _of_file(engine.client(), file, authorities, say)
        return _of_debian(engine, authorities, refresh=refresh, say=say)


def machine_authorities(folders: Sequence[Path] = AUTHORITY_FOLDERS) -> dict[str, bytes]:
    """Read the machine's extra authorities, each by the name that a base is to know it by."""
    found = {}
    for folder in folders:
        for file in sorted(folder.rglob("*.*")):
            if file.suffix in {".crt", ".pem", ".cer"} and file.is_file():
                content = file.read_bytes()
                if b"BEGIN CERTIFICATE" in content:
                    name = file.relative_to(folder).with_suffix(".crt")
                    found["-".join(name.parts)] = content
    return found


def _of_debian(engine: Engine, authorities: Mapping[str, bytes], *, refresh: bool, say: Say) -> str:
    client = engine.client()
    tag = f"{REPOSITORY}:{SUITE}{_suffix(authorities)}"
    before = digest_of(client, tag)
    if before and not refresh:
        return tag
    public = ":".join(PUBLIC)
    owners = digest_of(client, public)
    refusal = _pull(engine.client())
    if not refusal:
        _trust(client, public, tag, authorities, source=public)
        _give_back(client, public, owners)
    elif owners:
        say(f"No registry gave '{public}' ({refusal}): taking the one that the engine has.")
        _trust(client, owners, tag, authorities, source=public)
    else:
        say(f"No registry gave '{public}' ({refusal}): bootstrapping the base.")
        draft = f"{tag}-draft"
        _bootstrap(client, draft, say)
        _trust(client, draft, tag, authorities, source="mmdebstrap")
        client.remove_image(draft, noprune=True)
    if authorities:
        say(f"The base trusts this machine's own authorities too ({len(authorities)} of them).")
    let_go(client, before, str(digest_of(client, tag)))
    return tag


def _suffix(authorities: Mapping[str, bytes]) -> str:
    """Let a base that trusts others have another tag."""
    if not authorities:
        return ""
    seen = hashlib.sha256()
    for name, content in authorities.items():
        seen.update(name.encode() + b"\0" + content)
    return f"-{seen.hexdigest()[:12]}"


def _labels(source: str) -> dict[str, str]:
    """Say on a base itself that it is one; what is built from it inherits these, so no more."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"hardgate.base": source, "hardgate.base.created": now}


def _pull(client: Client) -> str:
    """Ask the engine's registry for the public base. Give its 'no' in a line; empty is a 'yes'."""
    deadline = time.monotonic() + PULL_SECONDS
    client.silence = SILENCE_SECONDS
    try:
        for event in client.pull(*PUBLIC, stream=True, decode=True):
            if "error" in event:
                return _first_line(str(event["error"]))
            if time.monotonic() > deadline:
                return f"not done after {PULL_SECONDS} s"
    except APIError as error:
        return _first_line(str(error.explanation or error))
    except (DockerException, HTTPError, OSError) as error:
        return _first_line(str(error))
    finally:
        client.close()
    return ""


def _first_line(words: str) -> str:
    lines = words.strip().splitlines()
    return lines[0][:200] if lines else "no reason given"


def _give_back(client: docker.APIClient, name: str, owners: str | None) -> None:
    """Let a name mean what it meant before: it is the user's, and our base has one of its own."""
    if owners is None:
        client.remove_image(name, noprune=True)
    elif digest_of(client, name) != owners:
        _name(client, owners, name)


def _name(client: docker.APIClient, image: str, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    client.tag(image, repository, tag, force=True)


def _trust(
    client: docker.APIClient,
    reference: str,
    tag: str,
    authorities: Mapping[str, bytes],
    *,
    source: str,
) -> None:
    """Make a base of an image, with the machine's authorities in it."""
    with TemporaryDirectory(prefix="hardgate-") as name:
        folder = Path(name)
        for file, content in authorities.items():
            (folder / file).write_bytes(content)
            (folder / file).chmod(0o644)
        (folder / "Dockerfile").write_text(dockerfile(reference, _labels(source), authorities))
        request = BuildRequest(
            context=folder,
            dockerfile=folder / "Dockerfile",
            arguments=proxy_environment(),
            tag=tag,
        )
        build_with_classic(client, request, lambda _: None)


def dockerfile(reference: str, labels: Mapping[str, str], authorities: Mapping[str, bytes]) -> str:
    """Write how a base is made of another image."""
    lines = [f"FROM {reference}"]
    # The labels come last: an image that cannot be taught fails at once, and leaves nothing behind.
    if authorities:
        sources = [*authorities, f"{AUTHORITIES}/"]
        lines += [
            "RUN command -v update-ca-certificates || { apt-get update && apt-get install -y"
            " --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*; }",
            f"COPY {json.dumps(sources)}",
            "RUN update-ca-certificates",
        ]
    lines += [f"LABEL {key}={json.dumps(value)}" for key, value in labels.items()]
    return "\n".join(lines) + "\n"


def _bootstrap(client: docker.APIClient, tag: str, say: Say) -> None:
    """Make a base from the distribution's packages, by the role base_image."""
    say(f"Bootstrapping Debian {SUITE} from the distribution's packages; it takes about a minute.")
    with TemporaryDirectory(prefix="hardgate-") as name:
        file = Path(name) / "base.tar"
        try:
            play(
                "base.yml",
                {
                    "base_image_suite": SUITE,
                    "base_image_file": str(file),
                    "base_image_environment": proxy_environment(),
                },
            )
        except PlaybookError as error:
            raise BuildError(
                f"The base could not be bootstrapped: {error.problem}",
                "Give a root file system by '--base FILE', or run it as root on Debian or Ubuntu.",
                evidence=error.evidence,
            ) from error
        with file.open("rb") as stream:
            _import(client, stream, tag, source="mmdebstrap")


def _import(client: docker.APIClient, stream: BufferedIOBase, tag: str, *, source: str) -> None:
    changes = [f"LABEL {key}={json.dumps(value)}" for key, value in _labels(source).items()]
    client.import_image_from_data(
        _blocks(stream),
        repository=tag.partition(":")[0],
        tag=tag.partition(":")[2],
        changes=[*changes, 'CMD ["bash"]'],
    )


def _blocks(stream: BufferedIOBase) -> Iterator[bytes]:
    """Hand a stream over in pieces: given whole, its packed size is taken for its length."""
    return iter(lambda: stream.read(1 << 20), b"")


def _of_file(
    client: docker.APIClient, file: Path, authorities: Mapping[str, bytes], say: Say
) -> str:
    """Import a root file system, or load a saved image, once for its content."""
    if not file.is_file():
        raise UsageError(
            f"There is no file '{file}'.",
            "'--base' takes a root file system, or what 'docker save' writes (tar).",
        )
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    plain = f"{REPOSITORY}:file-{digest[:16]}"
    tag = plain + _suffix(authorities)
    if digest_of(client, tag):
        return tag
    if digest_of(client, plain) is None:
        kind = kind_of(file)
        say(f"Taking the base '{file}', {kind.value}.")
        try:
            (_import_root if kind is Kind.ROOT else _load)(client, file, plain)
        except APIError as error:
            raise UsageError(
                f"The engine does not take '{file}' for {kind.value}.",
                "Make it anew.",
                evidence=str(error.explanation or error),
            ) from error
    return _trusting(client, plain, tag, authorities, say)


def _trusting(
    client: docker.APIClient, plain: str, tag: str, authorities: Mapping[str, bytes], say: Say
) -> str:
    """Let a given base trust what the machine trusts, where it can be taught to."""
    if not authorities:
        return plain
    try:
        _trust(client, plain, tag, authorities, source="file")
    except BuildError as error:
        say(f"The base does not take this machine's own authorities: {_last_line(error.evidence)}")
        return plain
    say(f"The base trusts this machine's own authorities too ({len(authorities)} of them).")
    return tag


def _last_line(words: str) -> str:
    lines = words.strip().splitlines()
    return lines[-1][:200] if lines else "no reason given"


def _import_root(client: docker.APIClient, file: Path, tag: str) -> None:
    with unpacked(file) as stream:
        _import(client, stream, tag, source="file")


def _load(client: docker.APIClient, file: Path, tag: str) -> None:
    """Load a saved image under our name, and leave its own names to whom they belong."""
    owners = {
        name: str(image["Id"]) for image in client.images() for name in image["RepoTags"] or ()
    }
    with unpacked(file) as stream:
        words = "".join(
            str(event.get("stream", "")) for event in client.load_image(_blocks(stream))
        )
    loaded = [
        line.partition(":")[2].strip()
        for line in words.splitlines()
        if line.startswith(("Loaded image:", "Loaded image ID:"))
    ]
    if not loaded:
        raise UsageError(f"'{file}' holds no image.", "Save one anew.", evidence=words)
    digests = {digest_of(client, name) for name in loaded}
    if len(digests) == 1:
        _name(client, loaded[0], tag)
    for name in loaded:
        if not name.startswith("sha256:"):
            _give_back(client, name, owners.get(name))
    if len(digests) > 1:
        raise UsageError(f"'{file}' holds {len(digests)} images.", "Save the one that is the base.")
