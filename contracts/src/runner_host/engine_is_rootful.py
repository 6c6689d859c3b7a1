import http.client
import json
import sys

from contracts.src.shared.engine_api import ENGINE_SOCKET, ask_engine

try:
    told = json.loads(ask_engine("GET", "/info"))
except (OSError, http.client.HTTPException, ValueError) as error:
    sys.exit(f"No engine answers at '{ENGINE_SOCKET}': {error}.")
options = told.get("SecurityOptions")
if options is None:
    sys.exit(f"The engine does not say how it is secured: {told.get('message', 'no word')}.")
for option in options:
    words = dict(word.partition("=")[::2] for word in option.split(","))
    if words.get("name") == "rootless":
        sys.exit("The engine is rootless: its root is not the host's.")
    if words.get("name") == "userns":
        root = told.get("DockerRootDir")
        sys.exit(f"The engine remaps users (userns-remap; its data lie in '{root}').")
