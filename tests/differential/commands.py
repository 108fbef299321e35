"""Runs of command lines: standard output, standard error, exit code, files made, and what a server heard.

Each line finds the same files in its working directory.
"""

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import client_lines
import server_lines
import tree
from lines import Group, Line
from normalise import json_report, key_paths, normalise, text_report
from scripted import Scripted
from serving import Server, Side, environment

GROUPS = server_lines.GROUPS + client_lines.GROUPS

FIXTURES = Path(__file__).parent.parent / "it" / "fixtures"
LINE_SECS = 30.0
# A busy machine may make the load generator the limit; whether it was is not compared, nor what a search has found.
CLIENT_BOUND = 97

_SETTINGS = """port = 7
root = 'site'
bind = ['127.0.0.1', '::1']
quiet = true
idle-timeout = '2m'
[error-page]
404 = 'index.html'
"""

_FILES: dict[str, bytes] = {
    "a.txt": b"a file to send\nwith two lines\n",
    "empty": b"",
    "big": b"0123456789abcdef" * 20_000,
    "urls": b"# pages\n/a.txt\n\n/missing\n",
    "bad-urls": b"/a.txt\nhttp://\n",
    "site/index.html": b"<p>home</p>\n",
    "site/in/a.txt": b"a\n",
    "other/index.html": b"<p>other</p>\n",
    "site.toml": _SETTINGS.encode(),
    "bad.toml": b"port = 7\nroot = \n",
    "unknown.toml": b"prot = 7\n",
    "types.toml": b"port = 'x'\nquiet = 1\n",
    "nested.toml": b"[port]\na = 1\n",
}


def _lay_out(directory: Path) -> dict[str, bytes]:
    """Makes the files anew; their contents."""
    shutil.rmtree(directory, ignore_errors=True)
    for name, content in _FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for run in FIXTURES.glob("*.run"):
        shutil.copy(run, directory / run.name)
    before = (FIXTURES / "before.run").read_text(encoding="utf-8")
    (directory / "newer.run").write_text(re.sub(r'"version":1\b', '"version":2', before), encoding="utf-8")
    (directory / "cut.run").write_text(before[: len(before) // 2], encoding="utf-8")
    return tree.contents(directory)


@dataclass
class _Room:
    """Where lines run: a directory with its files, and the ports of servers by their letters."""

    side: Side
    own: Path
    laid: dict[str, bytes]
    scripted: Scripted
    ports: dict[str, str]

    def words(self, line: Line) -> list[str]:
        """The arguments, with ports in their places."""
        words = shlex.split(line.words) if isinstance(line.words, str) else line.words
        for letter, port in self.ports.items():
            words = [word.replace(f"{{{letter}}}", port) for word in words]
        return words

    def run(self, line: Line) -> dict[str, str]:
        """What the line shows, by part."""
        binary = self.side.server if line.program == "server" else self.side.client
        try:
            done = subprocess.run(
                [binary, *self.words(line)],
                cwd=self.own,
                env=environment(line.environment),
                input=line.stdin,
                capture_output=True,
                timeout=LINE_SECS,
            )
        except subprocess.TimeoutExpired:
            return {"exit code": "(still running)"}
        outputs = {"stdout": done.stdout, "stderr": done.stderr, "heard": self.scripted.take()} | self._made()
        code = 0 if line.report and done.returncode == CLIENT_BOUND or line.report == "search" else done.returncode
        return {"exit code": str(code)} | {part: self._text(line, part, data) for part, data in outputs.items()}

    def _made(self) -> dict[str, bytes]:
        """The files that were made or changed; all is as before then."""
        contents = tree.contents(self.own)
        if contents == self.laid:
            return {}
        _lay_out(self.own)
        gone = {f"file {name}": b"(gone)" for name in self.laid if name not in contents}
        changed = {name: data for name, data in contents.items() if self.laid.get(name) != data}
        return gone | {f"file {name}": data for name, data in changed.items()}

    def _text(self, line: Line, part: str, data: bytes) -> str:
        paths = self.side.paths(self.own) | {f":{port}": ":PORT" for port in self.ports.values()}
        if not line.report or part == "heard":
            return normalise(data, paths)
        text = data.decode("utf-8", "backslashreplace")
        for path, word in paths.items():
            text = text.replace(path, word)
        if line.report == "search" and not text.startswith("{"):
            return ""
        if line.report == "search" or part.endswith(".run"):
            try:
                return "\n".join(sorted(key_paths(json.loads(text))))
            except ValueError:
                return text
        return json_report(text) if text.startswith("{") else text_report(text)


def observe(group: Group, side: Side, old: Side) -> dict[str, str]:
    """What the lines of a group show; real servers are of the old build on both sides."""
    home = side.work / "commands" / re.sub(r"\W+", "-", group.name)
    scripted = Scripted()
    ports = {"P": str(scripted.port)}
    server = None
    if group.is_served:
        (home / "server").mkdir(parents=True, exist_ok=True)
        args = ["-d", str(side.site), "--access-log", "off", "--sum-port", "0", "--sum-name", "Bob"]
        server = Server.start(old.server, args, home / "server", {})
        ports |= {"S": str(server.port), "N": str(server.sum_port)}
    room = _Room(side, home / "files", _lay_out(home / "files"), scripted, ports)
    found: dict[str, str] = {}
    try:
        for number, line in enumerate(group.lines):
            shown = line.words if isinstance(line.words, str) else shlex.join(line.words)
            more = f" {line.environment}" if line.environment else ""
            name = f"{group.name} {number}: {line.program} {shown}{more}"
            found |= {f"{name} [{part}]": text for part, text in room.run(line).items()}
    finally:
        scripted.close()
        if server:
            server.stop()
    return found


def lines_run(found: dict[str, str]) -> int:
    """How many of the cases are command lines."""
    return sum(1 for name in found if name.endswith("[exit code]"))
