"""Where a template installs hardgate from: a source that colleagues and CI can install too."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from hardgate.errors import UsageError
from hardgate.system.git import GitRefusedError, Repository, open_repository

PACKAGE = "hardgate[pipeline]"
SOURCE_REMEDY = (
    "Name a source that others can install by '--source', such as "
    "'--source git+https://HOST/OWNER/hardgate@COMMIT'."
)
_NAME = re.compile(r"hardgate\s*(\[[^\]]*\])?\s*(?P<rest>.*)", re.S)
_REQUIREMENT = re.compile(r"(\.{0,2}/|~|git\+|[a-z]+://|file:)?[^\s]*hardgate\b", re.I)
_SCP_ADDRESS = re.compile(r"(?P<user>[\w.-]+@)?(?P<host>[\w.-]+):(?!//)(?P<path>.+)")


@dataclass(frozen=True, kw_only=True)
class HardgateSource:
    """A requirement to install hardgate by, and what its reader should know."""

    requirement: str
    notice: str = ""


def find_source(chosen: str | None = None) -> HardgateSource:
    """Give the source that was chosen, else the one that this hardgate came from.

    Raises UsageError for one that others cannot install, and where none can be found out.
    """
    if chosen:
        return HardgateSource(requirement=_check_source(_write_requirement(chosen.strip())))
    record = _read_install_record()
    url = str(record.get("url", ""))
    if not url:
        raise UsageError(
            "It is not recorded where this hardgate was installed from.", SOURCE_REMEDY
        )
    vcs = record.get("vcs_info") or {}
    if urlsplit(url).scheme == "file":
        return _find_checkout_source(Path(unquote(urlsplit(url).path)))
    if vcs:
        url = f"{vcs.get('vcs', 'git')}+{_drop_credentials(url)}@{vcs['commit_id']}"
    return HardgateSource(requirement=_check_source(f"{PACKAGE} @ {_drop_credentials(url)}"))


def _write_requirement(text: str) -> str:
    """Give a bare URL the package's name."""
    return text if _NAME.fullmatch(text) else f"{PACKAGE} @ {text}"


def _check_source(requirement: str) -> str:
    problem = explain_unusable_source(requirement)
    if problem:
        raise UsageError(f"'{hide_credentials(requirement)}' {problem}.", SOURCE_REMEDY)
    return requirement


def explain_unusable_source(requirement: str) -> str:
    """Say why others cannot install this, as a sentence's end; empty where they can."""
    named = _NAME.fullmatch(requirement.strip())
    rest = named["rest"].strip() if named else requirement.strip()
    if not rest:
        return "is a bare name, which whoever registers it may publish"
    if named and not rest.startswith("@"):
        return "" if "==" in rest else "names no version ('==')"
    url = rest.removeprefix("@").strip()
    parts = urlsplit(url)
    if parts.scheme.rpartition("+")[2] in {"", "file"}:
        return "is a path of one machine"
    if parts.password or (parts.username and "ssh" not in parts.scheme):
        return "holds a credential, which everybody who reads the repository can use"
    if parts.scheme.startswith("git+") and "@" not in parts.path:
        return "names no commit ('@COMMIT'), so that each day may bring another hardgate"
    return ""


def is_requirement(text: str) -> bool:
    """Tell a requirement from a command's word ('hardgate') and from prose."""
    if text.lower() == "hardgate" or not _REQUIREMENT.match(text):
        return False
    named = _NAME.fullmatch(text)
    if named:
        rest = named["rest"]
        return bool(named[1]) or rest.startswith(("@", "=", "<", ">", "~", "!"))
    return not re.search(r"\s", text.replace(" @ ", "@"))


def _read_install_record() -> Mapping[str, Any]:
    """Read what the installer wrote of where the package came from (PEP 610)."""
    with suppress(PackageNotFoundError, ValueError):
        record = json.loads(distribution("hardgate").read_text("direct_url.json") or "{}")
        return record if isinstance(record, dict) else {}
    return {}


def _find_checkout_source(folder: Path) -> HardgateSource:
    """Give the remote of a checkout, at the commit that is checked out, which it has to have."""
    try:
        with open_repository(folder) as repository:
            if repository is None or not folder.is_dir():
                raise UsageError(
                    f"This hardgate was installed from '{folder}', which is in no git repository.",
                    SOURCE_REMEDY,
                )
            return _read_checkout_source(repository)
    except GitRefusedError as error:
        raise UsageError(
            f"This hardgate was installed from '{folder}': {error.problem}", SOURCE_REMEDY
        ) from error


def _read_checkout_source(repository: Repository) -> HardgateSource:
    place = f"This hardgate was installed from the checkout '{repository.root}'"
    remotes = {
        name.split(".", 1)[1].removesuffix(".url"): url
        for name, url in repository.settings.items()
        if name.startswith("remote.") and name.endswith(".url")
    }
    usable = {name: _write_remote_url(url) for name, url in remotes.items()}
    for name in sorted(filter(usable.get, usable), key=lambda name: (name != "origin", name)):
        if repository.head and _has_commit(repository, name, repository.head):
            return _pin_remote(usable[name], repository)
    if not any(usable.values()):
        raise UsageError(f"{place}, which has no remote that others reach.", SOURCE_REMEDY)
    commit = (repository.head or "no commit")[:12]
    raise UsageError(
        f"{place}, whose commit {commit} is on no branch of a remote that others reach.",
        f"Push it (then 'git fetch'). Or: {SOURCE_REMEDY}",
    )


def _pin_remote(url: str, repository: Repository) -> HardgateSource:
    notes = []
    if repository.has_changes():
        notes.append(f"what is changed in '{repository.root}' and not committed is not part of it")
    if "ssh" in urlsplit(url).scheme:
        notes.append("it is reached by SSH, so that a CI job needs a key")
    notice = f"{PACKAGE} is installed from {url}: {'; '.join(notes)}." if notes else ""
    return HardgateSource(requirement=f"{PACKAGE} @ {url}@{repository.head}", notice=notice)


def _has_commit(repository: Repository, remote: str, commit: str) -> bool:
    """Tell whether one of the remote's branches, as last fetched, contains a commit."""
    pattern = f"refs/remotes/{remote}/"
    return bool(
        repository.read_text(
            "for-each-ref", "--format=%(refname)", f"--contains={commit}", pattern
        ).strip()
    )


def _write_remote_url(url: str) -> str:
    """Write a remote's address as pip takes it, without credentials; empty for a path."""
    short = _SCP_ADDRESS.fullmatch(url)
    if short and "://" not in url:
        return f"git+ssh://{short['user'] or ''}{short['host']}/{short['path'].lstrip('/')}"
    parts = urlsplit(url)
    local = parts.hostname in {None, "localhost", "::1"} or str(parts.hostname).startswith("127.")
    if parts.scheme not in {"https", "http", "ssh", "git"} or local:
        return ""
    return f"git+{_drop_credentials(url)}"


def _drop_credentials(url: str) -> str:
    """Leave a password or token out; the user of SSH is part of the address."""
    parts = urlsplit(url)
    return parts._replace(netloc=_bare_address(parts)).geturl()


def _bare_address(parts: SplitResult) -> str:
    userinfo, _, host = parts.netloc.rpartition("@")
    user = userinfo.partition(":")[0]
    return f"{user}@{host}" if user and "ssh" in parts.scheme else host


def hide_credentials(text: str) -> str:
    """Leave out who a URL is asked as, where a text is shown."""
    return re.sub(r"(?<=://)[^/@\s]+@", "…@", text)
