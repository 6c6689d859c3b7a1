"""All of a run that is up, and how it comes down: host, relay, beacon, folder, on any way out."""

import contextlib
import secrets
import shutil
import threading
import time
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path

import docker

from hardgate.engine import watchdog
from hardgate.engine.exec import ENGINE_ERRORS, engine_error_text
from hardgate.engine.reaper import make_private_folder, remove_run_debris
from hardgate.errors import HostError
from hardgate.host.engine_relay import Relay
from hardgate.host.host_session import HostSession
from hardgate.host.lifeline import Lifeline, hold_container
from hardgate.host.observer import Observer, TestHost
from hardgate.host.published_steps import PAUSE_SECONDS, has_answer
from hardgate.host.session_socket import SESSION_FILE, serve_session
from hardgate.host.test_host import NONCE_FILE
from hardgate.system.ownership import Owner

IMAGE_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class LayeredImage:
    """The image under test, as the caller's engine has it."""

    digest: str
    layers: tuple[str, ...]
    """Their diff ids, the lowest first."""


class TestEnvironment:
    """A run's things on the caller's engine and on this machine, until they are taken down."""

    def __init__(self, client: docker.APIClient, engine_url: str, owner: Owner) -> None:
        """Set nothing up yet."""
        self.client = client
        self.engine_url = engine_url
        self.owner = owner
        self.folder = Path()
        self.share = Path()
        """Shown to the host, where it is on the engine's machine."""
        self.host: TestHost | None = None
        self.over = threading.Event()
        """Set when the run is to end: whoever works for it stops."""
        self.probes_over = threading.Event()
        """Set when the probes have run, or the run is to end."""
        self.image: Future[LayeredImage] = Future()
        """The image under test, once it is built or found."""
        self.preparation: Future[None] | None = None
        """What makes the host, once that has begun."""
        self.targets: Future[None] | None = None
        """What makes the probes' targets, once that has begun."""
        self.play: Future[None] | None = None
        """The play that works here, once there is one."""
        self.play_ended = threading.Event()
        """Set when the play has reported its end, without a failure: nothing is made any more."""
        self._kept = False
        self._lifeline: Lifeline | None = None
        self._session: HostSession | None = None
        self._up = contextlib.ExitStack()

    @property
    def relay_url(self) -> str:
        """Where the nested host's engine will answer, once there is a host."""
        return f"unix://{self.folder / 'engine.sock'}"

    @property
    def observer(self) -> Observer | None:
        """The place on the host's side; None where there is no host yet."""
        if self.host is None:
            return None
        return Observer(
            client=self.client,
            container=self.host.container,
            root=self.host.root,
            session=self._session,
        )

    def set_up(self) -> None:
        """Make the private folder, and post the warden."""
        self.folder = make_private_folder(self.owner)
        self.share = self.folder / "share"
        self.share.mkdir(mode=0o700)
        (self.share / NONCE_FILE).write_text(secrets.token_hex(16))
        self._warden = watchdog.start_watchdog(self.folder, self.owner.run, self.engine_url)

    def hold_host(self, host: TestHost) -> Lifeline:
        """Take hold of a host that was just started, and relay its engine and its session."""
        self.host = host
        self._lifeline = hold_container(self.client, host.container, self.over.is_set)
        if host.kind == "nested":
            self._up.enter_context(Relay(self.client, host.container, self.folder / "engine.sock"))
        self._serve_session(host.container)
        return self._lifeline

    def _serve_session(self, container: str) -> None:
        """Serve a session to the play's tasks; where this machine has no room, they do without."""
        session = HostSession(self.client, container)
        with contextlib.suppress(RuntimeError, OSError):
            self._up.enter_context(serve_session(session, self.folder / SESSION_FILE))
            self._up.callback(session.close)
            self._session = session

    def open_session(self) -> None:
        """Start the session of a host that is ready, beside all else that is done there."""
        if self._session is not None:
            self._session.open()

    def await_image(self) -> LayeredImage:
        """Wait for the image under test; HostError where the run ends before."""
        while not wait((self.image,), IMAGE_PAUSE_SECONDS).done:
            if self.over.is_set():
                raise HostError("The run ended before its image was there.")
        return self.image.result()

    def await_step(self, step: str) -> bool:
        """Wait until a step was taken; False where the run or its play ends before."""
        while not has_answer(self.folder, step):
            if self.over.is_set() or (self.play is not None and self.play.done()):
                return False
            time.sleep(PAUSE_SECONDS)
        return True

    def keep_running(self) -> None:
        """Let the host and the workspace outlive the run."""
        if self._lifeline is not None:
            self._lifeline.keep_host()
            self._kept = True

    def take_down(self) -> str:
        """Take everything down; each part in spite of the others.

        Ansible takes a moment to end after its last event. That moment is not waited for before the
        containers are removed; a play that may still make something is.

        Gives what kept the engine from it, empty where it is done. The watchdog goes on then: it
        tries until the engine answers, and removes the folder.
        """
        self.over.set()
        self.probes_over.set()
        # What is under way on the engine would be made when the rest is gone.
        wait([work for work in (self.preparation, self.targets) if work is not None])
        if not self.play_ended.is_set():
            self._wait_for_play()
        problem = "" if self._kept else self._remove_debris()
        with contextlib.ExitStack() as last:
            last.callback(self._dismiss_watchdog, waits=not problem)
            if not problem:
                last.callback(shutil.rmtree, self.folder, ignore_errors=True)
            last.callback(self._wait_for_play)
            last.callback(self._up.close)
            if self._lifeline is not None:
                last.callback(self._lifeline.close)
        return problem

    def _wait_for_play(self) -> None:
        if self.play is not None:
            wait((self.play,))

    def _remove_debris(self) -> str:
        try:
            remove_run_debris(self.client, self.owner.run)
        except ENGINE_ERRORS as error:
            return engine_error_text(error)
        return ""

    def _dismiss_watchdog(self, *, waits: bool) -> None:
        self._warden.stdin.close()  # type: ignore[union-attr]  # it was opened as a pipe
        if waits:
            self._warden.wait()
