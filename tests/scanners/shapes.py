"""Made-up credentials of the right shape, made anew at each run: no file of this project has one.

What a vendor checks by itself (GitHub's CRC, a key's framing) is right in them; nothing else is.
"""

import base64
import json
import os
import random
import string
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

WORD = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
URL = WORD + "-_"
BASE64 = WORD + "+/"
BASE32 = string.ascii_uppercase + "234567"
CHANCE = random.Random()  # noqa: S311 - what is drawn is nobody's secret
"""A test seeds it, so that chance decides nothing."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A kind of credential."""

    make: Callable[[], str]
    variable: str = ""
    """The name that makes it one, for a kind that looks like any other word."""


def draw(letters: str, number: int) -> str:
    """Draw characters; random enough for a scanner's measure of entropy."""
    return "".join(CHANCE.choices(letters, k=number))


def make_github_token(prefix: str) -> str:
    """End in the CRC that GitHub's tokens end in."""
    body = draw(WORD, 30)
    rest, digits = zlib.crc32(body.encode()), ""
    while rest:
        rest, digit = divmod(rest, 62)
        digits = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[digit] + digits
    return f"{prefix}_{body}{digits.rjust(6, '0')}"


def make_pem(kind: str, lines: int) -> str:
    """Frame some bytes as a private key."""
    body = [base64.b64encode(os.urandom(48)).decode() for _ in range(lines)]
    title = f"{kind} PRIVATE KEY".strip()
    return "\n".join([f"-----BEGIN {title}-----", *body, f"-----END {title}-----"])


def make_pgp_key() -> str:
    body = [base64.b64encode(os.urandom(48)).decode() for _ in range(20)]
    title = "PGP PRIVATE KEY " + "BLOCK"
    return "\n".join([f"-----BEGIN {title}-----", "", *body, f"-----END {title}-----"])


def encode_url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def make_jwt() -> str:
    header = encode_url(b'{"alg":"HS256","typ":"JWT"}')
    claims = encode_url(json.dumps({"sub": draw(HEX, 12), "iat": 1_700_000_000}).encode())
    return f"{header}.{claims}.{encode_url(os.urandom(32))}"


def prefixed(prefix: str, letters: str, number: int, end: str = "") -> Shape:
    return Shape(make=lambda: f"{prefix}{draw(letters, number)}{end}")


def named(variable: str, letters: str, number: int, prefix: str = "") -> Shape:
    return Shape(make=lambda: f"{prefix}{draw(letters, number)}", variable=variable)


