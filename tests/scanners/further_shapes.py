"""Further kinds of credential, a line each: found by their shape, or by the name before them.

They were drawn up after the rules for `shapes`, and half of them were missed by those.
"""

import base64
import os
import string
import uuid
from collections.abc import Callable, Mapping
from urllib.parse import quote

from tests.scanners.shapes import HEX, LOWER, UPPER, URL, WORD, draw

FURTHER: Mapping[str, Callable[[], str]] = {
    "gitlab cbt": lambda: f"glcbt-64_{draw(URL, 20)}",
    "gitlab feed": lambda: f"glft-{draw(URL, 20)}",
    "gitlab oauth": lambda: f"gloas-{draw(HEX, 64)}",
    "gitlab agent": lambda: f"glagent-{draw(URL, 50)}",
    "gitlab routable": lambda: f"glpat-{draw(URL, 27)}.{draw(string.digits, 2)}.{draw(LOWER, 9)}",
    "gitlab incoming": lambda: f"glimt-{draw(URL, 25)}",
    "gitlab scim": lambda: f"glsoat-{draw(URL, 20)}",
    "slack xoxp": lambda: (
        f"xoxp-{draw(string.digits, 12)}-{draw(string.digits, 12)}-"
        f"{draw(string.digits, 12)}-{draw(HEX, 32)}"
    ),
    "slack xoxe": lambda: f"xoxe.xoxp-1-{draw(WORD, 166)}",
    "slack config": lambda: f"xoxe-1-{draw(WORD, 147)}",
    "square": lambda: f"sq0csp-{draw(URL, 43)}",
    "square2": lambda: f"EAAA{draw(URL, 60)}",
    "braintree": lambda: f"access_token$production${draw(LOWER, 16)}${draw(HEX, 32)}",
    "facebook": lambda: f"EAACEdEose0cBA{draw(WORD, 120)}",
    "okta": lambda: f"OKTA_API_TOKEN=00{draw(URL, 40)}",
    "launchdarkly": lambda: f"LAUNCHDARKLY_SDK_KEY=sdk-{uuid.uuid4()}",
    "snyk": lambda: f"SNYK_TOKEN={uuid.uuid4()}",
    "circleci": lambda: f"CCIPAT_{draw(WORD, 22)}_{draw(HEX, 40)}",
    "contentful": lambda: f"CFPAT-{draw(URL, 43)}",
    "dropbox": lambda: f"sl.{draw(URL, 136)}",
    "shippo": lambda: f"shippo_live_{draw(HEX, 40)}",
    "typeform": lambda: f"tfp_{draw(URL, 44)}_{draw(WORD, 14)}",
    "easypost": lambda: f"EZAK{draw(WORD, 54)}",
    "adafruit": lambda: f"aio_{draw(WORD, 28)}",
    "prefect": lambda: f"pnu_{draw(LOWER, 36)}",
    "readme": lambda: f"rdme_{draw(LOWER, 70)}",
    "duffel": lambda: f"duffel_live_{draw(URL, 43)}",
    "frameio": lambda: f"fio-u-{draw(URL, 64)}",
    "fastly": lambda: f"FASTLY_API_TOKEN={draw(URL, 32)}",
    "netlify": lambda: f"nfp_{draw(WORD, 36)}",
    "vercel": lambda: f"VERCEL_TOKEN={draw(WORD, 24)}",
    "render": lambda: f"rnd_{draw(WORD, 28)}",
    "hetzner": lambda: f"HCLOUD_TOKEN={draw(WORD, 64)}",
    "scaleway": lambda: f"SCW_SECRET_KEY={uuid.uuid4()}",
    "scaleway id": lambda: f"SCW{draw(UPPER, 17)}",
    "yandex": lambda: f"AQVN{draw(URL, 35)}",
    "yandex y0": lambda: f"y0_{draw(URL, 55)}",
    "mapbox": lambda: f"sk.eyJ1{draw(WORD, 80)}.{draw(URL, 22)}",
    "algolia": lambda: f"ALGOLIA_API_KEY={draw(HEX, 32)}",
    "clickup": lambda: f"pk_{draw(string.digits, 8)}_{draw(UPPER, 32)}",
    "cloudinary": lambda: (
        f"cloudinary://{draw(string.digits, 15)}:{draw(URL, 27)}@{draw(LOWER, 8)}"
    ),
    "mongodb srv": lambda: (
        f"mongodb+srv://app:{draw(WORD, 16)}@cluster0.{draw(LOWER, 5)}.mongodb.net/x"
    ),
    "firebase": lambda: f"AAAA{draw(URL, 7)}:APA91b{draw(URL, 134)}",
    "nvidia": lambda: f"nvapi-{draw(URL, 64)}",
    "cerebras": lambda: f"csk-{draw(LOWER, 48)}",
    "voyage": lambda: f"VOYAGE_API_KEY=pa-{draw(URL, 43)}",
    "pinecone": lambda: f"pcsk_{draw(WORD, 5)}_{draw(WORD, 63)}",
    "langsmith": lambda: f"lsv2_pt_{draw(HEX, 32)}_{draw(HEX, 10)}",
    "e2b": lambda: f"e2b_{draw(HEX, 40)}",
    "tavily": lambda: f"tvly-dev-{draw(WORD, 32)}",
    "brave": lambda: f"BSA{draw(URL, 27)}",
    "elevenlabs": lambda: f"ELEVENLABS_API_KEY=sk_{draw(HEX, 48)}",
    "deepgram": lambda: f"DEEPGRAM_API_KEY={draw(HEX, 40)}",
    "stability": lambda: f"STABILITY_API_KEY=sk-{draw(WORD, 48)}",
    "anthropic admin": lambda: f"sk-ant-admin01-{draw(URL, 93)}AA",
    "openai admin": lambda: f"sk-admin-{draw(URL, 58)}T3BlbkFJ{draw(URL, 58)}",
    "azure openai": lambda: f"AZURE_OPENAI_API_KEY={draw(HEX, 32)}",
    "together": lambda: f"TOGETHER_API_KEY={draw(HEX, 64)}",
    "jina": lambda: f"jina_{draw(HEX, 32)}{draw(WORD, 28)}",
    "llamacloud": lambda: f"llx-{draw(WORD, 48)}",
    "docker auth": lambda: (
        '{"auths":{"registry.corp":{"auth":"'
        + base64.b64encode(f"ci:{draw(WORD, 20)}".encode()).decode()
        + '"}}}'
    ),
    "netrc": lambda: f"machine git.corp login bob password {draw(WORD, 20)}",
    "putty": lambda: (
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 2\n"
        "AAAAC3NzaC1lZDI1NTE5AAAAIJ\nab=\nPrivate-Lines: 1\n"
        + base64.b64encode(os.urandom(36)).decode()
        + "\nPrivate-MAC: "
        + draw(HEX, 64)
    ),
    "azure sas": lambda: (
        "https://acc.blob.core.windows.net/c?sv=2022-11-02&sp=r&se=2030-01-01&sig="
        + quote(base64.b64encode(os.urandom(32)).decode(), safe="")
    ),
    "gcp oauth": lambda: f"ya29.{draw(URL, 120)}",
    "gcp refresh": lambda: f"1//0{draw(URL, 60)}",
    "db password": lambda: f"DB_PASSWORD={draw(WORD, 20)}",
    "jdbc": lambda: f"jdbc:postgresql://db.corp/x?user=a&password={draw(WORD, 18)}",
    "k8s bootstrap": lambda: f"--token {draw(LOWER, 6)}.{draw(LOWER, 16)}",
    "ansible pw": lambda: f"ansible_password: {draw(WORD, 18)}",
    "wireguard": lambda: f"PrivateKey = {base64.b64encode(os.urandom(32)).decode()}",
    "stripe webhook": lambda: f"whsec_{draw(WORD, 32)}",
    "mailgun new": lambda: f"{draw(HEX, 32)}-{draw(HEX, 8)}-{draw(HEX, 8)}",
    "sendinblue": lambda: f"xkeysib-{draw(HEX, 64)}-{draw(WORD, 16)}",
    "twilio auth": lambda: f"TWILIO_AUTH_TOKEN={draw(HEX, 32)}",
    "posthog": lambda: f"phx_{draw(WORD, 43)}",
    "influx": lambda: f"INFLUX_TOKEN={draw(URL, 86)}==",
    "newrelic license": lambda: f"NEW_RELIC_LICENSE_KEY={draw(HEX, 36)}NRAL",
    "honeycomb": lambda: f"HONEYCOMB_API_KEY={draw(WORD, 22)}",
    "codecov": lambda: f"CODECOV_TOKEN={uuid.uuid4()}",
    "sonar": lambda: f"SONAR_TOKEN=sqp_{draw(HEX, 40)}",
    "jfrog": lambda: f"AKCp{draw(WORD, 69)}",
    "artifactory ref": lambda: f"cmVmdGtu{draw(WORD, 56)}",
    "clojars": lambda: f"CLOJARS_{draw(HEX, 60)}",
    "hex": lambda: f"HEX_API_KEY={draw(HEX, 32)}",
    "maven": lambda: f"<password>{draw(WORD, 20)}</password>",
    "op": lambda: f"ops_eyJ{draw(WORD, 260)}",
    "forgejo runner": lambda: f"FORGEJO_RUNNER_REGISTRATION_TOKEN={draw(WORD, 40)}",
    "gitea runner": lambda: f"GITEA_RUNNER_REGISTRATION_TOKEN={draw(WORD, 40)}",
    "codeberg": lambda: f"CODEBERG_TOKEN={draw(HEX, 40)}",
    "woodpecker": lambda: f"WOODPECKER_AGENT_SECRET={draw(HEX, 64)}",
    "drone": lambda: f"DRONE_RPC_SECRET={draw(HEX, 32)}",
    "basic pw curl": lambda: f"curl -u admin:{draw(WORD, 18)} https://api.corp/x",
    "x-api-key": lambda: f"x-api-key: {draw(WORD, 40)}",
}
