import http.client
import sys
from urllib.parse import urlsplit

url = urlsplit(sys.argv[1])
kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
if url.scheme not in kinds or not url.hostname:
    sys.exit(f"'{sys.argv[1]}' is no http or https URL of a forge.")
forge = kinds[url.scheme](url.hostname, url.port, timeout=10)
try:
    forge.request("GET", url.path or "/")
    status = forge.getresponse().status
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"{sys.argv[1]} does not answer: {error}.")
if status >= 500:
    sys.exit(f"{sys.argv[1]} answers {status}: the forge is not well.")
print(f"{sys.argv[1]} answers {status}.")
