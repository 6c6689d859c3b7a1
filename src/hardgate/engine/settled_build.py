"""Settles what a build is made from and by which client, before anything is built."""

from collections.abc import Callable
from dataclasses import dataclass

from hardgate.engine.build_request import BuildRequest
from hardgate.engine.build_way import BuildWay, find_build_way
from hardgate.engine.client import Engine
from hardgate.engine.own_base import describe_own_base, explain_own_base, set_base


@dataclass(frozen=True, kw_only=True)
class SettledBuild:
    """A build request with its base, and the client that builds it."""

    request: BuildRequest
    way: BuildWay


def settle_build(
    engine: Engine,
    request: BuildRequest,
    *,
    base_given: bool,
    provide_base: Callable[[], str],
    note: Callable[[str], None],
) -> SettledBuild:
    """Let hardgate's base step in where the Dockerfile's own cannot be had, and find the client.

    `provide_base` gives the reference of hardgate's base, and is called only where it is needed;
    `base_given` says that the caller named a file for it. `note` is given what a reader of the
    reports must not miss.
    """
    reason = explain_own_base(engine.open_client(), request, base_given=base_given)
    if reason is not None:
        base = provide_base()
        note(describe_own_base(base, reason))
        request = set_base(request, base)
    way = find_build_way(request.environment)
    if way.notice:
        note(way.notice)
    return SettledBuild(request=request, way=way)
