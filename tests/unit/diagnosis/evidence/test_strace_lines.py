"""Lines of `strace`, read."""

import pytest

from hardgate.diagnosis.evidence.strace_lines import (
    ProcessExit,
    SystemCall,
    decode_quoted,
    parse_strace_lines,
)


def read(*lines: str) -> list[SystemCall | ProcessExit]:
    return list(parse_strace_lines(lines))


def call(line: str) -> SystemCall:
    (event,) = read(line)
    assert isinstance(event, SystemCall)
    return event


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        ('"plain"', "plain"),
        (r'"a\nb\tc"', "a\nb\tc"),
        (r'"say \"no\""', 'say "no"'),
        (r'"back\\slash"', "back\\slash"),
        (r'"gr\303\274n"', "grün"),
        (r'"\0\0011"', "\0\x011"),
        (r'"\xff"', "\N{REPLACEMENT CHARACTER}"),
        ('""', ""),
        ('"the secret is abcdef"...', "the secret is …"),
        ('"abcdefabcdef"...', "…"),
    ],
)
def test_a_string_is_read_as_strace_quotes_it_and_a_cut_one_loses_its_broken_word(
    quoted: str, text: str
) -> None:
    assert decode_quoted(quoted) == text


@pytest.mark.parametrize(
    ("line", "number", "where", "data"),
    [
        ('7 write(2</dev/null<char 1:3>>, "no\\n", 3) = 3', 2, "/dev/null<char 1:3>", "no\n"),
        ('7 write(1<pipe:[516658]>, "x", 1) = 1', 1, "pipe:[516658]", "x"),
        (
            '7 sendto(5<TCP:[127.0.0.1:4000->127.0.0.1:80]>, "GET / HTTP/1.1\\r\\n", 16, 0, NULL,'
            " 0) = 16",
            5,
            "TCP:[127.0.0.1:4000->127.0.0.1:80]",
            "GET / HTTP/1.1\r\n",
        ),
        (
            '7 writev(2<pipe:[9]>, [{iov_base="ls: ", iov_len=4}, {iov_base="no", iov_len=2}], 2)'
            " = 6",
            2,
            "pipe:[9]",
            "ls: no",
        ),
        ('7 write(2, "gone", 4) = -1 EBADF (Bad file descriptor)', 2, "", "gone"),
        ('7 write(1</tmp/a b\\76>, "x", 1) = 1', 1, "/tmp/a b\\76", "x"),
    ],
)
def test_a_descriptor_is_read_with_what_it_is(
    line: str, number: int, where: str, data: str
) -> None:
    assert call(line).first_descriptor() == (number, where)
    assert call(line).transferred_text() == data


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('7 openat(AT_FDCWD</work>, "/nope", O_RDONLY) = -1 ENOENT (No such file)', "/nope"),
        ('7 openat(AT_FDCWD</work>, "../etc/x", O_RDONLY) = -1 ENOENT (No)', "/etc/x"),
        ('7 newfstatat(3</srv>, "x", 0x7ffd, 0) = -1 EACCES (Permission denied)', "/srv/x"),
        ('7 stat("/a", 0x7ffd) = -1 ENOENT (No such file or directory)', "/a"),
        (
            "7 setns(3<pid:1<tini>>, CLONE_NEWNS) = -1 EPERM (Operation not permitted)",
            "pid:1<tini>",
        ),
    ],
)
def test_a_path_is_made_absolute(line: str, path: str) -> None:
    assert call(line).path_argument() == path


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        (
            '{sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}, 16',
            "127.0.0.1:8080",
        ),
        (
            "{sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), "
            'inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28',
            "[::1]:443",
        ),
        ('{sa_family=AF_UNIX, sun_path="/var/run/docker.sock"}, 23', "/var/run/docker.sock"),
        ('{sa_family=AF_UNIX, sun_path=@"abstract"}, 23', "@abstract"),
        ("{sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12", ""),
    ],
)
def test_an_address_is_read(argument: str, address: str) -> None:
    assert call(f"7 connect(3<TCP:[1]>, {argument}) = 0").socket_address() == address


def test_a_call_in_two_halves_comes_as_begun_and_then_whole() -> None:
    begun, other, whole = read(
        '7 openat(AT_FDCWD</>, "/x", O_RDONLY <unfinished ...>',
        "8 exit_group(0) = ?",
        "7 <... openat resumed>)              = -1 ENOENT (No such file or directory)",
    )
    assert isinstance(begun, SystemCall)
    assert isinstance(whole, SystemCall)
    assert begun.unfinished
    assert not begun.succeeded
    assert (whole.unfinished, whole.errno, whole.path_argument()) == (False, "ENOENT", "/x")
    assert other.pid == 8


def test_the_data_of_a_call_that_reads_comes_with_its_second_half() -> None:
    *_, whole = read(
        "7 recvfrom(5<TCP:[1]>,  <unfinished ...>",
        '7 <... recvfrom resumed>"HTTP/1.0 401 Unauthorized\\r\\n", 100, 0, NULL, NULL) = 27',
    )
    assert isinstance(whole, SystemCall)
    assert whole.transferred_text() == "HTTP/1.0 401 Unauthorized\r\n"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("7 +++ exited with 7 +++", 7),
        ("7 +++ killed by SIGKILL +++", 137),
        ("7 +++ killed by SIGSEGV (core dumped) +++", 139),
    ],
)
def test_an_end_is_read_as_a_shell_would_tell_it(line: str, status: int) -> None:
    assert read(line) == [ProcessExit(pid=7, status=status)]


@pytest.mark.parametrize(
    ("line", "child"),
    [
        ("7 vfork() = 12", 12),
        ("7 clone(child_stack=NULL, flags=SIGCHLD) = 3 /* 4711 in strace's PID NS */", 4711),
        ("7 fork() = -1 EAGAIN (Resource temporarily unavailable)", 0),
    ],
)
def test_a_child_is_known_by_the_number_that_its_own_lines_begin_with(
    line: str, child: int
) -> None:
    assert call(line).child_pid == child


def test_the_arguments_of_a_program_are_read() -> None:
    line = '7 execve("/usr/bin/curl", ["curl", "-H", "a: \\"b]\\""], 0x7ffc /* 5 vars */) = 0'
    assert call(line).string_list_argument() == ["curl", "-H", 'a: "b]"']


@pytest.mark.parametrize(
    "line",
    [
        "",
        "strace: Process 12 attached",
        "--- SIGCHLD {si_signo=SIGCHLD} ---",
        "7 --- SIGCHLD {si_signo=SIGCHLD} ---",
        "7 <... openat resumed>) = 3",
        "7 write(1<pi",
        "[ Process PID=7 runs in 32 bit mode. ]",
    ],
)
def test_what_cannot_be_read_is_left_out(line: str) -> None:
    assert read(line) == []
