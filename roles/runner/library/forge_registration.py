"""Have the runner known to its forge, once, and its token nowhere."""

DOCUMENTATION = """
module: forge_registration
short_description: Registers the runner, or takes its registration back.
description:
  - Runs the runner's own command as the runner's user. The token reaches it by standard input or by
    an environment variable, as the forge's table says, and never as an argument or in a file.
  - Tells by the files that registering leaves whether it has to be done.
options:
  state:
    description: >
      C(looked) tells what registering would be for; C(present) registers; C(absent) takes back,
      and C(forgotten) removes the registration's files only.
    type: str
    choices: [looked, present, absent, forgotten]
    required: true
  fresh:
    description: Register it in any case.
    type: bool
    default: false
  registration:
    description: The registration.
    type: dict
    required: true
    suboptions:
      user:
        description: Whose registration it is.
        type: str
        required: true
      folder:
        description: Where the command is run.
        type: path
        required: true
      files:
        description: What registering leaves; private to the user.
        type: list
        elements: path
        required: true
      seen:
        description: >
          Which of these says who is registered (C(file)), under which keys (C(url), C(name),
          C(labels), C(ephemeral), C(id)); an empty key is one that the program does not write down.
        type: dict
        required: true
      wanted:
        description: What it is to say, by the same names.
        type: dict
        required: true
      version:
        description: The words that have the program say its version.
        type: list
        elements: str
        default: []
      noted:
        description: A file in which our own role wrote down the labels at registering.
        type: path
        required: true
      seconds:
        description: How long the command may take.
        type: int
        default: 60
  command:
    description: >
      Words (C(argv)), C(environment), and how the token goes in (C(token_variable), or C(stdin)
      with a C({token}) in it); what it must say (C(says)) to have succeeded.
    type: dict
    default: {}
  token:
    description: The token.
    type: str
    default: ""
"""

RETURN = """
reasons:
  description: Why it has to be registered, a phrase each; empty where it is.
  type: list
  returned: always
registered:
  description: Whether there is any registration.
  type: bool
  returned: always
version:
  description: What the program says that it is; empty where it says nothing.
  type: str
  returned: always
id:
  description: Its number at the forge, where the program wrote it down.
  type: str
  returned: always
url:
  description: At which forge it was registered when this began; empty where it was not.
  type: str
  returned: always
name:
  description: By which name.
  type: str
  returned: always
"""

import json
import os
import pwd
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.owned import set_owner_and_mode

PRIVATE_MODE = 0o600
REGISTRATION = {
    "user": {"type": "str", "required": True},
    "folder": {"type": "path", "required": True},
    "files": {"type": "list", "elements": "path", "required": True},
    "seen": {"type": "dict", "required": True},
    "wanted": {"type": "dict", "required": True},
    "version": {"type": "list", "elements": "str", "default": []},
    "noted": {"type": "path", "required": True},
    "seconds": {"type": "int", "default": 60},
}
OPTIONS = {
    "state": {
        "type": "str",
        "choices": ["looked", "present", "absent", "forgotten"],
        "required": True,
    },
    "fresh": {"type": "bool", "default": False},
    "registration": {"type": "dict", "required": True, "options": REGISTRATION},
    "command": {"type": "dict", "default": {}},
    "token": {"type": "str", "default": "", "no_log": True},
}


class RegistrationRefusedError(Exception):
    """The forge's program did not do it; in its words."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of a program's; nothing where it is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def normalize_value(name: str, value: object) -> object:
    """Compare what means the same as the same."""
    if name == "url":
        return str(value or "").rstrip("/")
    if name == "labels":
        return sorted(map(str, value)) if isinstance(value, list) else []
    return bool(value) if name == "ephemeral" else value


def find_reasons(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Say why it has to be registered."""
    keys, expected = parameters["seen"], parameters["wanted"]
    missing = [name for name in parameters["files"] if not Path(name).is_file()]
    if missing:
        yield "not registered" if len(missing) == len(parameters["files"]) else "half registered"
        return
    registered, noted = read_json(Path(keys["file"])), read_json(Path(parameters["noted"]))
    for name, value in expected.items():
        found = registered.get(keys[name]) if keys.get(name) else noted.get(name)
        if normalize_value(name, found) != normalize_value(name, value):
            yield f"{name} is {found!r}, and {value!r} is wanted"


