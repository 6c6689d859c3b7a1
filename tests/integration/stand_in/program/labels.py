"""Labels, as `name:host` or `name:docker://image`."""

from .refusal import Refusal


def names(labels: tuple[str, ...], program: str) -> list[str]:
    """Give the names that the forge hears; refuse what is not a label."""
    return [_name(label, program) for label in labels]


def _name(label: str, program: str) -> str:
    name, *rest = label.split(":", 2)
    if not name or name != name.strip() or "," in name:
        raise Refusal(f'invalid label "{label}"')
    if rest and rest[0] not in {"host", "docker"}:
        raise Refusal(f"unsupported schema: {rest[0]}")
    if program == "forgejo-runner" and rest[:1] == ["host"] and len(rest) > 1:
        raise Refusal("schema: host does not have arguments")
    return name
