"""The machine's proxies, as programs read them."""

import pytest

from hardgate.engine.proxy import read_proxy_environment


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {}),
        ({"HTTP_PROXY": "http://p"}, {"http_proxy": "http://p", "HTTP_PROXY": "http://p"}),
        ({"no_proxy": "a,b"}, {"no_proxy": "a,b", "NO_PROXY": "a,b"}),
        ({"http_proxy": ""}, {}),
    ],
)
def test_a_proxy_is_given_under_both_spellings(
    environ: dict[str, str], expected: dict[str, str]
) -> None:
    assert read_proxy_environment(environ) == expected
