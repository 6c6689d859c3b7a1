"""The files that a service runs with, told by their hashes."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def describe_files(files: Iterable[str]) -> str:
    """Write hashes and paths as `sha256sum` does."""
    return "".join(f"{_hash_file(Path(file))}  {file}\n" for file in files)


def _hash_file(path: Path) -> str:
    sum_ = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sum_.update(block)
    return sum_.hexdigest()
