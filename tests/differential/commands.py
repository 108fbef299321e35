"""Runs of command lines: standard output, standard error, exit code, files made, and what a server heard.

Each line has a working directory of its own with the same files in it.
"""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import tree
from command_lines import GROUPS, Group, Line
from normalise import json_report, key_paths, normalise, text_report
from scripted import Scripted
from serving import Server, Side, environment

__all__ = ["GROUPS", "lines_run", "observe"]

FIXTURES = Path(__file__).parent.parent / "it" / "fixtures"
LINE_SECS = 20.0
# A busy machine may make the load generator the limit; whether it was is not compared.
CLIENT_BOUND = 97

_FILES: dict[str, bytes] = {
    "a.txt": b"a file to send\nwith two lines\n",
    "empty": b"",
    "big": b"0123456789abcdef" * 20_000,
    "urls": b"# pages\n/a.txt\n\n/missing\n",
    "bad-urls": b"/a.txt\nhttp://\n",
    "site/index.html": b"<p>home</p>\n",
    "site/in/a.txt": b"a\n",
    "other/index.html": b"<p>other</p>\n",
    "site.toml": b"port = 7\nroot = 'site'\nbind = ['127.0.0.1', '::1']\nquiet = true\nidle-timeout = '2m'\n[error-page]\n404 = 'index.html'\n",
    "bad.toml": b"port = 7\nroot = \n",
    "unknown.toml": b"prot = 7\n",
    "types.toml": b"port = 'x'\nquiet = 1\n",
    "nested.toml": b"[port]\na = 1\n",
}


def _lay_out(directory: Path) -> None:
    for name, content in _FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for run in FIXTURES.glob("*.run"):
        shutil.copy(run, directory / run.name)
    before = (FIXTURES / "before.run").read_text(encoding="utf-8")
    (directory / "newer.run").write_text(re.sub(r'"version":1\b', '"version":2', before), encoding="utf-8")
    (directory / "cut.run").write_text(before[: len(before) // 2], encoding="utf-8")


def observe(group: Group, side: Side, old: Side) -> dict[str, str]:
    """What the lines of a group show; real servers are of the old build on both sides."""
    home = side.work / "commands" / re.sub(r"\W+", "-", group.name)
    _lay_out(home / "files")
    scripted = Scripted()
    server = None
    if group.is_served:
        (home / "server").mkdir()
        server = Server.start(old.server, ["-d", str(side.site), "--access-log", "off"], home / "server", {})
    ports = {"P": str(scripted.port), "S": str(server.port) if server else ""}
    found: dict[str, str] = {}
    try:
        for number, line in enumerate(group.lines):
            shown = line.words if isinstance(line.words, str) else shlex.join(line.words)
            name = f"{group.name} {number}: {line.program} {shown}" + (f" {line.environment}" if line.environment else "")
            own = home / str(number)
            shutil.copytree(home / "files", own, symlinks=True)
            found |= {f"{name} [{part}]": text for part, text in _run(line, side, own, ports, scripted).items()}
            shutil.rmtree(own)
    finally:
        scripted.close()
        if server:
            server.stop()
    return found


def _words(line: Line, ports: dict[str, str]) -> list[str]:
    words = shlex.split(line.words) if isinstance(line.words, str) else line.words
    return [word.replace("{P}", ports["P"]).replace("{S}", ports["S"]) for word in words]


def _run(line: Line, side: Side, own: Path, ports: dict[str, str], scripted: Scripted) -> dict[str, str]:
    binary = side.server if line.program == "server" else side.client
    before = tree.contents(own)
    try:
        done = subprocess.run(
            [binary, *_words(line, ports)], cwd=own, env=environment(line.environment), input=line.stdin, capture_output=True, timeout=LINE_SECS
        )
    except subprocess.TimeoutExpired:
        return {"exit code": "(still running)"}
    paths = side.paths(own) | {f":{port}": ":PORT" for port in ports.values() if port}
    code = 0 if line.report and done.returncode == CLIENT_BOUND else done.returncode
    made = {name: content for name, content in tree.contents(own).items() if before.get(name) != content}
    outputs = {"stdout": done.stdout, "stderr": done.stderr, "heard": scripted.take()}
    outputs |= {f"file {name}": content for name, content in made.items()}
    return {"exit code": str(code)} | {name: _text(line, name, data, paths) for name, data in outputs.items()}


def _text(line: Line, name: str, data: bytes, paths: dict[str, str]) -> str:
    if not line.report or name == "heard":
        return normalise(data, paths)
    text = data.decode("utf-8", "backslashreplace")
    for path, word in paths.items():
        text = text.replace(path, word)
    if name.endswith(".run"):
        return "\n".join(sorted(key_paths(json.loads(text))))
    return json_report(text) if text.startswith("{") else text_report(text)


def lines_run(found: dict[str, str]) -> int:
    """How many of the cases are command lines."""
    return sum(1 for name in found if name.endswith("[exit code]"))
