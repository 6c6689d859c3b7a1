"""Published examples and stand-ins, told from credentials. No example stands here as a whole."""

import base64
import random
import string

import pytest

from hardgate.pipeline.known_examples import (
    is_known_example,
    is_random,
    is_weak_password,
    measure_entropy,
)

EXAMPLES = {
    "AWS id": "AKIA" + "IOSFODNN7EXAMPLE",
    "AWS session id": "ASIA" + "IOSFODNN7EXAMPLE",
    "AWS secret": "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY",
    "GitHub": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "GitHub OAuth": "gho_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "Telegram": "110201543:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "Stripe": "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "Slack": "xoxb-17653672481-" + "19874698323-pdFZKVeTuE8sk7oOcBrzbqgy",
    "storage emulator": "AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlm"
    + "EtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0." + "a" * 43,
    "RFC 7617": "QWxhZGRpbjpvcGVu" + "IHNlc2FtZQ==",
}
PASSWORD = "k3Jx92m" + "QpZ7w"
STAND_INS = (
    *("ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "sk-your-openai-api-key", "YOUR_TOKEN_HERE"),
    *("<token>", "${TOKEN}", "$TOKEN", "{{ token }}", "sk-ant-example", "changeme-changeme"),
    *("postgres://user:password@db/app", "amqp://guest:guest@rabbitmq", "https://a:$TOKEN@git.a"),
    *(f"redis://:{PASSWORD}@localhost", f"https://bob:{PASSWORD}@api.example.org"),
    *(
        "postgres://app:{password}@db",
        "mysql://a:%PASS%@db",
        "https://a:DB_PASSWORD@db",
        "ftp://a:[pw]@b",
    ),
    *(
        "https://bob:S3cr3t-Passw0rd!@git.corp",
        "https://a:a%20secret@git.corp",
        "ftp://a:b9(k2mPq@foo",
    ),
    base64.b64encode(b"user:pass").decode(),
)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_published_examples_are_known(kind: str) -> None:
    assert is_known_example(EXAMPLES[kind])


@pytest.mark.parametrize("value", STAND_INS)
def test_what_stands_for_a_credential_is_known(value: str) -> None:
    assert is_known_example(value)


@pytest.mark.parametrize(
    "value",
    [
        f"postgres://app:{PASSWORD}@db.internal",
        "https://bob:" + "correct-horse-battery" + "@git.corp",
        base64.b64encode(f"admin:{PASSWORD}".encode()).decode(),
        "AKIA" + "IOSFODNN7EXAMPLF",
    ],
)
def test_a_credential_is_none(value: str) -> None:
    assert not is_known_example(value)


def test_of_many_drawn_tokens_none_is_taken_for_an_example() -> None:
    draw = random.Random(3)  # noqa: S311 - any letters will do
    letters = string.ascii_letters + string.digits + "-_"
    tokens = ("".join(draw.choices(letters, k=40)) for _ in range(20_000))
    assert not [token for token in tokens if is_known_example(token)]


def test_entropy_is_in_bits_for_each_character() -> None:
    assert measure_entropy("aaaa") == 0
    assert measure_entropy("abcd") == 2


@pytest.mark.parametrize(
    "value",
    [
        "getTokenFromRequestHeader",
        "my_service_account_token_v2",
        "0123456789abcdef0123456789abcdef",
        "/var/run/secrets/kubernetes.io/token1",
        "d9b2d63d-a233-4123-847a-0f5d1b2c3d4e",
        "BEARER_TOKEN_ENVIRONMENT_1",
        "sha256sum-of-the-file",
        "request.headers.authorization2",
        "XMLHttpRequestEventTarget",
        "DatabasePasswordProvider",
        "OAuthClientSecretFromEnv",
    ],
)
def test_a_name_is_not_random(value: str) -> None:
    assert not is_random(value)


def test_most_drawn_values_are_random() -> None:
    draw = random.Random(5)  # noqa: S311 - any letters will do
    for letters, least in ((string.ascii_letters + string.digits, 0.9), ("0123456789abcdef", 0.98)):
        drawn = ["".join(draw.choices(letters, k=32)) for _ in range(2000)]
        assert sum(map(is_random, drawn)) >= least * len(drawn)


@pytest.mark.parametrize(("length", "least"), [(16, 0.87), (18, 0.9), (20, 0.93), (24, 0.95)])
def test_short_drawn_passwords_are_random_though_they_have_few_digits(
    length: int, least: float
) -> None:
    draw = random.Random(6)  # noqa: S311 - any letters will do
    letters = string.ascii_letters + string.digits
    drawn = ["".join(draw.choices(letters, k=length)) for _ in range(2000)]
    assert sum(map(is_random, drawn)) >= least * len(drawn)


@pytest.mark.parametrize(
    "password", ["something", "correcthorse", "short", "Passw0rd!", "aaaaaaaa"]
)
def test_a_word_is_a_weak_password(password: str) -> None:
    assert is_weak_password(password)


@pytest.mark.parametrize("password", ["something7Kq2", "Somethingelse", "correct-horse-battery"])
def test_more_than_a_word_is_not(password: str) -> None:
    assert not is_weak_password(password)
