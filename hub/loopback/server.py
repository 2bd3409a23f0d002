"""The loopback Hub: starts and stops the server, and keeps what was asked of it."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from urllib.parse import parse_qs

from filelock import FileLock, Timeout

from ...schema.errors import WrongUsageError
from . import commit_api, discussion_api, file_api, repository_api
from .accounts import Accounts
from .blobs import PIECE, Blobs
from .exchange import Answer, Body, Call, ConnectionCutError, refusal_answer, send
from .faults import Fault, Faults, failure
from .lfs import Uploads
from .refusals import RefusedError
from .repositories import Repositories
from .service import Route, Service
from .xet import XetStorage

ROUTES: tuple[Route, ...] = (
    *repository_api.ROUTES,
    *file_api.ROUTES,
    *commit_api.ROUTES,
    *discussion_api.ROUTES,
)
PART_SIZE = 64 * 1024 * 1024
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """A call that the Hub has had.

    Attributes:
        kind: One of `KINDS`.
        method: The HTTP method.
        path: The path with its query, as it came.
        status: The status of the answer; 0 where the connection was cut before one.
        received: Bytes of the call's body.
        sent: Bytes of the answer's body.
    """

    kind: str
    method: str
    path: str
    status: int
    received: int
    sent: int


class LoopbackHub:
    """A Hub on 127.0.0.1, for as long as the `with` block lasts.

    What it holds is in its folder, and a Hub that is opened on the same folder again has it. Users are not
    kept.

    Args:
        folder: Where it keeps its repositories; made if it is not there.
        xet: Whether large files go to a Xet storage, as they do on the Hub; else they go by LFS.
        part_size: Files that are larger go by LFS in parts of that many bytes.

    Attributes:
        requests: Every call so far, in the order of their answers.

    Example:
        >>> with LoopbackHub(folder) as hub:
        ...     token = hub.add_user("ada")
        ...     HfApi(endpoint=hub.endpoint, token=token).create_repo("ada/names", repo_type="dataset")
    """

    def __init__(self, folder: Path, *, xet: bool = False, part_size: int = PART_SIZE) -> None:
        self.requests: list[Request] = []
        self._folder = folder.resolve()
        self._xet = xet
        self._part_size = part_size
        self._accounts = Accounts()
        self._faults = Faults()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._folder_lock = FileLock(self._folder / ".lock", timeout=0)
        self._server: _Server | None = None

    def __enter__(self) -> LoopbackHub:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._folder_lock.acquire()
        except Timeout as error:
            raise WrongUsageError(
                "another loopback Hub is running here", where=str(self._folder), hint="Choose another folder."
            ) from error
        try:
            self._stopping.clear()
            self._server = _Server(self)
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
            self._service = self._open_folder()  # nobody knows the address yet
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    @property
    def endpoint(self) -> str:
        """The address, as `HF_ENDPOINT` and `HfApi(endpoint=…)` take it.

        Raises:
            WrongUsageError: If the Hub is not running.
        """
        if self._server is None:
            raise WrongUsageError("the loopback Hub is not running", hint="Use it in a `with` block.")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add_user(self, name: str, *, organizations: Sequence[str] = (), role: str = "write") -> str:
        """Let there be a user, and return a token of theirs; called again, another one.

        Args:
            name: The user's name.
            organizations: Organisations that the user belongs to, whose repositories are the user's too.
            role: `read` or `write`.
        """
        return self._accounts.add_user(name, organizations, role)

    def trust(self, repo_id: str, *, subject: str) -> str:
        """Make a CI job a trusted publisher of a dataset; return the OIDC token that such a job would get.

        Args:
            repo_id: The dataset.
            subject: The job, as its CI names it: `repo:ada/names:ref:refs/heads/main`.
        """
        return self._accounts.trust(f"datasets/{repo_id}", subject, self.endpoint)

    def fail(
        self,
        kind: str,
        *,
        status: int | None = None,
        times: int = 1,
        retry_after: float | None = None,
        after_bytes: int | None = None,
        hang: float | None = None,
    ) -> None:
        """Let the next calls of a kind go wrong; what is planned twice happens one after the other.

        Args:
            kind: One of `KINDS`.
            status: Answer with this status, and carry nothing out; 500 where nothing else is asked for.
            times: How many calls.
            retry_after: Seconds to name in `Retry-After`.
            after_bytes: Cut the connection: an upload's once that many bytes have come in, any other call's
                once it has been carried out and that many bytes of the answer have gone out, at the latest
                before the last. So a large number loses the answer to a commit that has happened.
            hang: Wait that many seconds first.
        """
        if status is None and after_bytes is None and hang is None:
            status = 500
        self._faults.plan(kind, Fault(status, retry_after, after_bytes, hang), times)

    def environment(self, token: str | None, home: Path) -> dict[str, str]:
        """Return what clients in a process of their own need in their environment, over what it holds anyway.

        Args:
            token: The token to use; None for nobody's.
            home: A folder for the clients' caches.
        """
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_TOKEN": token or "",
            "HUGGING_FACE_HUB_TOKEN": "",
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_XET_CACHE": str(home / "xet"),
            "HF_DATASETS_CACHE": str(home / "datasets"),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_OIDC_RESOURCE": "",
            "HF_HUB_OFFLINE": "0",
            "HF_DATASETS_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "0" if self._xet else "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "NO_PROXY": "127.0.0.1",
        }

    def _close(self) -> None:
        self._stopping.set()
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._folder_lock.release()

    def _open_folder(self) -> Service:
        blobs = Blobs(self._folder)
        return Service(
            endpoint=self.endpoint,
            accounts=self._accounts,
            repositories=Repositories(self._folder, blobs),
            blobs=blobs,
            uploads=Uploads(blobs, self._part_size),
            xet=XetStorage(self._folder, blobs) if self._xet else None,
        )

    def serve(self, connection: _Connection) -> None:
        """Answer one call: what every connection does with what comes in."""
        target = connection.path
        path, _, query = target.partition("?")
        route, names = _find_route(connection.command, path)
        kind = route.kind if route else "other"
        fault = self._faults.take(kind) or Fault()
        body = Body(connection.body, connection.headers)
        if kind == "lfs-upload":
            body.cut_after = fault.after_bytes
        call = Call(connection.command, target, parse_qs(query), connection.headers, body, names)
        request, place = Request(kind, connection.command, target, 0, 0, 0), None
        try:
            answer = self._answer(route, call, fault)
            body.drain()
            request = replace(request, status=answer.status, received=body.received)
            sent = 0 if call.method == "HEAD" else len(answer.content)
            place = self._keep(replace(request, sent=sent))
            send(connection, answer, fault.after_bytes)
        except ConnectionCutError as cut:
            connection.close_connection = True
            status = request.status if cut.sent is not None else 0
            cut_off = replace(request, status=status, received=body.received, sent=cut.sent or 0)
            self._keep(cut_off, place)

    def _answer(self, route: Route | None, call: Call, fault: Fault) -> Answer:
        if fault.hang is not None:
            self._stopping.wait(fault.hang)
        try:
            if fault.status is not None:
                raise failure(fault)
            if route is None:
                raise RefusedError(404, "The loopback Hub has nothing here")
            return route.handler(self._service, call)
        except RefusedError as refusal:
            return refusal_answer(refusal)
        except ConnectionCutError:
            raise
        except Exception as error:
            _LOG.exception("%s %s", call.method, call.target)
            return refusal_answer(RefusedError(500, f"The loopback Hub failed: {error!r}"))

    def _keep(self, request: Request, place: int | None = None) -> int:
        """Note a call, or correct a note, and return its place.

        It is noted before its answer goes out, so that whoever has the answer finds it.
        """
        with self._lock:
            if place is None:
                self.requests.append(request)
                return len(self.requests) - 1
            self.requests[place] = request
            return place


def _find_route(method: str, path: str) -> tuple[Route | None, dict[str, str]]:
    for route in ROUTES:
        if (names := route.names(method, path)) is not None:
            return route, names
    return None, {}


class _Server(ThreadingHTTPServer):
    """Listens on a free port; `stop` also ends the connections that clients keep open."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, hub: LoopbackHub) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.hub = hub
        self._open: set[socket.socket] = set()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with suppress(OSError):  # it ended by itself just now
                connection.shutdown(socket.SHUT_RDWR)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def close_request(self, request: Any) -> None:
        self._open.discard(request)
        super().close_request(request)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = PIECE

    @property
    def body(self) -> BufferedReader:
        return cast(BufferedReader, self.rfile)

    def do_GET(self) -> None:
        cast(_Server, self.server).hub.serve(self)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  the base class calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class calls it so
        """Write nothing: `LoopbackHub.requests` is the log."""
