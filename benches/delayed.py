#!/usr/bin/env python3
"""Downloads over a path with delay: what a limit on the server's send buffer costs.

    sudo benches/delayed.py [--size MIB] [--rtt MS ...] [--runs N] SERVER [SERVER ...]

Each SERVER is a reactor-server binary, so that two builds can be compared. The path is two TUN devices, each in a
network namespace of its own, and a relay that holds every packet for half of the round trip. It needs neither netem
nor any change of the machine's own network. It needs root, /dev/net/tun, `ip` and `curl`.

The figure is the median rate of one download, in MiB/s. The relay carries some 100 MiB/s: at 0 ms it may be the
bottleneck, and only differences between builds count.
"""

import argparse
import collections
import ctypes
import fcntl
import os
import select
import statistics
import struct
import subprocess
import tempfile
import threading
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
# Large packets: the relay's cost is for each packet.
MTU = 9000
# Packets that the relay keeps: more than the largest window holds.
QUEUE_MAX = 20000
SERVER_IP, CLIENT_IP = "10.199.0.1", "10.199.0.2"


def enter_namespace(name, own, peer):
    """Moves this thread into a new network namespace with one TUN device; its children inherit it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare: run this as root")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    for words in (f"addr add {own} peer {peer} dev {name}", f"link set {name} up mtu {MTU} txqueuelen 10000"):
        subprocess.run(["ip", *words.split()], check=True)
    return tun


class Relay(threading.Thread):
    """Carries packets between two devices, each half a round trip later."""

    def __init__(self, tuns):
        super().__init__(daemon=True)
        self.ways = [(tuns[0], tuns[1], collections.deque()), (tuns[1], tuns[0], collections.deque())]
        self.delay = 0.0

    def run(self):
        poll = select.poll()
        for source, _, _ in self.ways:
            poll.register(source, select.POLLIN)
        while True:
            due = [packets[0][0] for _, _, packets in self.ways if packets]
            wait = max(0.0, min(due) - time.monotonic()) * 1000 if due else 1000
            poll.poll(wait)
            now = time.monotonic()
            for source, target, packets in self.ways:
                try:
                    while len(packets) < QUEUE_MAX:
                        packets.append((now + self.delay, os.read(source, 65536)))
                except BlockingIOError:
                    pass
                while packets and packets[0][0] <= now:
                    try:
                        os.write(target, packets[0][1])
                    except BlockingIOError:
                        break
                    packets.popleft()


def start_server(binary, root):
    words = [binary, "--bind", SERVER_IP, "--port", "0", "--root", root, "--access-log", "off"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return server, server.stdout.readline().strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("servers", nargs="+", metavar="SERVER")
    parser.add_argument("--size", type=int, default=64, help="MiB of the file")
    parser.add_argument("--rtt", type=int, nargs="+", default=[0, 50, 100], help="round trips in ms")
    parser.add_argument("--runs", type=int, default=5, help="downloads of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        with open(os.path.join(root, "file"), "wb") as file:
            file.truncate(options.size << 20)
        tuns = [enter_namespace("server", SERVER_IP, CLIENT_IP)]
        servers = [start_server(binary, root) for binary in options.servers]
        tuns.append(enter_namespace("client", CLIENT_IP, SERVER_IP))
        relay = Relay(tuns)
        relay.start()
        print("| round trip | " + " | ".join(options.servers) + " |")
        print("|---|" + "---|" * len(servers))
        for rtt in options.rtt:
            relay.delay = rtt / 2000
            rates = [[] for _ in servers]
            # In turn, so that a busy moment does not meet one build only.
            for _ in range(options.runs):
                for (_, url), of_one in zip(servers, rates):
                    command = ["curl", "-sSf", "-o", "/dev/null", "-w", "%{speed_download}", url + "file"]
                    of_one.append(float(subprocess.check_output(command)) / (1 << 20))
            print(f"| {rtt} ms | " + " | ".join(f"{statistics.median(of_one):.1f}" for of_one in rates) + " |", flush=True)
        for server, _ in servers:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
