"""What a probe talks about, found by shape."""

import pytest

from hardgate.diagnosis.evidence.mentions import find_named_commands, find_named_paths, find_topics


@pytest.mark.parametrize(
    ("script", "paths"),
    [
        ("[ -d /agent-home ]", ["/agent-home"]),
        ('test -O "/configs/.auth_token"', ["/configs/.auth_token"]),
        ("cat </etc/passwd >/dev/null 2>/tmp/x", ["/etc/passwd", "/tmp/x"]),
        ("ls /workspace/", ["/workspace"]),
        ("docker -H unix:///var/run/docker.sock ps", ["/var/run/docker.sock"]),
        ("docker run -v /:/host -v /srv:/data x", ["/host", "/srv", "/data"]),
        ("curl http://127.0.0.1:8080/list_peers https://a.b/c", []),
        ("sed 's/a/b/' x; echo $HOME/.x ${A}/b $(pwd)/c", []),
        ("readlink /proc/1/ns/mnt; /bin/sh -c true; date +%Y/%m", []),
        ("[ -e /a ] || [ -e /a ]", ["/a"]),
    ],
)
def test_absolute_paths_are_found(script: str, paths: list[str]) -> None:
    assert list(find_named_paths([script])) == paths


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("curl -s x | grep -q y && jq .", ["curl", "grep", "jq"]),
        ("sudo -n nsenter -t 1 -m -- sh -c 'ls /x'", ["sudo", "nsenter", "sh"]),
        ('x=$(id -u); [ "$x" = 0 ] || exit 1', ["id"]),
        ("if ! command -v docker >/dev/null; then exit 1; fi", ["command", "docker"]),
        ("fail() { echo no; exit 1; }\nfail || true", []),
        ("A=b timeout 5 wget -q x", ["timeout", "wget"]),
        ("# curl is not run\nstat -c %u /x", ["stat"]),
        ("for x in curl wget; do echo $x; done", []),
        ('test "$(curl -w "%{http_code}" x)" = 200', ["curl"]),
    ],
)
def test_commands_are_found_without_the_shells_own(script: str, commands: list[str]) -> None:
    assert list(find_named_commands(script)) == commands


@pytest.mark.parametrize(
    ("script", "there", "not_there"),
    [
        ("[ -d /nope ]", set(), {"socket", "listening", "token", "processes", "egress"}),
        ("docker ps", {"socket", "engine_api"}, {"token", "egress", "listening"}),
        (
            "curl -s http://127.0.0.1:8080/list_peers",
            {"listening", "token", "log_tail"},
            {"socket"},
        ),
        ("curl -sf $MOLECULE_T4_EGRESS_TARGETS", {"egress", "listening"}, {"token", "log_tail"}),
        ("sudo -n nsenter -t 1 -m true", {"namespaces", "capabilities", "passwd"}, {"token"}),
        ('[ "$(id -u)" = 1000 ]', {"passwd", "processes"}, {"token", "socket", "egress"}),
    ],
)
def test_only_what_belongs_to_a_miss_is_looked_at(
    script: str, there: set[str], not_there: set[str]
) -> None:
    matters = find_topics([script])
    assert there <= matters
    assert not not_there & matters
