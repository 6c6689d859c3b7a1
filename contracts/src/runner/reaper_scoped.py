import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

timer, pidfile = sys.argv[1:]


def systemctl(*words):
    try:
        ran = subprocess.run(
            ["systemctl", *words], check=False, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        sys.exit(f"systemd does not say what '{timer}' starts: {error}.")
    if ran.returncode != 0:
        sys.exit(f"systemd does not say what '{timer}' starts: {ran.stderr.strip()}.")
    return ran.stdout


def supervisors_words():
    """Without systemd, the runner's supervisor has debris removed, as its settings say."""
    try:
        pid = int(Path(pidfile).read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        own = next(word for word in words if word.endswith("/supervise"))
        return json.loads(Path(f"{own}.json").read_text())["reap"]
    except (OSError, ValueError, LookupError, StopIteration) as error:
        sys.exit(f"The supervisor behind '{pidfile}' does not say what it starts ({error}).")


def commands():
    if timer:
        unit = systemctl("show", "--property=Unit", "--value", timer).strip()
        text = systemctl("cat", unit).replace("\\\n", " ")
        found = re.findall(r"(?m)^Exec\w+=[-@:+!]*(.*)$", text)
    else:
        found = [shlex.join(supervisors_words())]
    return [line.strip() for line in found if line.strip()]


def files_of(command):
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    for word in words:
        path = Path(word)
        if path.is_absolute() and path.is_file():
            yield path


def told(text):
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


found = commands()
if not found:
    sys.exit(f"'{timer or pidfile}' starts nothing: no debris is removed.")
for command in found:
    texts = [(f"'{command}'", command)]
    for path in files_of(command):
        seen = path.resolve().stat()
        if seen.st_uid != 0 or seen.st_mode & 0o022:
            sys.exit(f"'{path}' is run as root, and can be changed by others.")
        data = path.read_bytes() if seen.st_size < 1 << 20 else b""
        if b"\0" not in data:
            texts.append((f"'{path}'", told(data.decode(errors="replace"))))
    for where, text in texts:
        if re.search(r"\bprune\b", text):
            sys.exit(f"{where} prunes: that takes what is not hardgate's.")
    whole = "\n".join(text for _, text in texts)
    own = re.search(r"\bhardgate['\"]? reap\b", command)
    if not own and not ("hardgate.run" in whole and "hardgate.deadline" in whole):
        sys.exit(f"'{command}' does not go by hardgate's labels and their age.")
