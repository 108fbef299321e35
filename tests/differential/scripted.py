"""A server with canned responses for the client: the path says which; it keeps what it was sent."""

import socket
import threading
from dataclasses import dataclass, field

TIMEOUT_SECS = 10.0


def _response(head: str, body: bytes = b"", length: bool = True) -> bytes:
    field_line = f"Content-Length: {len(body)}\r\n" if length else ""
    return f"HTTP/1.1 {head}\r\n{field_line}\r\n".encode() + body


_CHUNKS = b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n"

# By the first part of the path; the connection is closed after each.
RESPONSES: dict[str, bytes] = {
    "": _response("200 OK\r\nContent-Type: text/plain", b"hello\n"),
    "html": _response("200 OK\r\nContent-Type: text/html\r\nServer: scripted", b"<p>hello</p>\n"),
    "binary": _response("200 OK\r\nContent-Type: application/octet-stream", bytes(range(256))),
    "large": _response("200 OK", b"0123456789abcdef" * 20_000),
    "empty": _response("200 OK"),
    "chunked": _response("200 OK\r\nTransfer-Encoding: chunked", _CHUNKS, False),
    "to-the-end": _response("200 OK\r\nConnection: close", b"to the end", False),
    "created": _response("201 Created\r\nLocation: /there", b"created\n"),
    "no-content": _response("204 No Content", b"", False),
    "not-modified": _response("304 Not Modified", b"", False),
    "moved": _response("301 Moved Permanently\r\nLocation: /html", b"moved\n"),
    "bad": _response("400 Bad Request", b"bad\n"),
    "missing": _response("404 Not Found", b"missing\n"),
    "broken": _response("500 Internal Server Error", b"broken\n"),
    "odd-status": _response("299 Very  Odd \xfc", b"odd\n"),
    "no-reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "early": _response("103 Early Hints\r\nLink: </x>", length=False) + _response("200 OK", b"late\n"),
    "many-early": _response("100 Continue", length=False) * 3 + _response("200 OK", b"late\n"),
    "continue": _response("100 Continue", length=False) + _response("201 Created", b"made\n"),
    "cut-head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "cut-body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "cut-chunks": _response("200 OK\r\nTransfer-Encoding: chunked", b"a\r\nabc", False),
    "bad-chunks": _response("200 OK\r\nTransfer-Encoding: chunked", b"xyz\r\nabc", False),
    "more": _response("200 OK", b"hello\n") + b"and more",
    "nothing": b"",
    "nonsense": b"nonsense\r\n\r\n",
    "http2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "http10": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "http10-end": b"HTTP/1.0 200 OK\r\n\r\nto the end",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "bad-length": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
    "long-head": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    "many-fields": _response("200 OK\r\n" + "\r\n".join(f"X-{n}: y" for n in range(80)), b"ok"),
    "too-many-fields": _response("200 OK\r\n" + "\r\n".join(f"X-{n}: y" for n in range(500)), b"ok"),
    "line-feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "deceptive": _response("200 OK\r\nContent-Type: text/plain\r\nX: a\u00adb\u202ec\u180ed\ufff9e\x1b[2J",
        b"a\x1b[2J\xc2\xad\n"),
    "latin": b"HTTP/1.1 200 OK\r\nX: \xff\xfe\r\nContent-Length: 1\r\n\r\n\xff",
    "secrets": _response("200 OK\r\nSet-Cookie: id=1\r\nWWW-Authenticate: Basic", b"ok"),
    "gzip": _response("200 OK\r\nContent-Encoding: gzip", b"\x1f\x8bnot really"),
    "disposition": _response("200 OK\r\nContent-Disposition: attachment; filename=evil", b"ok"),
}


@dataclass
class Scripted:
    """A server under way in a thread of its own, one connection after the other."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    heard: list[bytes] = field(default_factory=list)
    # Held while a connection is served.
    busy: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.listener.getsockname()[1])

    def take(self) -> bytes:
        """What it has been sent since the last time."""
        with self.busy:
            heard, self.heard = b"\n--- next connection\n".join(self.heard), []
        return heard

    def close(self) -> None:
        """Ends it."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            with self.busy, link:
                link.settimeout(TIMEOUT_SECS)
                try:
                    self._attend(link)
                except OSError:
                    # The client has left; how much it was sent before is chance.
                    pass

    def _attend(self, link: socket.socket) -> None:
        heard = _until(link, b"", b"\r\n\r\n")
        words = heard.split(b" ", 2)
        path = words[1].decode("latin-1") if len(words) > 1 else "/"
        name = path.lstrip("/").split("/", 1)[0].split("?", 1)[0]
        response = RESPONSES.get(name, RESPONSES["missing"])
        if words[0] == b"HEAD":
            response = response.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.heard.append(_body(link, heard))
        if name != "silence":
            link.sendall(response)
            link.shutdown(socket.SHUT_WR)
        while link.recv(1 << 16):
            pass


def _until(link: socket.socket, heard: bytes, end: bytes) -> bytes:
    while end not in heard and (read := link.recv(1 << 16)):
        heard += read
    return heard


def _body(link: socket.socket, heard: bytes) -> bytes:
    head, _, body = heard.partition(b"\r\n\r\n")
    fields = head.lower()
    if b"\r\nexpect: 100-continue" in fields and b" /refused" not in fields:
        link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if b"\r\ntransfer-encoding: chunked" in fields:
        body = _until(link, body, b"0\r\n\r\n")
    elif b"\r\ncontent-length:" in fields:
        length = int(fields.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
        while len(body) < length and (read := link.recv(1 << 16)):
            body += read
    return head + b"\r\n\r\n" + body
