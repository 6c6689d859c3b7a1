"""Made-up tokens of the right shape, made anew at each run: none is ever in a file of this project.

What a vendor checks by itself (GitHub's CRC, a key's framing) is right in them; nothing else is.
"""

import base64
import os
import random
import string
import zlib
from collections.abc import Callable, Mapping

WORD = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
URL = WORD + "-_"


def some(letters: str, number: int) -> str:
    """Draw characters; random enough for a scanner's measure of entropy."""
    return "".join(random.SystemRandom().choices(letters, k=number))


def github(prefix: str) -> str:
    """End in the CRC that GitHub's tokens end in."""
    body = some(WORD, 30)
    rest, digits = zlib.crc32(body.encode()), ""
    while rest:
        rest, digit = divmod(rest, 62)
        digits = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[digit] + digits
    return f"{prefix}_{body}{digits.rjust(6, '0')}"


def pem() -> str:
    """Frame some bytes as a private key."""
    lines = [base64.b64encode(os.urandom(48)).decode() for _ in range(24)]
    kind = "RSA " + "PRIVATE KEY"
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"])


FORGES: Mapping[str, Callable[[], str]] = {
    "GitHub personal": lambda: github("ghp"),
    "GitHub OAuth": lambda: github("gho"),
    "GitHub server": lambda: github("ghs"),
    "GitHub fine-grained": lambda: f"github_pat_{some(WORD, 22)}_{some(WORD, 59)}",
    "GitLab personal": lambda: f"glpat-{some(URL, 20)}",
    "GitLab deploy": lambda: f"gldt-{some(URL, 20)}",
    "GitLab runner": lambda: f"glrt-{some(URL, 20)}",
    "Gitea (GITEA_TOKEN=)": lambda: f"GITEA_TOKEN={some(HEX, 40)}",
    "Forgejo (FORGEJO_TOKEN=)": lambda: f"FORGEJO_TOKEN={some(HEX, 40)}",
    "Gitea (Authorization: token)": lambda: f"Authorization: token {some(HEX, 40)}",
    "Bitbucket app": lambda: f"ATBB{some(WORD, 24)}{some(HEX.upper(), 8)}",
    "npm": lambda: f"npm_{some(WORD, 36)}",
    "PyPI": lambda: "pypi-" + "AgEIcHlwaS5vcmc" + some(URL, 160),
}
MODELS: Mapping[str, Callable[[], str]] = {
    "OpenAI project": lambda: f"sk-proj-{some(URL, 74)}T3BlbkFJ{some(URL, 74)}",
    "OpenAI legacy": lambda: f"sk-{some(WORD, 20)}T3BlbkFJ{some(WORD, 20)}",
    "OpenAI service": lambda: f"sk-svcacct-{some(URL, 74)}T3BlbkFJ{some(URL, 74)}",
    "Anthropic": lambda: f"sk-ant-api03-{some(URL, 93)}AA",
    "Anthropic OAuth": lambda: f"sk-ant-oat01-{some(URL, 93)}AA",
    "Google": lambda: f"AIza{some(URL, 35)}",
    "Hugging Face": lambda: f"hf_{some(string.ascii_letters, 34)}",
    "Groq": lambda: f"gsk_{some(WORD, 52)}",
    "Replicate": lambda: f"r8_{some(WORD, 37)}",
    "xAI": lambda: f"xai-{some(WORD, 80)}",
    "Perplexity": lambda: f"pplx-{some(WORD, 48)}",
    "OpenRouter": lambda: f"sk-or-v1-{some(HEX, 64)}",
    "DeepSeek (DEEPSEEK_API_KEY=)": lambda: f"DEEPSEEK_API_KEY=sk-{some(HEX, 32)}",
    "Mistral (MISTRAL_API_KEY=)": lambda: f"MISTRAL_API_KEY={some(WORD, 32)}",
    "Cohere (COHERE_API_KEY=)": lambda: f"COHERE_API_KEY={some(WORD, 40)}",
    "MiniMax (MINIMAX_API_KEY=)": lambda: f"MINIMAX_API_KEY=sk-cp-{some(URL, 80)}",
    "Moonshot (MOONSHOT_API_KEY=)": lambda: f"MOONSHOT_API_KEY=sk-{some(WORD, 48)}",
}
OTHERS: Mapping[str, Callable[[], str]] = {
    "AWS": lambda: f"aws_access_key_id = AKIA{some(string.ascii_uppercase + '234567', 16)}",
    "Slack": lambda: f"xoxb-{some(string.digits, 12)}-{some(string.digits, 12)}-{some(WORD, 24)}",
    "private key": pem,
}
SHAPES = {**FORGES, **MODELS, **OTHERS}

HARMLESS: Mapping[str, Callable[[], str]] = {
    "image digest": lambda: f"FROM debian@sha256:{some(HEX, 64)}",
    "pinned action": lambda: f"- uses: actions/checkout@{some(HEX, 40)} # v5",
    "pinned requirement": lambda: f"requests==2.32.0 --hash=sha256:{some(HEX, 64)}",
    "commit": lambda: f"commit {some(HEX, 40)}",
    "placeholder": lambda: "OPENAI_API_KEY=your-key-here",
    "reference": lambda: "token: ${{ secrets.GITHUB_TOKEN }}",
    "environment": lambda: 'api_key = os.environ["ANTHROPIC_API_KEY"]',
    "uuid": lambda: (
        f"id: {some(HEX, 8)}-{some(HEX, 4)}-4{some(HEX, 3)}-a{some(HEX, 3)}-{some(HEX, 12)}"
    ),
    "run id": lambda: f"run {some(HEX, 8)}; sha256:{some(HEX, 64)}",
    "password field": lambda: "password: str = field(repr=False)",
}
