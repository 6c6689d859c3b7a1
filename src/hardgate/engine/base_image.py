"""The base image: pulled where a registry answers, else bootstrapped; or made of a given file.

See D29 in ARCHITECTURE.md.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from io import BufferedIOBase
from pathlib import Path

import docker
from docker.errors import APIError, DockerException
from urllib3.exceptions import HTTPError

from hardgate.engine.base_bootstrap import DEBIAN_SUITE, ROOT_FILE, EarlyRoot, bootstrap_root
from hardgate.engine.base_file import BaseFileKind, detect_base_file_kind, open_unpacked
from hardgate.engine.build_request import BuildRequest
from hardgate.engine.client import Engine, EngineClient
from hardgate.engine.image import (
    build_with_classic,
    find_image_digest,
    remove_replaced_image,
)
from hardgate.engine.lock import hold_folder_lock
from hardgate.engine.proxy import read_proxy_environment
from hardgate.errors import BuildError, PlaybookError, UsageError
from hardgate.resources import ROLES
from hardgate.system.temporary_folder import temporary_folder

BASE_REPOSITORY = "hardgate/base"
PUBLIC_BASE = ("debian", "trixie-slim")
BASE_AUTHORITY_FOLDER = Path("/usr/local/share/ca-certificates")
"""Where Debian, and so a base, keeps authorities of its owner's (*.crt)."""
MACHINE_AUTHORITY_FOLDERS = (
    BASE_AUTHORITY_FOLDER,
    Path("/etc/pki/ca-trust/source/anchors"),
    Path("/etc/pki/trust/anchors"),
    Path("/etc/ca-certificates/trust-source/anchors"),
)
"""Where machines do: Debian, Fedora, openSUSE and Arch, with those that come from them."""

SILENCE_SECONDS = 30
"""How long a registry may say nothing while it is asked for the base."""
PULL_SECONDS = 600
"""How long it may take in all."""

ReportProgress = Callable[[str], None]
OpenStep = Callable[[str], AbstractContextManager[object]]
"""Opens a step by its name; it is under way until it is closed."""
BASE_STEP = "Make the base image"
"""A step only where a base is fetched, bootstrapped or read from a file, not where it is there."""


def ensure_base(
    engine: Engine,
    *,
    file: Path | None = None,
    refresh: bool = False,
    early_root: EarlyRoot | None = None,
    report_progress: ReportProgress,
    open_step: OpenStep = nullcontext,
) -> str:
    """Give a base's tag on the caller's engine: of `file`, else a cached one, else a new one.

    `early_root` takes the place of a bootstrap, where it comes to one. Raises UsageError for a file
    that is not a base, BuildError where no base is to be had.
    """
    authorities = read_machine_authorities()
    with hold_folder_lock(ROLES / "base_image"):
        if file is not None:
            return _ensure_file_base(
                engine.open_client(), file, authorities, report_progress, open_step
            )
        return _ensure_debian_base(
            engine,
            authorities,
            refresh=refresh,
            early_root=early_root,
            report_progress=report_progress,
            open_step=open_step,
        )


def read_machine_authorities(
    folders: Sequence[Path] = MACHINE_AUTHORITY_FOLDERS,
) -> dict[str, bytes]:
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


def _ensure_debian_base(
    engine: Engine,
    authorities: Mapping[str, bytes],
    *,
    refresh: bool,
    early_root: EarlyRoot | None,
    report_progress: ReportProgress,
    open_step: OpenStep,
) -> str:
    client = engine.open_client()
    tag = f"{BASE_REPOSITORY}:{DEBIAN_SUITE}{_make_tag_suffix(authorities)}"
    cached_digest = find_image_digest(client, tag)
    if cached_digest and not refresh:
        return tag
    with open_step(BASE_STEP):
        _make_debian_base(engine, client, tag, authorities, early_root, report_progress)
    remove_replaced_image(client, cached_digest, str(find_image_digest(client, tag)))
    return tag


