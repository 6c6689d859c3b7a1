"""A second look's trace: what was thrown away, who ran, what failed."""

import pytest

from hardgate.diagnosis.evidence.strace import (
    MAX_ENTRIES,
    MAX_TEXT_CHARS,
    StreamNames,
    Trace,
    elide_middle,
    parse_strace,
    truncate_text,
)
from hardgate.model.observation import DiscardedOutput, FailedCall, HttpExchange

STREAMS = StreamNames(stdout="pipe:[1]", stderr="pipe:[2]")
NULL = "/dev/null<char 1:3>"
BEGIN = ('10 execve("/usr/bin/sh", ["sh", "-xc", "script"], 0x7f /* 5 vars */) = 0',)


def trace(*lines: str) -> Trace:
    return parse_strace((*BEGIN, *lines), STREAMS)


def start(pid: int, *words: str, parent: int = 10) -> tuple[str, ...]:
    quoted = ", ".join(f'"{word}"' for word in words)
    return (
        f"{parent} vfork( <unfinished ...>",
        f'{pid} execve("/usr/bin/{words[0]}", [{quoted}], 0x7f /* 5 vars */ <unfinished ...>',
        f"{parent} <... vfork resumed>)           = {pid}",
        f"{pid} <... execve resumed>)        = 0",
    )


def texts(seen: Trace) -> list[tuple[str, int, str, str]]:
    return [(one.program, one.fd, one.target, one.text) for one in seen.discarded]


def test_what_a_program_writes_to_the_void_is_put_together_with_who_wrote_it() -> None:
    seen = trace(
        *start(20, "ls", "/zzz"),
        f'20 write(2<{NULL}>, "ls: ", 4) = 4',
        f'20 write(2<{NULL}>, "cannot access", 13 <unfinished ...>',
        "20 <... write resumed>)                 = 13",
        f'20 write(2<{NULL}>, "\\n", 1) = 1',
        "20 +++ exited with 2 +++",
    )
    assert seen.discarded == (
        DiscardedOutput(program="ls", command="ls /zzz", fd=2, text="ls: cannot access"),
    )
    assert [(one.program, one.exit_status) for one in seen.commands] == [("ls", 2)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f'20 write(5<{NULL}>, "body", 4) = 4', ("ls", 5, "/dev/null", "body")),
        ('20 write(2, "no", 2) = -1 EBADF (Bad file descriptor)', ("ls", 2, "closed", "no")),
        ('20 write(1<pipe:[77]>, "0\\n", 2) = 2', ("ls", 1, "pipe", "0")),
        ('20 write(1</tmp/out>, "no", 2) = 2', ("ls", 1, "/tmp/out", "no")),
        (
            f'20 writev(2<{NULL}>, [{{iov_base="a", iov_len=1}}, {{iov_base="b", iov_len=1}}], 2)'
            " = 2",
            ("ls", 2, "/dev/null", "ab"),
        ),
    ],
)
def test_every_way_to_throw_output_away_is_seen(line: str, told: tuple[str, int, str, str]) -> None:
    assert texts(trace(*start(20, "ls"), line)) == [told]


@pytest.mark.parametrize(
    "line",
    [
        '20 write(1<pipe:[1]>, "seen", 4) = 4',
        '20 write(2<pipe:[2]>, "seen", 4) = 4',
        '20 write(4<pipe:[77]>, "\\21", 1) = 1',
        '20 write(7</etc/x>, "made", 4) = 4',
        f'20 write(1<{NULL}>, "\\0\\0\\n", 3) = 3',
        '20 write(2<pipe:[2]>, "x", 1) = -1 EPIPE (Broken pipe)',
    ],
)
def test_what_somebody_reads_or_nobody_would_is_not_told(line: str) -> None:
    assert trace(*start(20, "ls"), line).discarded == ()


