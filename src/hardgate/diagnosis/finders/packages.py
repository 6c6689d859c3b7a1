"""Which package brings a command, and how this image installs one."""

from collections.abc import Mapping

INSTALL_COMMANDS: Mapping[str, str] = {
    "apt-get": "apt-get update && apt-get install -y --no-install-recommends {package}",
    "apk": "apk add --no-cache {package}",
    "dnf": "dnf install -y {package}",
    "microdnf": "microdnf install -y {package}",
    "yum": "yum install -y {package}",
    "zypper": "zypper --non-interactive install {package}",
    "pacman": "pacman -S --noconfirm {package}",
}

_RPM_MANAGERS = frozenset({"dnf", "microdnf", "yum", "zypper"})
_RPM_PACKAGES = {
    "ss": "iproute",
    "ip": "iproute",
    "ps": "procps-ng",
    "pgrep": "procps-ng",
    "sysctl": "procps-ng",
    "ping": "iputils",
    "dig": "bind-utils",
    "nslookup": "bind-utils",
    "host": "bind-utils",
    "nc": "nmap-ncat",
    "capsh": "libcap",
    "getpcaps": "libcap",
    "xxd": "vim-common",
    "ssh": "openssh-clients",
    "python3": "python3",
    "mount": "util-linux",
}
_ALPINE_PACKAGES = {
    "ss": "iproute2",
    "ip": "iproute2",
    "ps": "procps",
    "ping": "iputils",
    "dig": "bind-tools",
    "nslookup": "bind-tools",
    "host": "bind-tools",
    "capsh": "libcap-utils",
    "getpcaps": "libcap-utils",
    "xxd": "xxd",
    "ssh": "openssh-client",
    "python3": "python3",
    "mount": "util-linux",
    "docker": "docker-cli",
}


def describe_installation(manager: str, program: str, debian_package: str) -> str:
    """Say how this image gets a program; empty where its package manager is not known."""
    command = INSTALL_COMMANDS.get(manager)
    if command is None:
        return ""
    package = debian_package or program
    if manager in _RPM_MANAGERS:
        package = _RPM_PACKAGES.get(program, package)
    elif manager == "apk":
        package = _ALPINE_PACKAGES.get(program, package)
    return f": 'RUN {command.format(package=package)}'"