def _make_debian_base(
    engine: Engine,
    client: docker.APIClient,
    tag: str,
    authorities: Mapping[str, bytes],
    early_root: EarlyRoot | None,
    report_progress: ReportProgress,
) -> None:
    """Pull the public base, take the engine's, or bootstrap one."""
    public = ":".join(PUBLIC_BASE)
    previous_digest = find_image_digest(client, public)
    refusal = _pull_public_base(engine.open_client())
    if not refusal:
        _build_trusting_base(client, public, tag, authorities, source=public)
        _restore_image_name(client, public, previous_digest)
    elif previous_digest:
        report_progress(
            f"No registry gave '{public}' ({refusal}): taking the one that the engine has."
        )
        _build_trusting_base(client, previous_digest, tag, authorities, source=public)
    else:
        report_progress(f"No registry gave '{public}' ({refusal}): bootstrapping the base.")
        draft = f"{tag}-draft"
        import_bootstrapped_base(client, draft, early_root, report_progress)
        _build_trusting_base(client, draft, tag, authorities, source="mmdebstrap")
        client.remove_image(draft, noprune=True)
    if authorities:
        report_progress(
            f"The base trusts this machine's own authorities too ({len(authorities)} of them)."
        )


def _make_tag_suffix(authorities: Mapping[str, bytes]) -> str:
    """Let a base that trusts others have another tag."""
    if not authorities:
        return ""
    digest = hashlib.sha256()
    for name, content in authorities.items():
        digest.update(name.encode() + b"\0" + content)
    return f"-{digest.hexdigest()[:12]}"


def _make_base_labels(source: str) -> dict[str, str]:
    """Say on a base itself that it is one; what is built from it inherits these, so no more."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"hardgate.base": source, "hardgate.base.created": now}


def _pull_public_base(client: EngineClient) -> str:
    """Ask the engine's registry for the public base. Give its 'no' in a line; empty is a 'yes'."""
    deadline = time.monotonic() + PULL_SECONDS
    client.silence_seconds = SILENCE_SECONDS
    try:
        for event in client.pull(*PUBLIC_BASE, stream=True, decode=True):
            if "error" in event:
                return _first_line_of(str(event["error"]))
            if time.monotonic() > deadline:
                return f"not done after {PULL_SECONDS} s"
    except APIError as error:
        return _first_line_of(str(error.explanation or error))
    except (DockerException, HTTPError, OSError) as error:
        return _first_line_of(str(error))
    finally:
        client.close()
    return ""


def _first_line_of(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:200] if lines else "no reason given"


def _restore_image_name(client: docker.APIClient, name: str, previous_digest: str | None) -> None:
    """Let a name mean what it meant before: it is the user's, and our base has one of its own."""
    if previous_digest is None:
        client.remove_image(name, noprune=True)
    elif find_image_digest(client, name) != previous_digest:
        _tag_image(client, previous_digest, name)