def test_two_programs_of_one_name_are_told_apart_and_a_fork_writes_as_its_parent() -> None:
    seen = trace(
        *start(20, "sudo", "true"),
        "20 clone(child_stack=NULL, flags=SIGCHLD) = 3 /* 21 in strace's PID NS */",
        f'21 write(2<{NULL}>, "child", 5) = 5',
        *start(30, "sudo", "false"),
        f'30 write(2<{NULL}>, "other", 5) = 5',
    )
    assert [(one.command, one.text) for one in seen.discarded] == [
        ("sudo true", "child"),
        ("sudo false", "other"),
    ]


def test_a_program_that_becomes_another_leaves_its_exit_status_to_that_one() -> None:
    seen = trace(
        *start(20, "nsenter", "sh"),
        '20 execve("/bin/sh", ["sh"], 0x7f /* 5 vars */) = 0',
        "20 +++ exited with 1 +++",
        *start(30, "sleep", "9"),
    )
    told = [(one.program, one.exit_status) for one in seen.commands]
    assert told == [("nsenter", None), ("sh", 1), ("sleep", None)]
    assert seen.alive == (10, 30)


def test_a_search_along_path_is_one_failure_and_none_where_it_finds() -> None:
    seen = trace(
        '10 newfstatat(AT_FDCWD</>, "/usr/bin/nosuch", 0x7f, 0) = -1 ENOENT (No such file)',
        '10 newfstatat(AT_FDCWD</>, "/bin/nosuch", 0x7f, 0) = -1 ENOENT (No such file)',
        '10 newfstatat(AT_FDCWD</>, "/usr/local/bin/ls", 0x7f, 0) = -1 ENOENT (No such file)',
        '10 newfstatat(AT_FDCWD</>, "/usr/bin/ls", {st_mode=S_IFREG|0755}, 0) = 0',
    )
    assert seen.failures == (
        FailedCall(program="sh", call="execve", target="nosuch", errno="ENOENT"),
    )


def test_a_connection_that_is_refused_later_is_told_with_its_address() -> None:
    seen = trace(
        *start(20, "curl"),
        "20 connect(4<TCP:[9]>, {sa_family=AF_INET, sin_port=htons(9), "
        'sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS (Operation now in progress)',
        "20 getsockopt(4<TCP:[9]>, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0",
    )
    assert seen.failures == (
        FailedCall(program="curl", call="connect", target="127.0.0.1:9", errno="ECONNREFUSED"),
    )


@pytest.mark.parametrize(
    "path",
    [
        "/etc/ld.so.preload",
        "/usr/lib/locale/C.UTF-8/LC_ALL",
        "/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libc.so.6",
        "/agent-home/.curlrc",
        "/var/run/nscd/socket",
        "/etc/selinux/config",
        "/usr/libexec/docker/cli-plugins",
    ],
)
def test_what_programs_try_on_their_way_is_not_told(path: str) -> None:
    line = f'10 openat(AT_FDCWD</>, "{path}", O_RDONLY) = -1 ENOENT (No such file)'
    assert trace(line).failures == ()


@pytest.mark.parametrize(
    "path",
    ["/nope", "/configs/.auth_token", "/etc/ssl/certs/ca-certificates.crt", "/run/docker.sock"],
)
def test_what_may_decide_is_told_once(path: str) -> None:
    line = f'10 openat(AT_FDCWD</>, "{path}", O_RDONLY) = -1 EACCES (Permission denied)'
    assert [one.target for one in trace(line, line).failures] == [path]


def test_what_fails_behind_nsenter_is_told_to_be_elsewhere() -> None:
    seen = trace(
        *start(20, "nsenter"),
        "20 setns(3<pid:1<tini>>, CLONE_NEWNS|CLONE_NEWPID) = 0",
        *start(21, "cat", parent=20),
        '21 openat(AT_FDCWD</>, "/nope", O_RDONLY) = -1 ENOENT (No such file)',
        '10 openat(AT_FDCWD</>, "/here", O_RDONLY) = -1 ENOENT (No such file)',
    )
    assert [(one.target, one.elsewhere) for one in seen.failures] == [
        ("/nope", True),
        ("/here", False),
    ]


