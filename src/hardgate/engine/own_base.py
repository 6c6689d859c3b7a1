"""Whose base an image is built on: the Dockerfile's own, else hardgate's."""

from dataclasses import replace

from docker.errors import APIError, DockerException, ImageNotFound
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from hardgate.engine.build_request import BuildRequest
from hardgate.engine.client import EngineClient
from hardgate.engine.dockerfile_base import BASE_ARGUMENT, read_base_reference

REGISTRY_SECONDS = 20
"""How long a registry may take to say whether it has an image."""


def explain_own_base(
    client: EngineClient, request: BuildRequest, *, base_given: bool
) -> str | None:
    """Say why hardgate's base takes the place of the Dockerfile's own; None where it does not.

    An image that the engine has, or a registry, is what 'docker build' would take, and stays.
    `base_given`: the caller named a file for it ('--base').
    """
    if BASE_ARGUMENT in request.arguments:
        return None
    text = request.dockerfile.read_text(errors="replace")
    reference = read_base_reference(text, request.arguments)
    if reference is None:
        return None
    if base_given:
        return "'--base' gives it"
    if not reference:
        return f"the Dockerfile gives {BASE_ARGUMENT} no value"
    return _explain_missing_image(client, reference)


def _explain_missing_image(client: EngineClient, reference: str) -> str | None:
    if reference == "scratch":
        return None
    try:
        client.inspect_image(reference)
    except ImageNotFound:
        pass
    except APIError:
        return None  # no name of an image at all: the builder says that of the Dockerfile
    else:
        return None
    refusal = ask_registry(client, reference)
    if not refusal:
        return None
    return f"the engine does not have '{reference}', and no registry gave it ({refusal})"


def set_base(request: BuildRequest, base: str) -> BuildRequest:
    """Have a request built on `base`."""
    return replace(request, arguments={**request.arguments, BASE_ARGUMENT: base})


def describe_own_base(base: str, reason: str) -> str:
    """Write what every report says of a base that is not the Dockerfile's own."""
    return (
        f"{BASE_ARGUMENT} was hardgate's own base '{base}': {reason}. Another is named by "
        f"'--build-arg {BASE_ARGUMENT}=IMAGE'."
    )


def ask_registry(client: EngineClient, reference: str) -> str:
    """Ask, by the engine, whether a registry has an image. Give its 'no' in a line, or nothing."""
    client.silence_seconds = REGISTRY_SECONDS
    try:
        client.inspect_distribution(reference)
    except APIError as error:
        return _first_line_of(str(error.explanation or error))
    except (DockerException, HTTPError, RequestException, OSError) as error:
        return _first_line_of(str(error))
    finally:
        client.silence_seconds = None
    return ""


def _first_line_of(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:200].rstrip(".") if lines else "no reason given"
