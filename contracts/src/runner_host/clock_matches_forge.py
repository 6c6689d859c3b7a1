import http.client
import sys
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

url, allowed = urlsplit(sys.argv[1]), float(sys.argv[2])
kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}[url.scheme]
forge = kind(url.hostname, url.port, timeout=10)
try:
    forge.connect()
    before = time.time()
    forge.request("HEAD", url.path or "/")
    told = forge.getresponse().getheader("Date")
    after = time.time()
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"The clock cannot be compared: {sys.argv[1]} does not answer ({error}).")
if not told:
    sys.exit(f"The clock cannot be compared: {sys.argv[1]} answers without a Date header.")
try:
    date = parsedate_to_datetime(told).timestamp()
except (TypeError, ValueError):
    sys.exit(f"The clock cannot be compared: {sys.argv[1]} says '{told}' for its date.")
# The header is cut to the second, and was written while this waited.
ahead = before - (date + 1) if before > date + 1 else date - after if date > after else 0.0
if ahead > allowed:
    word = "ahead of" if before > date else "behind"
    sys.exit(f"The clock is {ahead:.1f} s {word} the forge's; {allowed:g} s are allowed.")
print(f"Within {ahead:.1f} s of the forge's clock.")
