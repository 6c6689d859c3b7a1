import hashlib
import os
import pwd
import subprocess
import sys
from pathlib import Path

service, pidfile, program, pinned, user, config = sys.argv[1:]


def main_pid():
    if service:
        words = ["systemctl", "show", "--property=MainPID,ActiveState,SubState", service]
        try:
            ran = subprocess.run(
                words, check=False, capture_output=True, text=True, timeout=20
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            sys.exit(f"systemd does not say how '{service}' is: {error}.")
        if ran.returncode != 0:
            sys.exit(f"systemd does not say how '{service}' is: {ran.stderr.strip()}.")
        told = dict(line.partition("=")[::2] for line in ran.stdout.splitlines())
        if told.get("ActiveState") != "active":
            state = f"{told.get('ActiveState')} ({told.get('SubState')})"
            sys.exit(f"'{service}' does not run: it is {state}.")
        return int(told["MainPID"])
    try:
        return int(Path(pidfile).read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"The runner does not run: '{pidfile}' tells no process ({error}).")


def family(root):
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, ())
    return found


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def words_of(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]


def runs_it(pid):
    """By its executable; a script by its interpreter's first words, and by its own bytes."""
    if sha256(f"/proc/{pid}/exe") == pinned:
        return True
    home = os.readlink(f"/proc/{pid}/cwd")
    named = (os.path.realpath(os.path.join(home, word)) for word in words_of(pid)[:4] if word)
    wanted = os.path.realpath(program)
    return wanted in named and sha256(program) == pinned


main = main_pid()
if not Path(f"/proc/{main}").exists() or not main:
    sys.exit(f"The runner does not run: there is no process {main}.")
running = []
for pid in family(main):
    try:
        if runs_it(pid):
            running.append(pid)
    except OSError:
        continue
if not running:
    try:
        told = " ".join(words_of(main))
    except OSError:
        told = "gone"
    sys.exit(f"Process {main} ('{told}') and what it started do not run the pinned program.")

pid = running[0]
status = Path(f"/proc/{pid}/status").read_text().splitlines()
identity = {line.partition(":")[0]: line.partition(":")[2].split() for line in status}
wanted = pwd.getpwnam(user).pw_uid
if set(identity["Uid"]) != {str(wanted)}:
    sys.exit(f"The runner (process {pid}) runs as uid {identity['Uid'][1]}, not as '{user}'.")


def is_given(words):
    """By an argument; GitHub's program takes variables from '.env' beside itself instead."""
    following = dict(zip(words, words[1:]))
    given = [following.get("--config"), following.get("-c")]
    given += [word.partition("=")[2] for word in words if word.startswith("--config=")]
    if Path(config).name != ".env" or Path(config).parent not in Path(program).parents:
        return config in given
    has = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    wanted = [line.strip() for line in Path(config).read_text().splitlines()]
    return all(line in has for line in wanted if line and not line.startswith("#"))


group = os.stat("/var/run/docker.sock").st_gid
if str(group) not in (*identity["Groups"], *identity["Gid"]):
    sys.exit(f"The runner (process {pid}) was started without the engine's group ({group}).")
if config:
    try:
        seen, words = os.stat(config), words_of(pid)
        given = is_given(words)
    except OSError as error:
        sys.exit(f"The configuration '{config}' is not to be seen: {error.strerror}.")
    if not given:
        told = " ".join(words)
        sys.exit(f"The runner (process {pid}) was not given '{config}': it is '{told}'.")
    if seen.st_uid != 0 or seen.st_mode & 0o022:
        sys.exit(
            f"'{config}' can be changed by others than root: it belongs to uid "
            f"{seen.st_uid}, with mode {seen.st_mode & 0o7777:04o}."
        )
