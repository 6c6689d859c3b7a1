"""A build that failed for what an engine or a client lacks, in real ones' words."""

import pytest

from hardgate.engine.build_failure import BuildFailure, explain_build_failure
from hardgate.engine.build_way import BuildClient

FRONTEND = "failed to solve with frontend dockerfile.v0: failed to create LLB definition: "
HEREDOC = "FROM a\nRUN <<EOF\necho hi\nEOF\n"


def explain(output: str, dockerfile: str, client: BuildClient) -> str:
    found = explain_build_failure(
        BuildFailure(output=output, dockerfile=dockerfile, engine_version="20.10.24", client=client)
    )
    return f"{found.problem} {found.remedy}" if found else ""


@pytest.mark.parametrize(
    ("output", "dockerfile", "client", "parts"),
    [
        (
            FRONTEND + "dockerfile parse error line 3: unknown instruction: ECHO",
            HEREDOC,
            BuildClient.BUILTIN,
            ("here-document", "Docker Engine 20.10.24", "Docker Engine 23.0 and later", "# syntax"),
        ),
        (
            "ERROR: failed to solve: rpc error: code = Unknown desc = " + FRONTEND + "dockerfile "
            "parse error line 3: unknown instruction: ECHO",
            "FROM a\nCOPY <<-'EOF' /x\necho hi\nEOF\n",
            BuildClient.BUILDX,
            ("here-document", "Docker Engine 23.0 and later"),
        ),
        (
            "dockerfile parse error line 3: unknown instruction: ECHO",
            HEREDOC,
            BuildClient.CLASSIC,
            ("the classic builder does not know", "23.0", "Install 'docker-buildx'"),
        ),
        (
            FRONTEND + "dockerfile parse error line 2: Unknown flag: link",
            "FROM a\nCOPY --link s /s\n",
            BuildClient.BUILTIN,
            ("'--link'", "Docker Engine 23.0 and later"),
        ),
        (
            FRONTEND + "dockerfile parse error line 2: Unknown flag: checksum",
            "FROM a\nADD --checksum=sha256:0 http://x/y /\n",
            BuildClient.BUILDX,
            ("'--checksum'", "Docker Engine 25.0 and later"),
        ),
        (
            FRONTEND + "dockerfile parse error line 2: Unknown flag: novelty",
            "FROM a\nADD --novelty x /\n",
            BuildClient.BUILTIN,
            ("'--novelty'", "A newer Docker Engine may have it"),
        ),
        (
            "the --mount option requires BuildKit. Refer to the documentation",
            "FROM a\nRUN --mount=type=cache,target=/x true\n",
            BuildClient.CLASSIC,
            ("'--mount'", "needs BuildKit", "Install 'docker-buildx'"),
        ),
        (
            "#3 resolve image config for the.registry/docker/dockerfile:1\n#3 ERROR: failed to do "
            "request: no such host\nfailed to solve with frontend dockerfile.v0: failed to solve "
            "with frontend gateway.v0: failed to do request",
            "# syntax=docker/dockerfile:1\n" + HEREDOC,
            BuildClient.BUILTIN,
            ("'docker/dockerfile:1'", "Leave the line '# syntax=…' out"),
        ),
    ],
)
def test_what_is_lacking_is_named_with_the_version_that_has_it(
    output: str, dockerfile: str, client: BuildClient, parts: tuple[str, ...]
) -> None:
    explained = explain(output, dockerfile, client)
    assert [part for part in parts if part not in explained] == []


@pytest.mark.parametrize(
    ("output", "dockerfile"),
    [
        ("dockerfile parse error line 3: unknown instruction: ECHO", "FROM a\nECHO <<EOF\n"),
        ("The command '/bin/sh -c false' returned a non-zero code: 1", HEREDOC),
        ("E: Unable to locate package nonsuch", "# syntax=docker/dockerfile:1\nFROM a\n"),
        ("", ""),
    ],
)
def test_other_failures_are_left_to_the_builders_own_words(output: str, dockerfile: str) -> None:
    assert explain(output, dockerfile, BuildClient.BUILTIN) == ""
