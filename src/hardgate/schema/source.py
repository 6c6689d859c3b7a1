"""From a path or a URL to the bytes that stand there: bounded, and pinned where that is asked."""

import hashlib
import time
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from hardgate.errors import ContractError
from hardgate.schema.document import MAX_DOCUMENT_BYTES
from hardgate.system.bounded_http import HttpError, HttpRequest, SlowAnswerError, send_request
from hardgate.text.typo import suggest_choice

FETCH_SECONDS = 30.0
"""For the whole answer, however slowly it drips."""
MAX_REDIRECTS = 5
SHA256_DIGITS = 64


def read_origin(origin: str, *, noun: str, sha256: str | None = None) -> bytes:
    """Read a file, or a URL that is pinned by its hash; raises ContractError.

    At most one byte more than `MAX_BYTES` is read: the reader of the document refuses that.
    """
    title = f"{noun} '{strip_credentials(origin)}'"
    pin = None if sha256 is None else read_pin(sha256)
    scheme = urlsplit(origin).scheme if "://" in origin else ""
    if not scheme:
        data = _read_file(Path(origin), title)
    else:
        _refuse_url(origin, title, pin)
        data = _fetch_url(origin, title)
    actual = hashlib.sha256(data).hexdigest()
    if pin and pin != actual and len(data) <= MAX_DOCUMENT_BYTES:
        raise ContractError(
            f"{title} has the sha256 {actual}, and {pin} was asked for.",
            "See what changed in it; then pin the hash of what you have read.",
        )
    return data


def read_pin(sha256: str) -> str:
    """Read a hash that was asked for; an empty one is a variable that nobody set, and no wish."""
    pin = sha256.strip().lower()
    remedy = f"Give {SHA256_DIGITS} hexadecimal digits (sha256sum FILE)"
    if not pin:
        raise ContractError("The sha256 to pin is empty.", f"{remedy}, or leave the option out.")
    if len(pin) != SHA256_DIGITS or set(pin) - set("0123456789abcdef"):
        raise ContractError(f"'{sha256}' is not a sha256.", f"{remedy}.")
    return pin


def is_web_url(text: str) -> bool:
    """Tell whether it is an http or https URL with a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def strip_credentials(origin: str) -> str:
    """Leave out what may hold a secret: a URL's query and fragment, its user and password."""
    if "://" not in origin:
        return origin
    scheme, _, rest = origin.partition("://")
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _read_file(path: Path, title: str) -> bytes:
    try:
        if path.is_dir():
            raise ContractError(f"{title} is a folder.", "Name a file in it.")
        if path.exists() and not path.is_file():
            raise ContractError(
                f"{title} is not a regular file.", "Write it to a file first, and name that."
            )
        with path.open("rb") as file:
            return file.read(MAX_DOCUMENT_BYTES + 1)
    except FileNotFoundError:
        meant = suggest_choice(path.name, _list_folder(path.parent))
        raise ContractError(
            f"{title} does not exist.", meant or f"You are in '{Path.cwd()}'."
        ) from None
    except OSError as error:
        raise ContractError(
            f"{title} cannot be read: {error.strerror}.", "Look at its path and its permissions."
        ) from None


def _list_folder(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _refuse_url(url: str, title: str, pin: str | None) -> None:
    if not is_web_url(url):
        raise ContractError(f"{title} is not an http or https URL.", "Name a file or such a URL.")
    if "@" in urlsplit(url).netloc:
        raise ContractError(
            f"{title} was given with a user or a password.", "Put them into '~/.netrc'."
        )
    if not pin:
        raise ContractError(
            f"{title} is a URL, and what it holds may change.",
            "Pin it by --contract-sha256 HEX, the hash of what you have read.",
        )


def _fetch_url(url: str, title: str) -> bytes:
    try:
        return _follow_redirects(url)
    except SlowAnswerError:
        problem = f"{title} did not come within {FETCH_SECONDS:.0f} s."
        raise ContractError(problem, "Fetch it to a file by hand.") from None
    except HttpError as error:
        raise ContractError(
            f"{title} could not be fetched ({error.kind}).",
            "Fetch it to a file by hand, and name that.",
            evidence=error.evidence.replace(urlsplit(url).query or url, "…"),
        ) from error


def _follow_redirects(url: str) -> bytes:
    deadline = time.monotonic() + FETCH_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        response = send_request(
            HttpRequest(
                url=url,
                connect_seconds=FETCH_SECONDS,
                idle_seconds=FETCH_SECONDS,
                seconds=max(deadline - time.monotonic(), 0.0),
                max_bytes=MAX_DOCUMENT_BYTES,
            )
        )
        if response.is_redirect:
            url = response.resolve_location(url)
        elif response.status >= HTTPStatus.BAD_REQUEST:
            raise HttpError("HTTPError", f"{response.phrase} for url: {url}")
        else:
            return response.body
    raise HttpError("TooManyRedirects", f"more than {MAX_REDIRECTS} redirects")