def _tag_image(client: docker.APIClient, image: str, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    client.tag(image, repository, tag, force=True)


def _build_trusting_base(
    client: docker.APIClient,
    reference: str,
    tag: str,
    authorities: Mapping[str, bytes],
    *,
    source: str,
) -> None:
    """Make a base of an image, with the machine's authorities in it."""
    with temporary_folder() as folder:
        for file, content in authorities.items():
            (folder / file).write_bytes(content)
            (folder / file).chmod(0o644)
        (folder / "Dockerfile").write_text(
            render_base_dockerfile(reference, _make_base_labels(source), authorities)
        )
        request = BuildRequest(
            context=folder,
            dockerfile=folder / "Dockerfile",
            arguments=read_proxy_environment(),
            tag=tag,
        )
        build_with_classic(client, request, lambda _: None)


def render_base_dockerfile(
    reference: str, labels: Mapping[str, str], authorities: Mapping[str, bytes]
) -> str:
    """Write how a base is made of another image."""
    lines = [f"FROM {reference}"]
    # The labels come last: an image that cannot be taught fails at once, and leaves nothing behind.
    if authorities:
        sources = [*authorities, f"{BASE_AUTHORITY_FOLDER}/"]
        lines += [
            "RUN command -v update-ca-certificates || { apt-get update && apt-get install -y"
            " --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*; }",
            f"COPY {json.dumps(sources)}",
            "RUN update-ca-certificates",
        ]
    lines += [f"LABEL {key}={json.dumps(value)}" for key, value in labels.items()]
    return "\n".join(lines) + "\n"


def import_bootstrapped_base(
    client: docker.APIClient,
    tag: str,
    early_root: EarlyRoot | None,
    report_progress: ReportProgress,
) -> None:
    """Import the root file system that was begun early, else one that is made now."""
    file = early_root.wait_for_file() if early_root else None
    if file is not None:
        _import_bootstrapped(client, file, tag)
        return
    report_progress(
        f"Bootstrapping Debian {DEBIAN_SUITE} from the distribution's packages; it takes "
        f"about a minute."
    )
    with temporary_folder() as folder:
        try:
            bootstrap_root(folder / ROOT_FILE)
        except PlaybookError as error:
            raise BuildError(
                f"The base could not be bootstrapped: {error.problem}",
                "Give a root file system by '--base FILE', or run it as root on Debian or Ubuntu.",
                evidence=error.evidence,
            ) from error
        _import_bootstrapped(client, folder / ROOT_FILE, tag)


def _import_bootstrapped(client: docker.APIClient, file: Path, tag: str) -> None:
    with file.open("rb") as stream:
        _import_root_stream(client, stream, tag, source="mmdebstrap")


def _import_root_stream(
    client: docker.APIClient, stream: BufferedIOBase, tag: str, *, source: str
) -> None:
    changes = [
        f"LABEL {key}={json.dumps(value)}" for key, value in _make_base_labels(source).items()
    ]
    client.import_image_from_data(
        _iterate_blocks(stream),
        repository=tag.partition(":")[0],
        tag=tag.partition(":")[2],
        changes=[*changes, 'CMD ["bash"]'],
    )


def _iterate_blocks(stream: BufferedIOBase) -> Iterator[bytes]:
    """Hand a stream over in pieces: given whole, its packed size is taken for its length."""
    return iter(lambda: stream.read(1 << 20), b"")


def _ensure_file_base(
    client: docker.APIClient,
    file: Path,
    authorities: Mapping[str, bytes],
    report_progress: ReportProgress,
    open_step: OpenStep,
) -> str:
    """Import a root file system, or load a saved image, once for its content."""
    if not file.is_file():
        raise UsageError(
            f"There is no file '{file}'.",
            "'--base' takes a root file system, or what 'docker save' writes (tar).",
        )
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    plain = f"{BASE_REPOSITORY}:file-{digest[:16]}"
    tag = plain + _make_tag_suffix(authorities)
    if find_image_digest(client, tag):
        return tag
    if find_image_digest(client, plain) is None:
        with open_step(BASE_STEP):
            _take_base_file(client, file, plain, report_progress)
    return _add_authorities(client, plain, tag, authorities, report_progress)


def _take_base_file(
    client: docker.APIClient, file: Path, tag: str, report_progress: ReportProgress
) -> None:
    """Import a root file system, or load a saved image, under a tag."""
    kind = detect_base_file_kind(file)
    report_progress(f"Taking the base '{file}', {kind.value}.")
    try:
        (_import_root_file if kind is BaseFileKind.ROOT else _load_saved_image)(client, file, tag)
    except APIError as error:
        raise UsageError(
            f"The engine does not take '{file}' for {kind.value}.",
            "Make it anew.",
            evidence=str(error.explanation or error),
        ) from error


def _add_authorities(
    client: docker.APIClient,
    plain: str,
    tag: str,
    authorities: Mapping[str, bytes],
    report_progress: ReportProgress,
) -> str:
    """Let a given base trust what the machine trusts, where it can be taught to."""
    if not authorities:
        return plain
    try:
        _build_trusting_base(client, plain, tag, authorities, source="file")
    except BuildError as error:
        report_progress(
            f"The base does not take this machine's own authorities: "
            f"{_last_line_of(error.evidence)}"
        )
        return plain
    report_progress(
        f"The base trusts this machine's own authorities too ({len(authorities)} of them)."
    )
    return tag


def _last_line_of(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else "no reason given"


def _import_root_file(client: docker.APIClient, file: Path, tag: str) -> None:
    with open_unpacked(file) as stream:
        _import_root_stream(client, stream, tag, source="file")


def _load_saved_image(client: docker.APIClient, file: Path, tag: str) -> None:
    """Load a saved image under our name, and leave its own names to whom they belong."""
    previous_digests = {
        name: str(image["Id"]) for image in client.images() for name in image["RepoTags"] or ()
    }
    with open_unpacked(file) as stream:
        output = "".join(
            str(event.get("stream", "")) for event in client.load_image(_iterate_blocks(stream))
        )
    loaded = [
        line.partition(":")[2].strip()
        for line in output.splitlines()
        if line.startswith(("Loaded image:", "Loaded image ID:"))
    ]
    if not loaded:
        raise UsageError(f"'{file}' holds no image.", "Save one anew.", evidence=output)
    digests = {find_image_digest(client, name) for name in loaded}
    if len(digests) == 1:
        _tag_image(client, loaded[0], tag)
    for name in loaded:
        if not name.startswith("sha256:"):
            _restore_image_name(client, name, previous_digests.get(name))
    if len(digests) > 1:
        raise UsageError(f"'{file}' holds {len(digests)} images.", "Save the one that is the base.")
