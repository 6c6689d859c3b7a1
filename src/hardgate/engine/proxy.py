"""The machine's proxies, for what runs on its behalf."""

import os
from collections.abc import Mapping

PROXY_VARIABLES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")


def read_proxy_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give the proxies that are set, under both spellings that programs read."""
    proxies = {
        name: environ.get(name) or environ.get(name.upper(), "")
        for name in PROXY_VARIABLES
        if environ.get(name) or environ.get(name.upper())
    }
    return proxies | {name.upper(): value for name, value in proxies.items()}
