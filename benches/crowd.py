#!/usr/bin/env python3
"""Clients of a server whose connections are all taken by others: who is answered, and when.

    benches/crowd.py [--limit N] [--crowd N] REACTOR_SERVER REACTOR_CLIENT

The crowd has more connections than the limit allows, and opens a new one for each that ends. It is idle, or sends half a
head, one byte of a body, or a request for a large file that it never reads; from 127.0.0.1, or from all of
127.1.0.0/16. The clients are an open loop of 64 connections. They come before the crowd, or 2 s after it. nginx stands
beside it if it is there, with the same limit and short time-outs. All traffic is on loopback.
"""

import argparse
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HOST = "Host: localhost\r\n"
CROWDS = {
    "idle": f"GET /page HTTP/1.1\r\n{HOST}\r\n",
    "half a head": "GET /page HTTP/1.1\r\nHo",
    "half a body": f"PUT /new HTTP/1.1\r\n{HOST}Content-Length: 1000\r\n\r\nx",
    "silent reader": f"GET /large HTTP/1.1\r\n{HOST}\r\n",
}
CLIENTS, RATE, LOAD_SECS, CROWD_SECS = 64, 1000, 6, 9
NGINX = """
daemon off; master_process off; error_log /dev/null; pid {root}/pid;
events {{ worker_connections {limit}; }}
http {{
    access_log off; sendfile on; reset_timedout_connection on; client_body_temp_path {root}/body;
    client_header_timeout 2s; client_body_timeout 2s; send_timeout 2s; keepalive_timeout 2s;
    server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_reactor(program, root, limit):
    """A server, and its port."""
    words = [program, "0", "--bind", "127.0.0.1", "--root", root, "--max-connections", str(limit), "--upload"]
    server = subprocess.Popen([*words, "--access-log", "off"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return server, int(server.stdout.readline().strip().rstrip("/").rpartition(":")[2])


def start_nginx(program, root, limit):
    """A server, and its port. It counts its own descriptors as connections."""
    port = free_port()
    config = os.path.join(root, "nginx.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write(NGINX.format(root=root, limit=limit + 2, port=port))
    server = subprocess.Popen([program, "-c", config, "-p", root], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, port
        except ConnectionRefusedError:
            time.sleep(0.01)


class Crowd:
    """Connections that each send their bytes and then do nothing."""

    def __init__(self, port, request, size, is_spread):
        self.port, self.request, self.size, self.is_spread = port, request.encode(), size, is_spread
        self.epoll, self.sockets, self.opened = select.epoll(), {}, 0

    def open_one(self):
        member = socket.socket()
        member.setblocking(False)
        if self.is_spread:
            member.bind((f"127.1.{random.randrange(256)}.{random.randrange(1, 255)}", 0))
        if member.connect_ex(("127.0.0.1", self.port)) not in (0, 115):
            return
        self.epoll.register(member, select.EPOLLOUT | select.EPOLLRDHUP)
        self.sockets[member.fileno()] = member
        self.opened += 1

    def run(self, secs):
        end = time.monotonic() + secs
        while time.monotonic() < end:
            for _ in range(min(50, self.size - len(self.sockets))):
                self.open_one()
            for fd, event in self.epoll.poll(0.01):
                if event & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP):
                    self.epoll.unregister(fd)
                    self.sockets.pop(fd).close()
                elif event & select.EPOLLOUT:
                    self.sockets[fd].send(self.request)
                    self.epoll.modify(fd, select.EPOLLRDHUP)


def load(client, port):
    """Shares and times of the clients."""
    words = [client, "-c", str(CLIENTS), "-q", str(RATE), "-z", f"{LOAD_SECS}s", "--format", "json", "--allow-client-bound"]
    run = subprocess.run([*words, f"http://127.0.0.1:{port}/page"], capture_output=True, text=True, check=False)
    if not run.stdout:
        return f"| 0 % | - | - | {run.stderr.strip().splitlines()[-1] if run.stderr else run.returncode}"
    report = json.loads(run.stdout)
    requests, latency = report["requests"], report["latency"] or {}
    due = RATE * LOAD_SECS
    p50, p99 = (latency.get(name, 0) / 1000 for name in ("p50_us", "p99_us"))
    return f"| {requests['answered'] / due * 100:.1f} % | {p50:.2f} ms | {p99:.1f} ms |"


def measure(start, options, request, is_spread, comes_first):
    """One row: the clients beside a crowd, or alone without a request."""
    server, port = start
    child = os.fork() if request else None
    if child == 0:
        if comes_first:
            time.sleep(2)
        Crowd(port, request, options.crowd, is_spread).run(CROWD_SECS - 2 * comes_first)
        os._exit(0)
    if request and not comes_first:
        time.sleep(2)
    row = load(options.client, port)
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    server.kill()
    server.wait()
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--crowd", type=int, default=400)
    parser.add_argument("server")
    parser.add_argument("client")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        with open(os.path.join(root, "page"), "wb") as page:
            page.write(bytes(1024))
        with open(os.path.join(root, "large"), "wb") as large:
            large.truncate(1 << 30)
        programs = [("reactor-server", lambda: start_reactor(options.server, root, options.limit))]
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:" + os.environ["PATH"])
        if nginx:
            programs.append(("nginx", lambda: start_nginx(nginx, root, options.limit)))
        print("| server | crowd | from | clients come | answered | p50 | p99 |\n|---|---|---|---|---|---|---|")
        for name, start in programs:
            print(f"| {name} | none | | {measure(start(), options, None, False, False)}", flush=True)
            for kind, request in CROWDS.items():
                for is_spread in (False, True):
                    for comes_first in (True, False):
                        row = measure(start(), options, request, is_spread, comes_first)
                        source = "127.1.0.0/16" if is_spread else "127.0.0.1"
                        when = "first" if comes_first else "2 s later"
                        print(f"| {name} | {kind} | {source} | {when} {row}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
