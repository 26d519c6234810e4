"""Runs the client examples as their README does, against the example servers, and checks what they print.

SSH is a real sshd on loopback, with a host key of its own and the forced command of `deploy/ec2/authorized_keys`. Run
by `cargo xtask test`.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import hashlib
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator

from check import expected_top
from serving import Listening

KEY = "a key of the tests"
# What the seeds of the workload cost at list prices: a million requests at $0.20, and two million GB-seconds at
# $0.0000166667.
LAMBDA_USD = "33.53"


class Examples:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def __call__(self, script: str, *arguments: str, key: str | None = None) -> str:
        done = self.run(script, *arguments, key=key)
        assert done.returncode == 0, f"exit {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def run(self, script: str, *arguments: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("GOOGLE_API_KEY", "MCP_SERVER_KEY")
        }
        if key is not None:
            environment["MCP_SERVER_KEY"] = key
        return subprocess.run(
            [sys.executable, self.folder / script, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def sshd(authorized_keys: str, open_port: int, server: str) -> Iterator[list[str]]:
    """A real sshd that lets in one key, and how a client calls it."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for key in ("host", "client"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        public = (folder / "client.pub").read_text().strip()
        line = authorized_keys.replace("PUBLIC_KEY", public)
        line = line.replace("/usr/local/bin/mcp-server", server).replace(":8000", f":{open_port}")
        assert server in line and str(open_port) in line, "authorized_keys is not what it was"
        (folder / "authorized_keys").write_text(line)
        (folder / "authorized_keys").chmod(0o600)
        port = free_port()
        (folder / "config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\n"
            # The folder belongs to a temporary directory that everyone may write to.
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            # The tests may be root's; without a forced command even its key opens nothing.
            "PermitRootLogin forced-commands-only\nAllowTcpForwarding yes\n"
        )
        host = (folder / "host.pub").read_text().split()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host[0]} {host[1]}\n")
        if os.getuid() == 0:
            pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        daemon = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"],
            stderr=(folder / "log").open("w"),
        )
        try:
            wait_for(port, daemon, folder / "log")
            yield [
                "ssh", "-T", "-F", "none", "-p", str(port), "-i", str(folder / "client"),
                "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
                "-o", f"UserKnownHostsFile={folder}/known_hosts", f"{getpass.getuser()}@127.0.0.1",
            ]
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)


def wait_for(port: int, daemon: subprocess.Popen, log: pathlib.Path) -> None:
    for _ in range(200):
        assert daemon.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"sshd does not listen: {log.read_text()}")


def has_all(text: str, products: list[str]) -> None:
    places = [text.find(product) for product in products]
    assert -1 not in places and places == sorted(places), f"{products} are not named in order: {text}"


def checks(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], None]]]:
    example = Examples(options.examples)
    products = [product for product, _ in expected_top(options.sales, 3, "Dallas")]
    sales = str(options.binaries / "sales-server")
    costs = str(options.binaries / "cost-server")

    with Listening([sales], "--legacy-sse") as address:
        stdio = ["stdio", sales, "stdio"]
        http = ["http", f"http://{address}/mcp"]
        sse = ["sse", f"http://{address}/sse"]
        for script in ("mcp_sdk.py", "adk_agent.py"):
            for target in (stdio, http, sse):
                yield f"{script}, {target[0]}", lambda s=script, t=target: has_all(example(s, *t), products)
        yield "plain_requests.py", lambda: has_all(example("plain_requests.py", http[1]), products)

        port = int(address.split(":")[1])
        with sshd(options.authorized_keys.read_text(), port, sales) as ssh:
            yield "mcp_sdk.py, ssh", lambda: has_all(example("mcp_sdk.py", "stdio", *ssh), products)
            yield "adk_agent.py, ssh", lambda: has_all(example("adk_agent.py", "stdio", *ssh), products)
            yield "mcp call ssh:HOST", lambda: has_all(mcp(options.mcp, ssh, "call", "top_n_products", "n=3", "operation=Dallas"), products)
            yield "mcp doctor ssh:HOST", lambda: has_all(mcp(options.mcp, ssh, "doctor"), ["ssh: ", "2026-07-28: spoken", "older: spoken"])
            yield "ssh starts the server whatever is asked for", lambda: forced(ssh)
            yield "ssh opens a tunnel to the server alone", lambda: tunnels(ssh, port)

    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with Listening([sales], environment={"MCP_API_KEYS": f"tests sha256:{digest} sales:read"}) as address:
        url = f"http://{address}/mcp"
        for script, target in (("mcp_sdk.py", ["http", url]), ("adk_agent.py", ["http", url]), ("plain_requests.py", [url])):
            yield f"{script}, with a key", lambda s=script, t=target: has_all(example(s, *t, key=KEY), products)
            yield f"{script}, without one", lambda s=script, t=target: refused(example, s, t)

    with Listening([costs]) as address:
        for target in (["stdio", costs, "stdio"], ["http", f"http://{address}/mcp"]):
            yield f"adk_cost_workflow.py, {target[0]}", lambda t=target: workflow(example("adk_cost_workflow.py", *t))


def refused(example: Examples, script: str, target: list[str]) -> None:
    done = example.run(script, *target)
    assert done.returncode != 0, f"{script} is answered without a credential: {done.stdout}"


def forced(ssh: list[str]) -> None:
    request = '{"jsonrpc":"2.0","id":7,"method":"tools/list"}\n'
    done = subprocess.run([*ssh, "cat", "/etc/passwd"], input=request, capture_output=True, text=True, timeout=60)
    assert '"id":7' in done.stdout and "top_n_products" in done.stdout, done.stdout + done.stderr
    assert "root:" not in done.stdout, "the command that was asked for has run"


def mcp(program: pathlib.Path, ssh: list[str], command: str, *arguments: str) -> str:
    """What the command `mcp` prints about a server behind `ssh:HOST`, which it starts ssh for by itself. What this
    sshd is reached by would stand in ~/.ssh/config; here a program in front of ssh adds it."""
    with tempfile.TemporaryDirectory() as name:
        before = pathlib.Path(name) / "ssh"
        before.write_text(f'#!/bin/sh\nexec {shlex.join([shutil.which("ssh") or "ssh", *ssh[2:-1]])} "$@"\n')
        before.chmod(0o755)
        environment = {**os.environ, "PATH": f"{name}:{os.environ['PATH']}"}
        done = subprocess.run(
            [program, command, f"ssh:{ssh[-1]}", *arguments], capture_output=True, text=True, timeout=120, env=environment
        )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


def tunnels(ssh: list[str], port: int) -> None:
    def through(target: int) -> str:
        command = [*ssh[:-1], "-W", f"127.0.0.1:{target}", ssh[-1]]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as tunnel:
            with contextlib.suppress(BrokenPipeError):
                # Left open until the answer is there: half a connection is none to the server.
                tunnel.stdin.write("GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
                tunnel.stdin.flush()
            return tunnel.stdout.read()

    assert '"status":"ok"' in through(port), "no tunnel to the server"
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert through(other.getsockname()[1]) == "", "a tunnel to something else"


def workflow(said: str) -> None:
    lines = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    assert f"${LAMBDA_USD} a month" in lines["cost_analyst"], said
    assert "Best for this workload" in lines["optimizer"], said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--binaries", "--mcp", "--examples", "--sales", "--authorized-keys"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    passed, failed = 0, 0
    for title, check in checks(parser.parse_args()):
        try:
            check()
        except Exception:
            failed += 1
            print(f"FAILED examples: {title}", file=sys.stderr)
            traceback.print_exc()
        else:
            passed += 1
            print(f"ok     examples: {title}", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
