#!/usr/bin/env python3
"""Uploads beside other servers: CPU of a PUT of 1 KiB and of 1 GiB, rate of durable ones, GET beside a large one.

Usage: uploads.py REACTOR_SERVER REACTOR_CLIENT [DIRECTORY]

The server has core 0, all load core 1. Files are stored in DIRECTORY (`.`), whose disk counts. nginx needs its dav
module, lighttpd its webdav module; dufs and they are left out if they are missing. Each figure is the median of five
rounds; in a round, each server has its turn.
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

REACTOR, CLIENT = sys.argv[1:3]
PLACE = sys.argv[3] if len(sys.argv) > 3 else "."
ROUNDS = 5
SMALL_COUNT = 20_000
DURABLE_SECS = 3
BIG_LEN, REPLACED_LEN = 1 << 30, 900_000_000
EVERYTHING = tempfile.mkdtemp(dir=PLACE)
os.chmod(EVERYTHING, 0o755)
TICKS = os.sysconf("SC_CLK_TCK")

NGINX = """
daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; client_max_body_size 0; client_body_temp_path {root}/temp;
  server {{ listen 127.0.0.1:{port}; root {root}; location / {{ dav_methods PUT; create_full_put_path on; }} }}
}}
"""
LIGHTTPD = """
server.modules = ("mod_webdav") server.document-root = "{root}" server.port = {port} server.bind = "127.0.0.1"
server.errorlog = "{dir}/error" server.max-keep-alive-requests = 100000000 server.upload-dirs = ("{root}")
webdav.activate = "enable" webdav.is-readonly = "disable"
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def reactor(durability):
    def command(root, _, port):
        limits = ["--max-upload", "4GiB", "--access-log", "off", "-p", str(port)]
        return [REACTOR, root, "--upload", "--durability", durability, *limits]

    return command


def configured(program, template, *options):
    def command(root, directory, port):
        file = pathlib.Path(directory, "conf")
        file.write_text(template.format(root=root, dir=directory, port=port))
        return [program, *options, str(file)]

    return command


def dufs(root, _, port):
    return ["dufs", "--allow-upload", "-b", "127.0.0.1", "-p", str(port), root]


SERVERS = {f"reactor-server, {durability}": reactor(durability) for durability in ("none", "file", "full")}
PEERS = {
    "nginx": configured("nginx", NGINX, "-c"),
    "lighttpd": configured("lighttpd", LIGHTTPD, "-D", "-f"),
    "dufs": dufs,
}
SERVERS |= {name: command for name, command in PEERS.items() if shutil.which(name)}


@contextlib.contextmanager
def running(command):
    """Yields the address, and a function that tells the CPU seconds of the server and its workers.

    Its files stay until the end: for five seconds, ext4 steps over each inode that was deleted.
    """
    directory = tempfile.mkdtemp(dir=EVERYTHING)
    root, port = pathlib.Path(directory, "root"), free_port()
    (root / "temp").mkdir(parents=True)
    # Workers of nginx are another user.
    os.chmod(directory, 0o755)
    os.chmod(root, 0o777)
    os.chmod(root / "temp", 0o777)
    arguments = ["taskset", "-c", "0", *command(str(root.resolve()), directory, port)]
    server = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}/", lambda: cpu_secs(server.pid)
    finally:
        server.terminate()
        server.wait()


def wait_for(port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise SystemExit("the server does not listen")


def cpu_secs(pid):
    """Of a process and its children, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(map(cpu_secs, children))


def client(*options):
    return ["taskset", "-c", "1", CLIENT, "-s", *options]


def load(url, *options):
    """Responses with a status of 2xx, their rate, and the p99 in milliseconds."""
    command = client("--format", "json", "--allow-client-bound", *options, url)
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    good = sum(row["count"] for row in report["statuses"] if 200 <= row["status"] < 300)
    return good, report["answers_per_sec"], report["latency"]["p99_us"] / 1000


def small(url, cpu, body):
    """CPU of a PUT of 1 KiB with a new name, in microseconds."""
    options = ["-c", "64", "-n", str(SMALL_COUNT), "-T", body]
    # A new directory of ext4 begins with an inode table to initialize, which costs several times as much.
    load(url + "warm{SEQ}", *options)
    before = cpu()
    good, _, _ = load(url + "f{SEQ}", *options)
    return (cpu() - before) / good * 1e6


def big(url, cpu, body):
    """CPU of a PUT of 1 GiB, in seconds for 1 GB."""
    before = cpu()
    subprocess.run(client("-T", body, url + "big"), check=True, capture_output=True)
    secs = cpu() - before
    for file in pathlib.Path(EVERYTHING).glob("*/root/big"):
        file.unlink()
    return secs / (BIG_LEN / 1e9)


def table(title, names, measure, unit, length):
    rounds = {name: [] for name in names}
    with tempfile.NamedTemporaryFile(dir=PLACE) as body:
        body.truncate(length)
        for _ in range(ROUNDS):
            for name in names:
                with running(SERVERS[name]) as (url, cpu):
                    rounds[name].append(measure(url, cpu, body.name))
    print(f"\n### {title}\n\n| server | {unit} | least to most |\n|---|---:|---:|")
    for name, values in rounds.items():
        print(f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} to {max(values):.2f} |")
    ours, nginx = rounds["reactor-server, none"], rounds.get("nginx")
    if nginx:
        ratios = [one / other for one, other in zip(ours, nginx)]
        print(f"\n`none` beside nginx, in each round: {statistics.median(ratios):.2f}")


def grouping():
    print("\n### Durable PUTs of 1 KiB\n\n| clients | requests/s |\n|---:|---:|")
    with tempfile.NamedTemporaryFile(dir=PLACE) as body:
        body.truncate(1024)
        for clients in (1, 8, 64):
            with running(SERVERS["reactor-server, full"]) as (url, _):
                options = ["-c", str(clients), "-z", f"{DURABLE_SECS}s", "-T", body.name]
                print(f"| {clients} | {load(url + 'f{SEQ}', *options)[1]:.0f} |")


def beside_large():
    """GET of 1 KiB while a file of 900 MB is replaced again and again."""
    print("\n### GET of 1 KiB, 16 connections, beside the replacement of 900 MB: p99 in ms\n")
    print("| server | quiet | beside | limit |\n|---|---:|---:|---:|")
    with tempfile.NamedTemporaryFile(dir=PLACE) as body, tempfile.NamedTemporaryFile(dir=PLACE) as page:
        body.truncate(REPLACED_LEN)
        page.truncate(1024)
        for name in SERVERS:
            with running(SERVERS[name]) as (url, _):
                for file, target in ((page.name, "page"), (body.name, "big")):
                    subprocess.run(client("-T", file, url + target), check=True, capture_output=True)
                options = ["-c", "16", "-q", "2000", "-z", "5s"]
                quiet = load(url + "page", *options)[2]
                upload = client("-T", body.name, url + "big")
                again = subprocess.Popen(
                    ["sh", "-c", 'while "$@" >/dev/null 2>&1; do :; done', "sh", *upload], start_new_session=True
                )
                beside = load(url + "page", *options)[2]
                os.killpg(again.pid, 15)
                again.wait()
                print(f"| {name} | {quiet:.2f} | {beside:.2f} | {max(2 * quiet, quiet + 5):.2f} |")


if __name__ == "__main__":
    try:
        table("PUT of 1 KiB, 64 connections", list(SERVERS), small, "CPU µs", 1024)
        grouping()
        table("PUT of 1 GiB", list(SERVERS), big, "CPU s/GB", BIG_LEN)
        beside_large()
    finally:
        shutil.rmtree(EVERYTHING)
