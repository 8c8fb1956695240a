"""The entry point."""

from __future__ import annotations

from typing import Any

from .http import Http
from .rollouts import Rollouts
from .weights import Weights


class Client:
    """A server. Safe to use from several threads.

    Args:
        url: where it listens.
        api_key: needed where the server has API keys.
        timeout: seconds of silence after which a request fails with ``ConnectionLost``.
        reconnect: seconds for which requests that cannot reach the server are tried again: set it where the server may restart.
    """

    def __init__(self, url: str = "http://127.0.0.1:5080", *, api_key: str | None = None, timeout: float = 60, reconnect: float = 0):
        self._http = Http(url, api_key, timeout, reconnect)
        self.rollouts = Rollouts(self._http)
        self.weights = Weights(self._http)
        self.engine = Engine(self._http)

    def environments(self) -> list[dict[str, Any]]:
        """The registered environments."""
        return self._http.json("GET", "/v1/environments")

    def tools(self) -> list[dict[str, Any]]:
        """The registered tools, with their schemas."""
        return self._http.json("GET", "/v1/tools")


class Engine:
    """What a trainer on the same machine asks of the engine between two steps."""

    def __init__(self, http: Http):
        self._http = http

    def describe(self) -> dict[str, Any]:
        """Name, limits, weight version, load and cache of the engine."""
        return self._http.json("GET", "/v1/engine")

    def pause(self) -> None:
        """Stops after the step in progress; sequences keep their places."""
        self._http.json("POST", "/v1/engine/pause")

    def resume(self) -> None:
        """Goes on after ``pause``."""
        self._http.json("POST", "/v1/engine/resume")

    def flush_cache(self) -> int:
        """Forgets what no sequence uses; returns the pages that are free by it."""
        return self._http.json("POST", "/v1/engine/flush_cache")["freed_pages"]

    def release_memory(self, *tags: str) -> dict[str, int]:
        """Gives memory back to the system: ``weights``, ``kv_cache``, or both where none is named. Returns bytes by kind."""
        return self._http.json("POST", "/v1/engine/release_memory", {"tags": list(tags) or None})

    def resume_memory(self, *tags: str) -> None:
        """Takes memory back."""
        self._http.json("POST", "/v1/engine/resume_memory", {"tags": list(tags) or None})
