#!/usr/bin/env python3
"""Latency of 64 busy TLS connections, alone and beside a flood of handshakes.

Usage: handshakes.py REACTOR_SERVER REACTOR_CLIENT

The server has core 0, all load core 1. The flood is 100 connections that make a full handshake for each request. The
p99 beside it must be at most max(2 x quiet, quiet + 10 ms).
"""

import json
import pathlib
import subprocess
import sys
import tempfile

SERVER, CLIENT = sys.argv[1:3]
FIXED = ["-k", "--format", "json", "--allow-client-bound", "-s"]


def load(url, *options):
    command = ["taskset", "-c", "1", CLIENT, *FIXED, *options, url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def report(process):
    return json.loads(process.communicate(timeout=60)[0])


with tempfile.TemporaryDirectory() as directory:
    root = pathlib.Path(directory, "root")
    root.mkdir()
    (root / "1k").write_bytes(bytes(1024))
    options = ["-p", "0", "--tls", "self-signed", "--root", root, "--access-log", "off"]
    server = subprocess.Popen(
        ["taskset", "-c", "0", SERVER, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"XDG_STATE_HOME": directory},
    )
    try:
        url = server.stdout.readline().strip() + "1k"
        for _ in range(3):
            quiet = report(load(url, "-c", "64", "-z", "3s"))["latency"]["p99_us"]
            flood = load(url, "-c", "100", "-z", "5s", "--no-keepalive")
            busy = report(load(url, "-c", "64", "-z", "3s", "--warmup", "1s"))["latency"]["p99_us"]
            handshakes = report(flood)["tls_full"]["count"] / 5
            limit = max(2 * quiet, quiet + 10_000)
            verdict = "met" if busy <= limit else "missed"
            print(f"quiet p99 {quiet} us, beside {handshakes:.0f} handshakes/s {busy} us; at most {limit}: {verdict}")
    finally:
        server.kill()
        server.wait()