def test_requests_and_answers_in_clear_are_told_without_their_headers() -> None:
    seen = trace(
        *start(20, "curl"),
        '20 sendto(5<TCP:[1]>, "GET /x HTTP/1.1\\r\\nAuthorization: Bearer abc\\r\\n", 44, 0, NULL,'
        " 0) = 44",
        "20 recvfrom(5<TCP:[1]>, 0x7f, 100, 0, NULL, NULL) = -1 EAGAIN (Again)",
        '20 recvfrom(5<TCP:[1]>, "HTTP/1.0 401 Unauthorized\\r\\nServer: x\\r\\n", 100, 0, NULL,'
        " NULL) = 40",
    )
    assert seen.exchanges == (
        HttpExchange(program="curl", request="GET /x HTTP/1.1", answer="HTTP/1.0 401 Unauthorized"),
    )


RECORD = ('"+ "', '"ls"', '" /zzz"', '"\\n"')


def test_what_the_shell_tells_into_the_void_is_part_of_its_trace_and_not_discarded() -> None:
    seen = trace(
        '10 write(2<pipe:[2]>, "+ exec\\n", 7) = 7',
        *(f"10 write(2<{NULL}>, {piece}, 2) = 2" for piece in RECORD),
        f'10 write(2<{NULL}>, "sh: 1: gone\\n", 12) = 12',
    )
    assert seen.stderr == "+ exec\n+ ls /zzz\n"
    assert texts(seen) == [("sh", 2, "/dev/null", "sh: 1: gone")]
    assert not seen.piped


def test_what_the_shell_tells_into_the_probes_own_pipe_is_said() -> None:
    seen = trace('10 write(2<pipe:[77]>, "+ id\\n", 5) = 5')
    assert seen.piped
    assert seen.discarded == ()


def test_two_shells_that_tell_at_once_are_put_in_order() -> None:
    lines = [f"{pid} write(2<pipe:[2]>, {piece}, 2) = 2" for piece in RECORD for pid in (10, 11)]
    seen = trace("10 clone(child_stack=NULL, flags=SIGCHLD) = 11", *lines)
    assert seen.stderr == "+ ls /zzz\n+ ls /zzz\n"


def test_the_stream_itself_is_taken_where_it_is_in_order() -> None:
    lines = [f"10 write(2<pipe:[2]>, {piece}, 2) = 2" for piece in RECORD]
    assert trace(*lines).stderr == ""


def test_a_flood_is_bounded_and_keeps_its_end() -> None:
    flood = [f'20 write(1<{NULL}>, "{"x " * 500}", 1000) = 1000'] * 1000
    seen = trace(*start(20, "yes"), *flood, f'20 write(1<{NULL}>, "at last", 7) = 7')
    (told,) = seen.discarded
    assert len(told.text) <= MAX_TEXT_CHARS + 2
    assert told.text.endswith("at last")


def test_only_the_last_of_many_are_kept() -> None:
    lines = [
        f'10 openat(AT_FDCWD</>, "/x{number}", O_RDONLY) = -1 ENOENT (No such file)'
        for number in range(100)
    ]
    failures = trace(*lines).failures
    assert len(failures) == MAX_ENTRIES
    assert failures[-1].target == "/x99"


def test_a_cut_never_leaves_a_part_of_a_word() -> None:
    secret = "s3cr3t" * 10
    assert truncate_text(f"the token is {secret}", 40) == "the token is …"
    for before in range(60):
        told = elide_middle(f"{'a ' * before}{secret}{' b' * (130 - before)}", 240)
        assert secret in told or "3" not in told
    assert elide_middle("short", 240) == "short"


def test_an_empty_trace_tells_nothing() -> None:
    assert parse_strace((), STREAMS) == Trace()
