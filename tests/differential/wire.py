"""One raw exchange with a server: bytes out, whole responses back, and whether it closes then.

Responses are framed just enough to know where they end; nothing is decoded.
"""

import re
import socket
import time
from dataclasses import dataclass, field

TIMEOUT_SECS = 3.0
PAUSE_SECS = 0.0003
_LAST = b"GET /the-last-request HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """What a client sends on one connection."""

    name: str
    raw: bytes
    # One for each response that is expected: HEAD has no body.
    methods: tuple[str, ...] = ()
    # Every byte in a segment of its own.
    is_slow: bool = False
    # The client shuts its side after it has sent all, and reads to the end.
    is_shut: bool = False
    # `@TAG@` in `raw` is the entity-tag of this path.
    tag_of: str | None = None


@dataclass
class Incoming:
    """The bytes that a server sends, read one response at a time."""

    link: socket.socket
    buffer: bytes = b""
    taken: bytes = b""
    ending: str = field(default="")

    def more(self) -> bool:
        """Reads on; false at the end."""
        try:
            read = self.link.recv(1 << 16)
        except TimeoutError:
            self.ending = "(nothing came in time)"
            return False
        except ConnectionError:
            read = b""
        if not read:
            self.ending = "(closed)"
        self.buffer += read
        return bool(read)

    def take(self, length: int) -> bool:
        """Takes so many bytes, or all there are."""
        while len(self.buffer) < length and self.more():
            pass
        self.taken, self.buffer = self.taken + self.buffer[:length], self.buffer[length:]
        return not self.ending

    def line(self, end: bytes) -> bytes:
        """Takes up to and with `end`."""
        while end not in self.buffer and self.more():
            pass
        at = self.buffer.find(end)
        length = at + len(end) if at >= 0 else len(self.buffer)
        line = self.buffer[:length]
        self.take(length)
        return line

    def response(self, method: str) -> None:
        """Takes one final response, and those that go before it."""
        status = b"1"
        while status[:1] == b"1" and not self.ending:
            head = self.line(b"\r\n\r\n")
            status = head[9:12]
        if self.ending:
            return
        if method == "HEAD" or status in (b"204", b"304"):
            return
        length = re.search(rb"(?im)^Content-Length: (\d+)\r$", head)
        if re.search(rb"(?im)^Transfer-Encoding: chunked\r$", head):
            while not self.ending and (size := int(self.line(b"\r\n").strip() or b"0", 16)):
                self.take(size + 2)
            self.line(b"\r\n")
        elif length:
            self.take(int(length[1]))
        else:
            self.rest()

    def rest(self) -> None:
        """Takes all to the end."""
        while self.more():
            pass
        self.take(len(self.buffer))


def connect(port: int) -> socket.socket:
    """A connection to a server of this machine, without delays."""
    link = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECS)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def exchange(port: int, request: Request) -> tuple[bytes, bytes]:
    """All that the server sends, and what it does with one more request."""
    raw = request.raw
    if request.tag_of:
        raw = raw.replace(b"@TAG@", tag(port, request.tag_of))
    methods = request.methods or (raw.split(b" ", 1)[0].decode("latin-1"),)
    with connect(port) as link:
        _send(link, raw, request.is_slow)
        incoming = Incoming(link)
        if request.is_shut:
            link.shutdown(socket.SHUT_WR)
            incoming.rest()
            return incoming.taken + incoming.ending.encode(), b""
        for method in methods:
            incoming.response(method)
        if incoming.ending:
            return incoming.taken + incoming.ending.encode(), b""
        responses, incoming.taken = incoming.taken, b""
        _send(link, _LAST, False)
        incoming.rest()
        return responses, incoming.taken + incoming.ending.encode()


def tag(port: int, path: str) -> bytes:
    """The entity-tag of a path, or `none`."""
    request = Request("tag", f"HEAD {path} HTTP/1.1\r\nHost: tag\r\nConnection: close\r\n\r\n".encode())
    found = re.search(rb"(?m)^ETag: ([^\r]*)\r$", exchange(port, request)[0])
    return found[1] if found else b"none"


def _send(link: socket.socket, raw: bytes, is_slow: bool) -> None:
    try:
        if not is_slow:
            link.sendall(raw)
        for at in range(len(raw) if is_slow else 0):
            link.sendall(raw[at : at + 1])
            time.sleep(PAUSE_SECS)
    except ConnectionError:
        # The server has refused the request before its end; its response can still be read.
        pass
