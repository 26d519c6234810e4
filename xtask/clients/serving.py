"""A server under test, for the scripts that connect clients to it."""

from __future__ import annotations

import os
import re
import subprocess


class Listening:
    """A server process that listens on a free port of loopback."""

    def __init__(
        self,
        command: list[str],
        *options: str,
        transport: str = "http",
        environment: dict[str, str] | None = None,
    ):
        self.command = [*command, transport, "--listen", "127.0.0.1:0", *options]
        self.environment = os.environ | (environment or {})

    def __enter__(self) -> str:
        """The address, such as `127.0.0.1:8000`."""
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = ""
        for line in self.process.stderr:
            said += line
            if found := re.search(r"(?:http|ws)://(127\.0\.0\.1:\d+)/", line):
                return found.group(1)
        raise RuntimeError(f"the server did not say where it listens: {said}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.stderr.read()
        status = self.process.wait(timeout=30)
        assert status == 0, f"SIGTERM should end the server with 0, not {status}"
