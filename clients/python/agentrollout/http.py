"""Requests over connections that stay open, one per thread."""

from __future__ import annotations

import http.client
import json
import threading
import time
from typing import Any, Iterator
from urllib.parse import urlsplit

from .errors import ConnectionLost, ServerError

JSON, NDJSON, SAFETENSORS = "application/json", "application/x-ndjson", "application/vnd.safetensors"
_BROKEN = (ConnectionError, http.client.HTTPException, TimeoutError, OSError)


class Http:
    """Speaks to one server.

    Args:
        url: ``http://HOST:PORT`` or ``https://…``.
        api_key: sent as bearer token.
        timeout: seconds of silence after which a request fails.
        reconnect: seconds for which a request that cannot reach the server is tried again, for servers that restart.
    """

    def __init__(self, url: str, api_key: str | None, timeout: float, reconnect: float):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{url}' is not the address of a server; it looks like http://127.0.0.1:5080.")
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout, self._reconnect = timeout, reconnect
        self._local = threading.local()

    def json(
        self, method: str, path: str, body: Any = None, *, repeatable: bool = True, silence: float = 0, headers: dict[str, str] | None = None
    ) -> Any:
        """Sends JSON and reads JSON; None for an empty answer. See ``request`` for the rest."""
        _, data = self.request(method, path, body, repeatable=repeatable, silence=silence, headers=headers)
        return json.loads(data) if data else None

    def request(
        self, method: str, path: str, body: Any = None, *, accept: str = JSON, repeatable: bool = True, silence: float = 0,
        headers: dict[str, str] | None = None,
    ) -> tuple[str, bytes]:
        """Sends a request and reads the whole answer.

        Args:
            body: sent as it is where it is bytes-like, else as JSON.
            repeatable: whether the request may be sent again when it is unknown whether the first arrived.
            silence: further seconds that the server may take before it answers, because it was asked to wait.
            headers: further headers.

        Returns:
            Content type and body.
        """
        response = self._open(method, path, body, {"Accept": accept, **(headers or {})}, repeatable, silence)
        try:
            data = response.read()
        except _BROKEN as error:
            self.close()
            raise ConnectionLost(f"{method} {path} broke off: {error}") from error
        self._refuse(response, data)
        return response.headers.get_content_type(), data

    def lines(self, path: str) -> Iterator[Any]:
        """Reads lines of JSON as they come, over a connection of their own."""
        connection = self._connect(self._host, self._port)
        try:
            connection.request("GET", self._prefix + path, headers={**self._headers, "Accept": NDJSON})
            response = connection.getresponse()
            if response.status >= 400:
                self._refuse(response, response.read())
            while line := response.readline():
                yield json.loads(line)
        except _BROKEN as error:
            raise ConnectionLost(f"GET {path} broke off: {error}") from error
        finally:
            connection.close()

    def close(self) -> None:
        """Closes this thread's connection; the next request opens another."""
        if connection := getattr(self._local, "connection", None):
            connection.close()
            self._local.connection = None

    def _open(self, method, path, body, headers, repeatable, silence) -> http.client.HTTPResponse:
        raw = isinstance(body, (bytes, bytearray, memoryview))
        headers = {**self._headers, **headers}
        if body is not None:
            headers["Content-Type"] = "application/octet-stream" if raw else JSON
            body = body if raw else json.dumps(body).encode()
        elif method != "GET":
            headers["Content-Length"] = "0"
        deadline = time.monotonic() + self._reconnect
        while True:
            fresh = getattr(self._local, "connection", None) is None
            sent = False
            try:
                connection = self._connection()
                if fresh:
                    connection.connect()
                connection.sock.settimeout(self._timeout + silence)
                sent = True
                connection.request(method, self._prefix + path, body, headers)
                return connection.getresponse()
            except _BROKEN as error:
                self.close()
                # A connection that was idle may have been closed by the server meanwhile.
                stale = not fresh and isinstance(error, (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError))
                if (sent and not repeatable and not stale) or (time.monotonic() >= deadline and not stale):
                    raise ConnectionLost(f"{method} {path} got no answer from {self._host}:{self._port}: {error}") from error
                if not stale:
                    time.sleep(0.2)

    def _connection(self):
        if getattr(self._local, "connection", None) is None:
            self._local.connection = self._connect(self._host, self._port, timeout=self._timeout)
        return self._local.connection

    @staticmethod
    def _refuse(response: http.client.HTTPResponse, data: bytes) -> None:
        if response.status < 400:
            return
        try:
            problem = json.loads(data)
            raise ServerError(response.status, problem.get("code", ""), problem.get("detail", ""))
        except (ValueError, AttributeError):
            raise ServerError(response.status, "", data.decode(errors="replace")[:200]) from None
