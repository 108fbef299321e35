"""One configuration on one binary: starts the server, sends the requests, and collects all it leaves.

The result maps the name of each case to normalised text.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import tree
import wire
from configurations import Configuration
from normalise import normalise
from raw_requests import GROUPS

START_SECS = 20.0
STOP_SECS = 20.0
POLL_SECS = 0.005
NOBODY = 65534


@dataclass(frozen=True)
class Side:
    """A pair of binaries, and a directory of its own."""

    name: str
    server: Path
    client: Path
    work: Path
    site: Path

    def paths(self, own: Path) -> dict[str, str]:
        """Paths in output, and the words in their place."""
        return {str(own): "(own)", str(self.site): "(site)", str(self.work): "(work)",
            str(self.server): "reactor-server"}


def environment(more: dict[str, str]) -> dict[str, str]:
    """A small environment that is the same everywhere."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TZ": "UTC", "LC_ALL": "C.UTF-8", "USER": "tester", **more}


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A server under way, with its output in files."""

    process: subprocess.Popen[bytes]
    own: Path
    port: int = 0
    # Of the number exchange.
    sum_port: int = 0

    @classmethod
    def start(cls, binary: Path, args: list[str], own: Path, more: dict[str, str]) -> "Server":
        """Starts it on a free port, and waits until it listens. Root hands it to nobody."""
        quiet_port = free_port() if "-q" in args else 0
        port = [] if "--no-http" in args else ["-p", str(quiet_port)]
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if user:
            for path in [own, *own.rglob("*")]:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        with (own / "stdout").open("wb") as out, (own / "stderr").open("wb") as err:
            process = subprocess.Popen(
                [binary, *port, *args],
                cwd=own,
                env=environment(more),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                **user,
            )
        server = cls(process, own, quiet_port)
        words = {"-q": [], "--no-http": ["sum "], "--sum-port": ["http://", "sum "]}
        named = next((expected for word, expected in words.items() if word in args), ["http://"])
        server._wait(named)
        return server

    def _wait(self, named: list[str]) -> None:
        """Waits for the addresses that it prints, or until it takes connections."""
        deadline = time.monotonic() + START_SECS
        while time.monotonic() < deadline and self.process.poll() is None:
            said = (self.own / "stdout").read_text(encoding="utf-8", errors="replace")
            found = {word: re.search(rf"(?m)^{word}127\.0\.0\.1:(\d+)/?$", said) for word in named}
            if named and all(found.values()):
                ports = {word: int(match[1]) for word, match in found.items() if match}
                self.port, self.sum_port = ports.get("http://", 0), ports.get("sum ", 0)
                return
            if not named:
                try:
                    wire.connect(self.port).close()
                    return
                except ConnectionError:
                    pass
            time.sleep(POLL_SECS)
        self.process.kill()
        raise RuntimeError(f"it does not start: {(self.own / 'stderr').read_bytes()!r}")

    def stop(self) -> int:
        """Ends it by SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def _prepare(configuration: Configuration, side: Side, own: Path) -> list[str]:
    """Makes the directory of the server; its arguments."""
    own.mkdir(parents=True)
    site = side.site
    if configuration.stores:
        site = own / "site"
        (site / "in").mkdir(parents=True)
        (site / "a.txt").write_bytes(b"a\n")
        for name in ("404.html", "500.html"):
            shutil.copy(side.site / name, site / name)
        (site / "in" / "link").symlink_to("../a.txt")
    if configuration.settings:
        (own / "settings.toml").write_text(configuration.settings, encoding="utf-8")
    log = ["--access-log", "access.log"] if configuration.logs_to_file else []
    # Version 0.2.0 serves them where nothing is given.
    built_in = [] if side.name == "old" else ["--welcome"]
    root = built_in if configuration.is_built_in else ["-d", str(site)]
    served = [] if "--no-http" in configuration.args else [*log, *root]
    return [arg.replace("{own}", str(own)) for arg in [*configuration.args, *served]]


def observe(configuration: Configuration, side: Side) -> dict[str, str]:
    """All that the configuration shows on these binaries, case by case."""
    own = side.work / "servers" / re.sub(r"\W+", "-", configuration.name)
    args = _prepare(configuration, side, own)
    paths = side.paths(own)
    found: dict[str, str] = {}
    try:
        server = Server.start(side.server, args, own, configuration.environment)
    except RuntimeError as error:
        return {f"{configuration.name}: start": normalise(str(error).encode(), paths)}
    try:
        for group in configuration.groups:
            port = server.sum_port if group == "numbers" else server.port
            for number, request in enumerate(GROUPS[group]()):
                name = f"{configuration.name}: {group} {number}: {request.name[:100]}"
                try:
                    responses, more = wire.exchange(port, request)
                except OSError as error:
                    # It may have crashed; the other cases tell when.
                    responses, more = f"({type(error).__name__})".encode(), b""
                found[name] = normalise(responses, paths, configuration.stores)
                found[f"{name} [one more request]"] = normalise(more, paths)
    finally:
        code = server.stop()
    found[f"{configuration.name}: exit code"] = str(code)
    for name in ("stdout", "stderr", "access.log"):
        if (own / name).exists():
            found |= _lines(f"{configuration.name}: {name}", own / name, paths, configuration)
    if configuration.stores:
        for name, content in tree.contents(own / "site").items():
            found[f"{configuration.name}: stored {name}"] = normalise(content, {})
    return found


def _lines(name: str, file: Path, paths: dict[str, str], configuration: Configuration) -> dict[str, str]:
    """The lines of a file, each a case, so that a difference shows where it is."""
    # What is made long is not cut here: each line is normalised by itself.
    blocks = file.read_bytes().split(b"\n")
    lines = [normalise(line + b"\n", paths, configuration.stores) for line in blocks]
    if not configuration.is_ordered:
        lines = sorted(re.sub(r'connection"?:? ?\d+', "connection N", line) for line in lines)
    return {f"{name}, line {number}": line for number, line in enumerate(lines, 1)}


def requests_sent(found: dict[str, str]) -> int:
    """How many of the cases are requests."""
    groups = "|".join(GROUPS)
    return sum(1 for name in found if re.search(rf": ({groups}) \d+: .*(?<!request\])$", name, re.S))
