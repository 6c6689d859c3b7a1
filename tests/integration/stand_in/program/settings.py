"""The configuration file of Gitea's and Forgejo's runner, with known keys only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import yaml
from .refusal import Refusal

SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
COMMON: Mapping[str, Mapping[str, str]] = {
    "log": {"level": "text"},
    "runner": {
        "file": "text",
        "capacity": "number",
        "envs": "mapping",
        "env_file": "text",
        "timeout": "duration",
        "shutdown_timeout": "duration",
        "insecure": "truth",
        "fetch_timeout": "duration",
        "fetch_interval": "duration",
        "labels": "list",
    },
    "cache": {
        "enabled": "truth",
        "dir": "text",
        "host": "text",
        "port": "number",
        "external_server": "text",
    },
    "container": {
        "network": "text",
        "privileged": "truth",
        "options": "text",
        "workdir_parent": "text",
        "valid_volumes": "list",
        "docker_host": "text",
        "force_pull": "truth",
        "force_rebuild": "truth",
    },
    "host": {"workdir_parent": "text"},
}
MORE: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "act_runner": {},
    "gitea-runner": {
        "log": {"job": "mapping"},
        "runner": {
            "fetch_interval_max": "duration",
            "log_report_interval": "duration",
            "state_report_interval": "duration",
            "report_close_timeout": "duration",
            "workdir_cleanup_age": "duration",
            "idle_cleanup_interval": "duration",
        },
        "cache": {"external_secret": "text", "external_secret_file": "text"},
        "container": {"require_docker": "truth", "docker_timeout": "duration"},
        "metrics": {"enabled": "truth", "addr": "text"},
        "health_check": {"enabled": "truth", "min_free_disk_space_mb": "number"},
    },
    "forgejo-runner": {
        "log": {"job_level": "text"},
        "runner": {"report_interval": "duration", "report_retry": "mapping"},
        "cache": {"secret": "text", "proxy_port": "number", "actions_cache_url_override": "text"},
        "container": {"enable_ipv6": "truth"},
    },
}
KINDS: Mapping[str, type] = {
    "text": str,
    "number": int,
    "truth": bool,
    "list": list,
    "mapping": dict,
}


@dataclass(frozen=True)
class Settings:
    """What the stand-in heeds of a configuration."""

    file: Path
    capacity: int
    envs: Mapping[str, str]
    timeout: float
    shutdown_timeout: float
    fetch_interval: float
    labels: tuple[str, ...]
    workdir_parent: Path


def read_settings(path: str, program: str) -> Settings:
    """Read a configuration; a key that the program does not know is refused."""
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise Refusal(f'open config file "{path}": {error.strerror}') from error
    told = yaml.load(text) or {}
    _refuse_unknown(told, program)
    runner = told.get("runner") or {}
    parent = (told.get("host") or {}).get("workdir_parent")
    return Settings(
        file=Path(runner.get("file") or ".runner"),
        capacity=max(1, runner.get("capacity") or 1),
        envs={key: str(value) for key, value in (runner.get("envs") or {}).items()},
        timeout=seconds(runner.get("timeout")) or 3 * 3600,
        shutdown_timeout=seconds(runner.get("shutdown_timeout")),
        fetch_interval=seconds(runner.get("fetch_interval")) or 2,
        labels=tuple(runner.get("labels") or ()),
        workdir_parent=Path(parent) if parent else Path.home() / ".cache" / "act",
    )


def seconds(text: Any) -> float:
    """Read a duration as Go writes it; nothing is none."""
    if text in (None, 0):
        return 0.0
    parts = DURATION.findall(str(text))
    if "".join(number + unit for number, unit in parts) != str(text):
        raise Refusal(f'time: invalid duration "{text}"')
    return float(sum(float(number) * SECONDS[unit] for number, unit in parts))


def _refuse_unknown(told: Mapping[str, Any], program: str) -> None:
    known = {
        section: {**COMMON.get(section, {}), **MORE[program].get(section, {})}
        for section in (*COMMON, *MORE[program])
    }
    for section, values in told.items():
        if section not in known:
            raise Refusal(f"field {section} not found in the configuration")
        for key, value in (values or {}).items():
            if key not in known[section]:
                raise Refusal(f"field {section}.{key} not found in the configuration")
            kind = known[section][key]
            if kind == "duration":
                seconds(value)
            elif value is not None and type(value) is not KINDS[kind]:
                raise Refusal(f"cannot unmarshal {section}.{key}: it is not a {kind}")