FORGES: Mapping[str, Shape] = {
    "GitHub personal": Shape(make=lambda: make_github_token("ghp")),
    "GitHub OAuth": Shape(make=lambda: make_github_token("gho")),
    "GitHub server": Shape(make=lambda: make_github_token("ghs")),
    "GitHub user": Shape(make=lambda: make_github_token("ghu")),
    "GitHub refresh": prefixed("ghr_", WORD, 76),
    "GitHub fine-grained": Shape(make=lambda: f"github_pat_{draw(WORD, 22)}_{draw(WORD, 59)}"),
    "GitLab personal": prefixed("glpat-", URL, 20),
    "GitLab deploy": prefixed("gldt-", URL, 20),
    "GitLab runner": prefixed("glrt-", URL, 20),
    "GitLab trigger": prefixed("glptt-", HEX, 40),
    "Gitea": named("GITEA_TOKEN", HEX, 40),
    "Forgejo": named("FORGEJO_TOKEN", HEX, 40),
    "Authorization: token": Shape(make=lambda: f"Authorization: token {draw(HEX, 40)}"),
    "Bitbucket app": Shape(make=lambda: f"ATBB{draw(WORD, 24)}{draw(HEX.upper(), 8)}"),
}
PACKAGES: Mapping[str, Shape] = {
    "npm": prefixed("npm_", WORD, 36),
    "npmrc": Shape(make=lambda: f"//registry.example.org/:_authToken={uuid.uuid4()}"),
    "PyPI": Shape(make=lambda: "pypi-" + "AgEIcHlwaS5vcmc" + draw(URL, 160)),
    "RubyGems": prefixed("rubygems_", HEX, 48),
    "crates.io": prefixed("cio", WORD, 32),
    "NuGet": prefixed("oy2", LOWER, 43),
    "Docker Hub": prefixed("dckr_pat_", URL, 27),
}
MODELS: Mapping[str, Shape] = {
    "OpenAI project": Shape(make=lambda: f"sk-proj-{draw(URL, 74)}T3BlbkFJ{draw(URL, 74)}"),
    "OpenAI legacy": Shape(make=lambda: f"sk-{draw(WORD, 20)}T3BlbkFJ{draw(WORD, 20)}"),
    "OpenAI service": Shape(make=lambda: f"sk-svcacct-{draw(URL, 74)}T3BlbkFJ{draw(URL, 74)}"),
    "Anthropic": prefixed("sk-ant-api03-", URL, 93, "AA"),
    "Anthropic OAuth": prefixed("sk-ant-oat01-", URL, 93, "AA"),
    "Google": prefixed("AIza", URL, 35),
    "Hugging Face": prefixed("hf_", string.ascii_letters, 34),
    "Groq": prefixed("gsk_", WORD, 52),
    "Replicate": prefixed("r8_", WORD, 37),
    "xAI": prefixed("xai-", WORD, 80),
    "Perplexity": prefixed("pplx-", WORD, 48),
    "OpenRouter": prefixed("sk-or-v1-", HEX, 64),
    "DeepSeek": named("DEEPSEEK_API_KEY", HEX, 32, "sk-"),
    "Mistral": named("MISTRAL_API_KEY", WORD, 32),
    "Cohere": named("COHERE_API_KEY", WORD, 40),
    "MiniMax": named("MINIMAX_API_KEY", URL, 80, "sk-cp-"),
    "Moonshot": named("MOONSHOT_API_KEY", WORD, 48, "sk-"),
}
CLOUDS: Mapping[str, Shape] = {
    "AWS id": prefixed("AKIA", BASE32, 16),
    "AWS session id": prefixed("ASIA", BASE32, 16),
    "AWS secret": named("AWS_SECRET_ACCESS_KEY", BASE64, 40),
    "Azure storage": Shape(
        make=lambda: (
            f"DefaultEndpointsProtocol=https;AccountName={draw(LOWER, 10)};"
            f"AccountKey={base64.b64encode(os.urandom(64)).decode()};"
        )
    ),
    "Azure application": named("AZURE_CLIENT_SECRET", WORD, 34, f"{draw(WORD, 3)}8Q~"),
    "Google OAuth": prefixed("GOCSPX-", URL, 28),
    "DigitalOcean": prefixed("dop_v1_", HEX, 64),
    "Heroku": prefixed("HRKU-AA", URL, 58),
    "Cloudflare": named("CLOUDFLARE_API_TOKEN", URL, 40),
    "Alibaba": prefixed("LTAI", WORD, 20),
    "Terraform": Shape(make=lambda: f"{draw(WORD, 14)}.atlasv1.{draw(URL, 64)}"),
    "Vault": prefixed("hvs.", URL, 95),
    "Pulumi": prefixed("pul-", HEX, 40),
    "Doppler": prefixed("dp.pt.", WORD, 43),
    "Databricks": prefixed("dapi", HEX, 32),
    "Supabase": prefixed("sbp_", HEX, 40),
    "PlanetScale": prefixed("pscale_tkn_", URL, 43),
    "Tailscale": Shape(make=lambda: f"tskey-auth-{draw(WORD, 17)}-{draw(WORD, 32)}"),
}
SERVICES: Mapping[str, Shape] = {
    "Stripe": prefixed("sk_live_", WORD, 24),
    "Stripe restricted": prefixed("rk_live_", WORD, 24),
    "Shopify": prefixed("shpat_", HEX, 32),
    "Twilio": Shape(make=lambda: f"SK{draw(HEX, 32)}", variable="TWILIO_API_KEY"),
    "SendGrid": Shape(make=lambda: f"SG.{draw(URL, 22)}.{draw(URL, 43)}"),
    "Mailgun": named("MAILGUN_API_KEY", HEX, 32, "key-"),
    "Mailchimp": Shape(make=lambda: f"{draw(HEX, 32)}-us12", variable="MAILCHIMP_API_KEY"),
    "Slack bot": Shape(
        make=lambda: f"xoxb-{draw(string.digits, 12)}-{draw(string.digits, 12)}-{draw(WORD, 24)}"
    ),
    "Slack app": Shape(
        make=lambda: f"xapp-1-A{draw(UPPER, 10)}-{draw(string.digits, 13)}-{draw(HEX, 64)}"
    ),
    "Slack webhook": Shape(
        make=lambda: (
            f"https://hooks.slack.com/services/T{draw(UPPER, 10)}/B{draw(UPPER, 10)}/"
            f"{draw(WORD, 24)}"
        )
    ),
    "Discord bot": Shape(
        make=lambda: f"M{draw(WORD, 23)}.{draw(URL, 6)}.{draw(URL, 38)}", variable="DISCORD_TOKEN"
    ),
    "Discord webhook": Shape(
        make=lambda: f"https://discord.com/api/webhooks/{draw('123456789', 18)}/{draw(URL, 68)}"
    ),
    "Telegram bot": Shape(
        make=lambda: f"{draw('123456789', 10)}:AA{draw(URL, 33)}", variable="TELEGRAM_BOT_TOKEN"
    ),
    "Datadog": named("DD_API_KEY", HEX, 32),
    "New Relic": prefixed("NRAK-", UPPER, 27),
    "Sentry": prefixed("sntryu_", HEX, 64),
    "Grafana": Shape(make=lambda: f"glsa_{draw(WORD, 32)}_{draw(HEX, 8)}"),
    "Atlassian": Shape(make=lambda: f"ATATT3xFfGF0{draw(URL, 171)}={draw(HEX.upper(), 8)}"),
    "Linear": prefixed("lin_api_", WORD, 40),
    "Notion": Shape(make=lambda: f"ntn_{draw(string.digits, 11)}{draw(WORD, 35)}"),
    "Airtable": Shape(make=lambda: f"pat{draw(WORD, 14)}.{draw(HEX, 64)}"),
    "Figma": prefixed("figd_", URL, 40),
    "Postman": Shape(make=lambda: f"PMAK-{draw(HEX, 24)}-{draw(HEX, 34)}"),
    "SonarQube": prefixed("squ_", HEX, 40),
    "Buildkite": prefixed("bkua_", HEX, 40),
    "HubSpot": Shape(make=lambda: f"pat-na1-{uuid.uuid4()}"),
}
GENERAL: Mapping[str, Shape] = {
    "RSA key": Shape(make=lambda: make_pem("RSA", 24)),
    "EC key": Shape(make=lambda: make_pem("EC", 3)),
    "PKCS8 key": Shape(make=lambda: make_pem("", 26)),
    "OpenSSH key": Shape(make=lambda: make_pem("OPENSSH", 7)),
    "PGP key": Shape(make=make_pgp_key),
    "age key": prefixed("AGE-SECRET-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "JWT": Shape(make=make_jwt),
    "password in a URL": Shape(
        make=lambda: f"postgres://app:{draw(WORD, 18)}@db.internal:5432/app"
    ),
    "basic authorization": Shape(
        make=lambda: (
            "Authorization: Basic " + base64.b64encode(f"admin:{draw(WORD, 16)}".encode()).decode()
        )
    ),
    "bearer authorization": Shape(make=lambda: f"Authorization: Bearer {draw(WORD, 40)}"),
}
SHAPES: Mapping[str, Shape] = {
    **FORGES,
    **PACKAGES,
    **MODELS,
    **CLOUDS,
    **SERVICES,
    **GENERAL,
}

Form = Callable[[str, str], str]


def write_bare(name: str, value: str) -> str:
    return f"{name}={value}\n" if name else f"{value}\n"


def write_code(name: str, value: str) -> str:
    quote = '"""' if "\n" in value else '"'
    return f"import os\n\n{name or 'value'} = {quote}{value}{quote}\n"


def write_yaml(name: str, value: str) -> str:
    key = (name or "value").lower()
    if "\n" in value:
        return f"config:\n  {key}: |\n" + "".join(f"    {line}\n" for line in value.split("\n"))
    return f"config:\n  {key}: {value}\n"


def write_json(name: str, value: str) -> str:
    return json.dumps({"region": "eu", name or "value": value}, indent=2) + "\n"


def write_notebook(name: str, value: str) -> str:
    quote = '"""' if "\n" in value else '"'
    source = f"import os\n{name or 'value'} = {quote}{value}{quote}\n".splitlines(keepends=True)
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": source}
    return json.dumps({"cells": [cell], "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def write_minified(name: str, value: str) -> str:
    around = ";".join(f"var a{number}=function(b){{return b+{number}}}" for number in range(200))
    return f"{around};var c={{{name or 'value'}:{json.dumps(value)}}};{around}"


FORMS: Mapping[str, Form] = {
    "bare": write_bare,
    "code": write_code,
    "YAML": write_yaml,
    "JSON": write_json,
    "notebook": write_notebook,
    "minified": write_minified,
}
