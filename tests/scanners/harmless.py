"""Lines that repositories are full of and that are no credentials: locks, digests, test data.

What is random in them is made anew at each run.
"""

import base64
import os
import string
import uuid
from collections.abc import Callable, Iterator, Sequence

from tests.scanners.shapes import BASE64, HEX, LOWER, WORD, draw, encode_url

VARIANTS = 2
"""Of each line that has something random in it."""


def digest(size: int) -> str:
    """Give a digest of so many bits."""
    return draw(HEX, size // 4)


def base64_digest(size: int) -> str:
    return base64.b64encode(os.urandom(size // 8)).decode()


LOCKS: Sequence[Callable[[], str]] = (
    lambda: f'      "integrity": "sha512-{base64_digest(512)}",',
    lambda: f'      "integrity": "sha1-{base64_digest(160)}",',
    lambda: f"  integrity sha512-{base64_digest(512)}",
    lambda: f"  checksum: 10c0/{digest(512)}",
    lambda: f"    resolution: {{integrity: sha512-{base64_digest(512)}}}",
    lambda: f'  resolved "https://registry.example.org/a/-/a-1.0.0.tgz#{digest(160)}"',
    lambda: f'checksum = "{digest(256)}"',
    lambda: f"example.org/module v1.2.3 h1:{base64_digest(256)}",
    lambda: f"example.org/module v1.2.3/go.mod h1:{base64_digest(256)}",
    lambda: f'    {{file = "a-1.0-py3-none-any.whl", hash = "sha256:{digest(256)}"}},',
    lambda: f'content-hash = "{digest(256)}"',
    lambda: f'                "sha256:{digest(256)}",',
    lambda: f"    --hash=sha256:{digest(256)} \\",
    lambda: f"requests==2.32.0 --hash=sha256:{digest(256)}",
    lambda: (
        f'wheels = [{{ url = "https://files.example.org/a.whl", hash = "sha256:{digest(256)}" }}]'
    ),
    lambda: f"  a (1.2.3) sha256={digest(256)}",
    lambda: f'                "reference": "{digest(160)}",',
    lambda: f'                "shasum": "{digest(160)}"',
    lambda: f'    "content-hash": "{digest(128)}",',
    lambda: f'      sha256: "{digest(256)}"',
    lambda: f'        "narHash": "sha256-{base64_digest(256)}",',
    lambda: f'        "rev": "{digest(160)}",',
    lambda: f'  sha256 = "{draw("0123456789abcdfghijklmnpqrsvwxyz", 52)}";',
    lambda: f'  hash = "sha256-{base64_digest(256)}";',
    lambda: f'    integrity = "sha384-{base64_digest(384)}",',
    lambda: f"  A: {digest(160)}",
    lambda: f"PODFILE CHECKSUM: {digest(160)}",
    lambda: f'  "phoenix": {{:hex, :phoenix, "1.7.0", "{digest(256)}", [:mix], []}},',
    lambda: f'    "contentHash": "{base64_digest(512)}"',
    lambda: f"distributionSha256Sum={digest(256)}",
    lambda: f'  "h1:{base64_digest(256)}",',
    lambda: f'    "zh:{digest(256)}",',
)
DIGESTS: Sequence[Callable[[], str]] = (
    lambda: f"FROM debian@sha256:{digest(256)}",
    lambda: f"    image: registry.example.org/app@sha256:{digest(256)}",
    lambda: f"      - uses: actions/checkout@{digest(160)} # v5",
    lambda: f"commit {digest(160)}",
    lambda: f"Subproject commit {digest(160)}",
    lambda: f"{digest(256)}  archive.tar.gz",
    lambda: f"{digest(128)}  archive.zip",
    lambda: f"SHA512 (a.iso) = {digest(512)}",
    lambda: f"MD5 ({draw(LOWER, 6)}.txt) = {digest(128)}",
    lambda: f"oid sha256:{digest(256)}",
    lambda: f'<script src="a.js" integrity="sha384-{base64_digest(384)}"></script>',
    lambda: f"Content-Security-Policy: script-src 'sha256-{base64_digest(256)}'",
    lambda: f'ETag: "{digest(128)}"',
    lambda: f'etag: W/"{digest(160)}"',
    lambda: f"X-Request-Id: {uuid.uuid4()}",
    lambda: f"traceparent: 00-{digest(128)}-{digest(64)}-01",
    lambda: f'"Digest": "sha256:{digest(256)}",',
    lambda: f"index {digest(28)}..{digest(28)} 100644",
    lambda: f"run {digest(32)}; sha256:{digest(256)}",
    lambda: f'  "fingerprint": "{digest(256)}",',
    lambda: f"SHA256:{base64_digest(256).rstrip('=')} user@host (ED25519)",
    lambda: f"cache-key: linux-pip-{digest(256)}",
    lambda: f'GIT_COMMIT = "{digest(160)}"',
    lambda: f"revision: '{digest(160)}'",
    lambda: f'  url "https://example.org/archive/{digest(160)}.tar.gz"',
    lambda: f'rev = "{digest(160)}"',
    lambda: f"git+https://example.org/a/b@{digest(160)}#egg=b",
    lambda: f'build_id = "{digest(160)}"',
)
IDENTIFIERS: Sequence[Callable[[], str]] = (
    lambda: f"id: {uuid.uuid4()}",
    lambda: f'    "uuid": "{uuid.uuid4()}",',
    lambda: f'tenant_id = "{uuid.uuid4()}"',
    lambda: f'AZURE_CLIENT_ID="{uuid.uuid4()}"',
    lambda: f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{draw(BASE64, 48)} user@host",
    lambda: f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB{draw(BASE64, 340)} user@host",
    lambda: (
        f"github.com ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAA{draw(BASE64, 90)}="
    ),
    lambda: f"-----BEGIN CERTIFICATE-----\n{draw(BASE64, 64)}\n-----END CERTIFICATE-----",
    lambda: f"-----BEGIN PUBLIC KEY-----\n{draw(BASE64, 64)}\n-----END PUBLIC KEY-----",
    lambda: (
        f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{draw(BASE64, 64)}\n=aBcD\n"
        "-----END PGP PUBLIC KEY BLOCK-----"
    ),
    lambda: f"age1{draw('qpzry9x8gf2tvdw0s3jn54khce6mua7l', 58)}",
    lambda: f"0x{digest(160)}",
    lambda: f"arn:aws:iam::{draw(string.digits, 12)}:role/deploy",
    lambda: f"arn:aws:kms:eu-west-1:{draw(string.digits, 12)}:key/{uuid.uuid4()}",
    lambda: f'<img src="data:image/png;base64,iVBORw0KGgo{draw(BASE64, 400)}==">',
    lambda: f"src: url(data:font/woff2;base64,d09GMgABAAAAA{draw(BASE64, 300)})",
    lambda: f'"image/png": "iVBORw0KGgoAAAANSUhEUgAA{draw(BASE64, 600)}\\n"',
    lambda: f"//# sourceMappingURL=data:application/json;base64,{draw(BASE64, 200)}",
    lambda: (
        f'"mappings": "AAAA,SAASA,{";".join(draw(string.ascii_letters, 4) for _ in range(60))}"'
    ),
    lambda: f"https://example.org/watch?v={draw(WORD, 11)}",
    lambda: f"https://docs.example.org/document/d/{encode_url(os.urandom(33))}/edit",
    lambda: f'google_analytics = "G-{draw(string.ascii_uppercase + string.digits, 10)}"',
    lambda: f"key = {digest(128)}  # AES test vector",
    lambda: f"IV = {digest(128)}\nCT = {digest(256)}",
    lambda: f"Count = 0\nKEYs = {digest(192)}\nPLAINTEXT = {digest(128)}",
    lambda: f'assert hash_of(b"x") == "{digest(256)}"',
    lambda: f'    ("{draw(WORD, 12)}", {draw("123456789", 9)}),',
    lambda: f"chunk.{digest(80)}.js",
    lambda: f'"main.js": "/static/js/main.{digest(32)}.js",',
    lambda: f".css-{draw(LOWER, 7)}{{color:#{digest(24)}}}",
    lambda: f"boundary=----WebKitFormBoundary{draw(WORD, 16)}",
    lambda: f"DOCKER_IMAGE_ID=sha256:{digest(256)}",
)
PLAIN: Sequence[str] = (
    "OPENAI_API_KEY=your-key-here",
    "OPENAI_API_KEY=sk-your-openai-api-key",
    "ANTHROPIC_API_KEY=sk-ant-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "GITHUB_TOKEN=<your token>",
    "GITEA_TOKEN=${GITEA_TOKEN}",
    "token: ${{ secrets.GITHUB_TOKEN }}",
    "  password: ${{ secrets.REGISTRY_PASSWORD }}",
    "  password: {{ vault_password }}",
    'api_key = os.environ["ANTHROPIC_API_KEY"]',
    'token = os.getenv("HF_TOKEN", "")',
    "const apiKey = process.env.STRIPE_SECRET_KEY;",
    'secret := os.Getenv("CLIENT_SECRET")',
    "password: str = field(repr=False)",
    "api_key: str | None = None",
    'password = getpass.getpass("Password: ")',
    "token = request.headers.get('Authorization')",
    "Authorization: Bearer $TOKEN",
    'curl -H "Authorization: Bearer ${TOKEN}" https://api.example.org',
    'curl -u "$USER:$PASSWORD" https://api.example.org',
    "curl -H 'Authorization: token YOUR_TOKEN' https://api.example.org",
    "POSTGRES_PASSWORD: postgres",
    "MYSQL_ROOT_PASSWORD=root",
    "password: changeme",
    'password="password"',
    "DATABASE_URL=postgres://postgres:postgres@localhost:5432/test",
    "DATABASE_URL=postgres://user:password@localhost/db",
    "redis://localhost:6379/0",
    "mongodb://root:example@mongo:27017/",
    "amqp://guest:guest@rabbitmq:5672//",
    "https://user:pass@example.org/",
    "https://${USER}:${TOKEN}@git.example.org/a/b.git",
    "https://x-access-token:$GITHUB_TOKEN@github.com/a/b",
    "AWS_ACCESS_KEY_ID=AKIA" + "IOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY",
    'aws_access_key_id = "ASIA' + 'IOSFODNN7EXAMPLE"',
    "aws_access_key_id: AKIA" + "I44QH8DHBEXAMPLE",
    "secret_access_key: je7MtGbClwBF/2Zp9Utk/" + "h3yCo8nvbEXAMPLEKEY",
    "stripe.api_key = 'sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc'",
    "STRIPE_KEY=sk_test_" + "BQokikJOvBiI2HlWgH4olfQ2",
    "token = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."
    + "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c'",
    "https://hooks.slack.com/services/T00000000/B00000000/" + "XXXXXXXXXXXXXXXXXXXXXXXX",
    "TWILIO_ACCOUNT_SID=ACXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
    "SENDGRID_API_KEY=SG.xxxxxxxxxxxxxxxxxxxxxx.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    "Authorization: Basic dXNlcjpwYXNz",
    "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
    'if line.startswith("-----BEGIN PRIVATE KEY-----"):',
    'PATTERN = re.compile(r"ghp_[A-Za-z0-9]{36}")',
    "regex: '(AKIA|ASIA)[A-Z0-9]{16}'",
    "x-api-key: {{api_key}}",
    "secretKeyRef: {name: app, key: token}",
    "  - --token-file=/var/run/secrets/token",
    "AUTH_TOKEN_FILE=/configs/.auth_token",
    "password_hash = bcrypt.hashpw(password, bcrypt.gensalt())",
    "root:$6$saltsalt$" + "x" * 86 + ":19000:0:99999:7:::",
    "tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')",
    "max_tokens=4096, stop_token_id=128001",
    "keyboard_shortcut: ctrl+shift+k",
    "monkey_patch_secret_santa = True",
    "SECRET_KEY = 'django-insecure-change-me'",
    "kind: Secret",
    "Enter your password:",
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "0123456789abcdef0123456789abcdef",
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
    "java.lang.IllegalStateException: token expected at org.example.Parser.parse(Parser.java:42)",
    "npm_config_registry=https://registry.example.org",
    "GET /api/v1/users?token=test HTTP/1.1",
    "JWT_SECRET=secret",
    "private_key_path: ~/.ssh/id_ed25519",
    "credentials: same-origin",
)


def list_harmless_lines() -> Iterator[str]:
    """Yield each line, of those with something random in them VARIANTS."""
    for make in (*LOCKS, *DIGESTS, *IDENTIFIERS):
        for _ in range(VARIANTS):
            yield make()
    yield from PLAIN
