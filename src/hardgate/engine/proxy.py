"""The machine's proxies, for what runs on its behalf."""

import os
from collections.abc import Mapping

NAMES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")


def proxy_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give the proxies that are set, under both spellings that programs read."""
    seen = {
        name: environ.get(name) or environ.get(name.upper(), "")
        for name in NAMES
        if environ.get(name) or environ.get(name.upper())
    }
    return seen | {name.upper(): value for name, value in seen.items()}
