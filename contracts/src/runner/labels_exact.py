import json
import re
import sys
from pathlib import Path


def names(labels):
    """A label may say how its jobs are run, behind a colon; the forge sees what is before."""
    words = (str(label).strip() for label in labels)
    return sorted(word.partition(":")[0] for word in words if word)


def of_facts(path):
    try:
        return names(json.loads(path.read_text())["labels"])
    except FileNotFoundError:
        sys.exit(f"'{path}' is not there: which labels were registered is not known.")
    except (OSError, ValueError, LookupError, TypeError) as error:
        sys.exit(f"'{path}' tells no labels ({type(error).__name__}: {error}).")


def of_registration(path):
    """None where this forge's program keeps none there."""
    try:
        told = json.loads(Path(path).read_text())
        return names(told["labels"]) if isinstance(told.get("labels"), list) else None
    except (OSError, ValueError, AttributeError):
        return None


def of_config(path):
    """Of YAML or JSON, the one list of labels; an empty one leaves it to the registration."""
    try:
        text = Path(path).read_text()
    except OSError:
        return None
    inline = re.search(r"(?m)^\s*\"?labels\"?:\s*\[(.*?)\]", text, re.S)
    listed = re.search(r"(?m)^(\s*)labels:[ \t]*\n((?:\1\s*-.*\n?|[ \t]*#.*\n)*)", text)
    if inline:
        found = inline[1].split(",")
    else:
        found = re.findall(r"(?m)^\s*-\s*(.*?)\s*$", listed[2]) if listed else []
    return names(word.strip().strip("\"'") for word in found) or None


wanted, config, *registration = sys.argv[1:]
wanted = names(wanted.split(","))
if not wanted:
    sys.exit("No label was asked for, and jobs find a runner by its labels alone.")
facts = Path("/etc/hardgate/runner-facts.json")
seen = {str(facts): of_facts(facts), config: of_config(config)}
seen |= {path: of_registration(path) for path in registration}
for path, labels in seen.items():
    if labels is None or labels == wanted:
        continue
    more, less = sorted(set(labels) - set(wanted)), sorted(set(wanted) - set(labels))
    told = [
        f"{word}: {', '.join(some)}"
        for word, some in (("more", more), ("missing", less))
        if some
    ]
    sys.exit(
        f"'{path}' has other labels than were asked for; "
        f"{'; '.join(told) or 'one is there twice'}."
    )
