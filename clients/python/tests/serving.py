"""Starts, kills and stops a real server with the shipped model, on a port of its own."""

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "clients/python"))

from agentrollout import Client  # noqa: E402
from agentrollout.errors import ConnectionLost  # noqa: E402

PROGRAM = ROOT / "artifacts/bin/Gateway/release/agentrollout.dll"


def free_port() -> int:
    """A port on which nobody listens, below those that the system gives to connections, which could take it before the server does."""
    while True:
        port = random.randrange(30_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Server:
    """A process of ``agentrollout serve``."""

    def __init__(self, folder: pathlib.Path):
        if not PROGRAM.exists():
            raise FileNotFoundError(f"{PROGRAM} is missing; run dotnet build -c Release.")
        self.url = f"http://127.0.0.1:{free_port()}"
        self._config, self._log = folder / "config.json", open(folder / "server.log", "ab")
        self._config.write_text(json.dumps({
            "urls": [self.url], "database": str(folder / "rollouts.db"), "engine": {"threads": 1, "kv_cache_mib": 64, "kv_cache_type": "float32"}}))
        self._process = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["dotnet", PROGRAM, "serve", "--config", self._config], stdout=self._log, stderr=self._log, cwd=ROOT,
            env={**os.environ, "DOTNET_NOLOGO": "1"})
        client = Client(self.url)
        for _ in range(300):
            try:
                client.environments()
                return
            except ConnectionLost:
                assert self._process.poll() is None, pathlib.Path(self._log.name).read_text()
                time.sleep(0.1)
        raise AssertionError("The server does not answer.")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)
