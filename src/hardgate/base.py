"""The base image: pulled where a registry answers, else bootstrapped; or made of a given file."""

import hashlib
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
from docker.errors import APIError, ImageNotFound

from hardgate.engine import Engine
from hardgate.errors import BuildError, PlaybookError, UsageError
from hardgate.image import BuildRequest, build_with_classic
from hardgate.playbook import play
from hardgate.proxy import proxy_environment

SUITE = "trixie"
REPOSITORY = "hardgate/base"
PUBLIC = ("debian", "trixie-slim")
AUTHORITIES = Path("/usr/local/share/ca-certificates")
Say = Callable[[str], None]


def ensure_base(
    engine: Engine, *, file: Path | None = None, refresh: bool = False, say: Say
) -> str:
    """Give a base's tag on the caller's engine: of `file`, else a cached one, else a new one.

    Raises UsageError for a file that is no base, BuildError where no base is to be had.
    """
    client = engine.client()
    authorities = machine_authorities()
    if file is not None:
        return _import_file(client, file, say)
    tag = f"{REPOSITORY}:{SUITE}{_suffix(authorities)}"
    if _has(client, tag) and not refresh:
        return tag
    pulled = _pull(client, say)
    if pulled:
        _trust(client, pulled, tag, authorities)
    else:
        _bootstrap(client, tag, say)
    if authorities:
        say(f"The base trusts this machine's own authorities too ({len(authorities)} of them).")
    return tag


def machine_authorities(folder: Path = AUTHORITIES) -> dict[str, bytes]:
    """Read the machine's extra authorities, by file name."""
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.crt"))}


def _suffix(authorities: Mapping[str, bytes]) -> str:
    """Let a base that trusts others have another tag."""
    if not authorities:
        return ""
    seen = hashlib.sha256()
    for name, content in authorities.items():
        seen.update(name.encode() + b"\0" + content)
    return f"-{seen.hexdigest()[:12]}"


def _has(client: docker.APIClient, tag: str) -> bool:
    try:
        client.inspect_image(tag)
    except ImageNotFound:
        return False
    return True


def _pull(client: docker.APIClient, say: Say) -> str:
    """Ask the engine's registry; a 'no' is no error, for there is another way."""
    reference = ":".join(PUBLIC)
    try:
        client.pull(*PUBLIC)
    except APIError as error:
        say(f"No registry gave '{reference}' ({_first_line(error)}): bootstrapping the base.")
        return ""
    return reference


def _first_line(error: APIError) -> str:
    lines = str(error.explanation or error).strip().splitlines()
    return lines[0][:200] if lines else "no reason given"


def _trust(
    client: docker.APIClient, reference: str, tag: str, authorities: Mapping[str, bytes]
) -> None:
    """Make our base of a pulled one, with the machine's authorities in it."""
    with TemporaryDirectory(prefix="hardgate-") as name:
        folder = Path(name)
        for file, content in authorities.items():
            (folder / file).write_bytes(content)
        (folder / "Dockerfile").write_text(
            f"FROM {reference}\n"
            "RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates"
            " && rm -rf /var/lib/apt/lists/*\n"
            f"COPY *.crt {AUTHORITIES}/\n"
            "RUN update-ca-certificates\n"
            if authorities
            else f"FROM {reference}\n"
        )
        request = BuildRequest(
            context=folder,
            dockerfile=folder / "Dockerfile",
            arguments=proxy_environment(),
            tag=tag,
        )
        build_with_classic(client, request, lambda _: None)


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
                    "base_image_authorities": str(AUTHORITIES),
                },
            )
        except PlaybookError as error:
            raise BuildError(
                f"The base could not be bootstrapped: {error.problem}",
                "Give a root file system by '--base FILE', or run it as root on Debian or Ubuntu.",
                evidence=error.evidence,
            ) from error
        with file.open("rb") as stream:
            client.import_image_from_data(stream, *tag.split(":"))


def _import_file(client: docker.APIClient, file: Path, say: Say) -> str:
    """Import a root file system, or an image's archive, once for its content."""
    if not file.is_file():
        raise UsageError(f"There is no file '{file}'.", "'--base' takes a root file system (tar).")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    tag = f"{REPOSITORY}:file-{digest[:16]}"
    if _has(client, tag):
        return tag
    say(f"Importing the base '{file}'.")
    if _is_image_archive(file):
        with file.open("rb") as stream:
            words = " ".join(event.get("stream", "") for event in client.load_image(stream))
        image = words.split("Loaded image: ")[-1].split("Loaded image ID: ")[-1].split()[0]
        client.tag(image, REPOSITORY, tag.partition(":")[2], force=True)
    else:
        with file.open("rb") as stream:
            client.import_image_from_data(stream, *tag.split(":"))
    return tag


def _is_image_archive(file: Path) -> bool:
    """Tell a saved image from a root file system by what lies at its top."""
    try:
        with tarfile.open(file) as archive:
            names = {name for name, _ in zip(archive.getnames(), range(100_000), strict=False)}
    except tarfile.ReadError as error:
        raise UsageError(f"'{file}' is no tar archive.", f"The reader said: {error}.") from error
    return "manifest.json" in names