def run_as_user(parameters: Mapping[str, Any], command: Mapping[str, Any], token: str = "") -> str:
    """Run a command as the user; RefusedError with its words, the token struck out."""
    user = pwd.getpwnam(parameters["user"])
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LC_ALL": "C.UTF-8",
        **{key: str(value) for key, value in command.get("environment", {}).items()},
    }
    if command.get("token_variable") and token:
        environment[command["token_variable"]] = token
    try:
        finished = subprocess.run(
            command["argv"],
            input=command.get("stdin", "").replace("{token}", token),
            cwd=parameters["folder"],
            env=environment,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=os.getgrouplist(user.pw_name, user.pw_gid),
            umask=0o077,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=parameters["seconds"],
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        output = error.stdout.decode(errors="replace") if error.stdout else ""
        raise RegistrationRefusedError(
            f"it did not end within {parameters['seconds']} s: {output}"
        ) from None
    except OSError as error:
        raise RegistrationRefusedError(str(error)) from None
    if finished.returncode or command.get("says", "") not in finished.stdout:
        output = finished.stdout.replace(token, "(the token)") if token else finished.stdout
        raise RegistrationRefusedError(f"exit {finished.returncode}: {output.strip()[-2000:]}")
    return str(finished.stdout)


def read_program_version(parameters: Mapping[str, Any]) -> str:
    """Have the program say which it is."""
    if not parameters["version"]:
        return ""
    match = re.search(
        r"v?\d+\.\d+\.\d+\S*", run_as_user(parameters, {"argv": parameters["version"]})
    )
    return match.group() if match else ""


def make_files_private(parameters: Mapping[str, Any]) -> bool:
    """Have the registration's files the user's alone; tell whether that changed any."""
    user = pwd.getpwnam(parameters["user"])
    owner = (user.pw_uid, user.pw_gid)
    existing = [Path(name) for name in parameters["files"] if Path(name).is_file()]
    return bool(sum(set_owner_and_mode(path, owner, PRIVATE_MODE) for path in existing))


def remove_registration_files(parameters: Mapping[str, Any]) -> bool:
    """Remove the registration's files."""
    existing = [Path(name) for name in parameters["files"] if Path(name).exists()]
    for path in existing:
        path.unlink()
    return bool(existing)


def register_runner(parameters: Mapping[str, Any], command: Mapping[str, Any], token: str) -> None:
    """Register it; where that fails, what it was registered as before is there again."""
    old = {Path(name): Path(f"{name}.before") for name in parameters["files"]}
    existing = {file: aside for file, aside in old.items() if file.exists()}
    for file, aside in existing.items():
        file.replace(aside)
    try:
        run_as_user(parameters, command, token)
    except RegistrationRefusedError:
        for file, aside in existing.items():
            aside.replace(file)
        raise
    for aside in existing.values():
        aside.unlink()


def main() -> None:
    """Answer to Ansible."""
    module = AnsibleModule(argument_spec=OPTIONS)
    parameters = module.params["registration"]
    state, command = module.params["state"], module.params["command"]
    open_reasons = list(find_reasons(parameters))
    keys, known = parameters["seen"], read_json(Path(parameters["seen"]["file"]))
    at = {name: str(known.get(keys[name], "")) for name in ("id", "url", "name")}
    is_registered = any(Path(name).exists() for name in parameters["files"])
    changed = False
    program_version = ""
    try:
        if state == "looked":
            program_version = read_program_version(parameters)
        if state == "present" and (open_reasons or module.params["fresh"]):
            register_runner(parameters, command, module.params["token"])
            changed = True
            open_reasons = []
        elif state == "absent" and is_registered:
            run_as_user(parameters, command, module.params["token"])
            changed = True
    except RegistrationRefusedError as error:
        arguments = command.get("argv") or parameters["version"]
        module.fail_json(
            msg=f"The runner's program did not do '{' '.join(arguments)}':"
            f" {error}. Is the forge reachable from this host, and the token a new one?"
        )
    if state in {"absent", "forgotten"}:
        changed = remove_registration_files(parameters) or changed
    else:
        try:
            changed = make_files_private(parameters) or changed
        except OSError as error:
            module.fail_json(
                msg=f"'{error.filename}' cannot be made private ({error.strerror}). "
                "A link is not followed there: remove it, and register again."
            )
    missing = [name for name in parameters["files"] if not Path(name).is_file()]
    if state == "present" and missing:
        module.fail_json(msg=f"The runner said that it registered, and left no {missing}.")
    module.exit_json(
        changed=changed,
        reasons=open_reasons,
        registered=is_registered,
        version=program_version,
        **at,
    )


if __name__ == "__main__":
    main()
