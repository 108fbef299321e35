"""The raw requests, in groups; a configuration of the server names the groups that it gets.

A row is a request line and header fields; `request` makes the bytes of it.
"""

from wire import Request

HOST = "Host: test.example"


def request(line: str, *fields: str, body: bytes = b"", host: str = HOST) -> bytes:
    """The bytes of one request; HTTP/1.1 unless the line says otherwise."""
    words = line if " HTTP/" in line else f"{line} HTTP/1.1"
    head = [words, *([host] if host else []), *fields]
    return ("\r\n".join(head) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


def get(path: str, *fields: str, name: str = "") -> Request:
    """A GET, named for what it asks."""
    return Request(name or " ".join([f"GET {path}", *fields]), request(f"GET {path}", *fields))


PATHS = [
    "/", "/a.txt", "/utf8.txt", "/page.html", "/about.html", "/about", "/about/", "/style.css", "/script.js",
    "/data.json", "/picture.svg", "/image.png", "/unknown.zzz", "/no-extension", "/empty.txt", "/empty.html",
    "/large.txt", "/large.bin", "/medium.txt", "/pre.css", "/pre.css.gz", "/only.txt", "/only.txt.gz",
    "/archive.tar.gz", "/404.html", "/name%20with%20spaces.txt", "/percent%2520name.txt", "/percent%20name.txt",
    "/line%0Aend.txt", "/quote%22'%3C&%3E.txt", "/plus+and;semi.txt", "/gr%C3%BC%C3%9Fe-%E4%B8%96%E7%95%8C.txt",
    "/soft%C2%ADhyphen%E2%80%AE.txt", "/latin-%E9.txt", "/.hidden", "/.well-known/security.txt", "/.git/config",
    "/with-index", "/with-index/", "/with-index/index.html", "/without-index", "/without-index/",
    "/without-index/one.txt", "/without-index/sub/", "/empty-directory/", "/deep/a/b/c/d/e.txt", "/deep/a",
    "/link-in.txt", "/link-directory/", "/link-directory", "/link-out.txt", "/link-nowhere", "/link-loop",
    "/fifo", "/unreadable.txt", "/locked/", "/locked/secret.txt", "/missing", "/missing/", "/missing/deep/er",
    "/a.txt/", "/a.txt/b", "/a.txt?query", "/a.txt?a=1&b=2", "/?archive=tar", "/without-index/?archive=tar",
    "/without-index/?archive=zip", "/without-index/?x", "/with-index?x=1", "//a.txt", "/./a.txt", "/../a.txt",
    "/deep/../a.txt", "/%2e%2e/a.txt", "/deep/%2e%2e/a.txt", "/deep%2Fa", "/a%00.txt", "/%", "/%2", "/%zz",
    "/%61.txt", "/A.TXT", "/a.txt%20", "/a.txt.", "/..", "/...", "/server-code.html", "/client-code.html",
    "/HelloWorld.html", "/old/x/y", "/old", "/away", "/temp?q=1", "/" + "x" * 300, "/" + "y" * 7000, "/" + "z/" * 400,
    "/without-index/two.css", "/assets/a.txt",
]

# The files that most configurations are asked for.
FEW = [
    "/", "/a.txt", "/about", "/style.css", "/data.json", "/unknown.zzz", "/pre.css", "/missing", "/without-index/",
    "/without-index", "/with-index/", "/unreadable.txt", "/link-out.txt", "/old/x", "/about.html", "/medium.txt",
    "/without-index/sub/?archive=tar",
]

ENCODINGS = [
    "gzip", "br", "zstd", "identity", "*", "gzip, br", "br;q=0.5, gzip;q=1", "gzip;q=0", "identity;q=0", "*;q=0",
    "gzip;q=0.001, identity;q=0.5", "x-gzip", "GZIP", "", "gzip;q=nonsense", "gzip, deflate, br, zstd",
    "zstd;q=0.9, br;q=0.9", "identity;q=0, *;q=1", "compress, gzip ; q=1.000",
]

RANGES = [
    "bytes=0-0", "bytes=0-9", "bytes=5-", "bytes=-5", "bytes=-0", "bytes=0-", "bytes=36-36", "bytes=37-",
    "bytes=100-200",
    "bytes=9-5", "bytes=0-1,3-4", "bytes=0-1,1-2", "bytes=0-0,-1", "bytes=0-5,100-200", "bytes=100-,200-", "bytes=",
    "bytes=a-b", "bytes", "items=0-1", "bytes=0-1, 3-4 , 6-7", "bytes=,0-1", "bytes=99999999999999999999-",
    "bytes=0-99999999999999999999", "bytes= 0-1", "BYTES=0-1", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 30, 2)),
    "bytes=" + ",".join(["0-"] * 20), "bytes=20-25,0-3", "bytes=--1",
]

_BEFORE = "Mon, 13 Nov 2023 22:13:20 GMT"
_SAME = "Tue, 14 Nov 2023 22:13:20 GMT"
_AFTER = "Wed, 15 Nov 2023 22:13:20 GMT"

CONDITIONS = [
    ["If-None-Match: @TAG@"], ["If-None-Match: W/@TAG@"], ["If-None-Match: *"], ['If-None-Match: "other"'],
    ['If-None-Match: "other", @TAG@'], ["If-None-Match: nonsense"], ["If-Match: @TAG@"], ["If-Match: W/@TAG@"],
    ["If-Match: *"], ['If-Match: "other"'], ["If-Match: "], [f"If-Modified-Since: {_SAME}"],
    [f"If-Modified-Since: {_BEFORE}"], [f"If-Modified-Since: {_AFTER}"], ["If-Modified-Since: nonsense"],
    ["If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT"], ["If-Modified-Since: Tue Nov 14 22:13:20 2023"],
    [f"If-Unmodified-Since: {_SAME}"], [f"If-Unmodified-Since: {_BEFORE}"], [f"If-Unmodified-Since: {_AFTER}"],
    ["If-None-Match: @TAG@", f"If-Modified-Since: {_BEFORE}"], ['If-None-Match: "x"', f"If-Modified-Since: {_SAME}"],
    ["If-Match: @TAG@", f"If-Unmodified-Since: {_BEFORE}"], ["If-Range: @TAG@", "Range: bytes=0-3"],
    ['If-Range: "other"', "Range: bytes=0-3"], [f"If-Range: {_SAME}", "Range: bytes=0-3"],
    [f"If-Range: {_AFTER}", "Range: bytes=0-3"], ["If-Range: W/@TAG@", "Range: bytes=0-3"],
    ["If-None-Match: @TAG@", "Range: bytes=0-3"], ["If-Match: @TAG@", "Range: bytes=0-3"],
    ["If-None-Match: @TAG@", "Accept-Encoding: gzip"],
]

METHODS = [
    "GET", "HEAD", "OPTIONS", "TRACE", "POST", "DELETE", "PATCH", "PUT", "CONNECT", "BREW", "get", "PROPFIND",
    "M-SEARCH",
]

# Name, bytes; responses are read as long as there are any.
SYNTAX: list[tuple[str, bytes]] = [
    ("no host", b"GET /a.txt HTTP/1.1\r\n\r\n"),
    ("two hosts", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("two equal hosts", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("empty host", b"GET /a.txt HTTP/1.1\r\nHost:\r\n\r\n"),
    ("bad host", b"GET /a.txt HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("host with user", b"GET /a.txt HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ("host IPv6", b"GET /a.txt HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    ("bare line feeds", b"GET /a.txt HTTP/1.1\nHost: a\n\n"),
    ("bare carriage return", b"GET /a.txt HTTP/1.1\rHost: a\r\r"),
    ("empty lines before", b"\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("space before colon", b"GET /a.txt HTTP/1.1\r\nHost : a\r\n\r\n"),
    ("folded field", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"),
    ("field without colon", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
    ("field without name", b"GET /a.txt HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"),
    ("zero byte in field", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n"),
    ("high bytes in field", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\xc3\xbc\r\n\r\n"),
    ("tab in field", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n"),
    ("two spaces", b"GET  /a.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("space in target", b"GET /a b.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no version", b"GET /a.txt\r\nHost: a\r\n\r\n"),
    ("HTTP/0.9", b"GET /a.txt\r\n\r\n"),
    ("HTTP/2.0", b"GET /a.txt HTTP/2.0\r\nHost: a\r\n\r\n"),
    ("HTTP/1.2", b"GET /a.txt HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("HTTP/1.10", b"GET /a.txt HTTP/1.10\r\nHost: a\r\n\r\n"),
    ("http/1.1", b"GET /a.txt http/1.1\r\nHost: a\r\n\r\n"),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40)),
    ("nonsense", b"nonsense\r\n\r\n"),
    ("absolute form", b"GET http://test.example/a.txt HTTP/1.1\r\nHost: other\r\n\r\n"),
    ("absolute form, https", b"GET https://test.example/a.txt HTTP/1.1\r\nHost: other\r\n\r\n"),
    ("absolute form without path", b"GET http://test.example HTTP/1.1\r\nHost: other\r\n\r\n"),
    ("absolute form, bad", b"GET http:///a.txt HTTP/1.1\r\nHost: other\r\n\r\n"),
    ("authority form", b"CONNECT test.example:80 HTTP/1.1\r\nHost: test.example:80\r\n\r\n"),
    ("asterisk form", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("asterisk with GET", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no slash", b"GET a.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("fragment", b"GET /a.txt#x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("high bytes in target", b"GET /\xff\xc3\xbc HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("1.0", b"GET /a.txt HTTP/1.0\r\n\r\n"),
    ("1.0 keep-alive", b"GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
    ("1.0 missing", b"GET /missing HTTP/1.0\r\n\r\n"),
    ("1.0 listing", b"GET /without-index/ HTTP/1.0\r\nAccept: text/html\r\n\r\n"),
    ("1.0 archive", b"GET /without-index/?archive=tar HTTP/1.0\r\n\r\n"),
    ("1.0 gzip", b"GET /style.css HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n"),
    ("connection close", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    ("connection list", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"),
    ("upgrade", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
    ("GET with body", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"),
    ("GET with chunks", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"),
    ("POST with body", b"POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"),
    ("two lengths", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    ("equal lengths", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
    ("list of lengths", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx"),
    ("negative length", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    ("signed length", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx"),
    ("huge length", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    ("length and chunks", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("unknown coding", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ("coding after chunked", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ("chunked twice", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked in 1.0", b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("bad chunk size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
    ("chunk extension", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n"),
    ("trailers", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n"),
    ("expect", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
    ("expect with body", b"POST /a.txt HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"),
    ("unknown expectation", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n"),
    ("many fields", b"GET /a.txt HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(90)) + b"\r\n"),
    ("too many fields", b"GET /a.txt HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(300)) + b"\r\n"),
    ("long field", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 5000 + b"\r\n\r\n"),
    ("too long a field", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40000 + b"\r\n\r\n"),
    ("too long a target", b"GET /" + b"y" * 40000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("too long a method", b"M" * 40000),
]

_A = request("GET /a.txt")
_CLOSE = request("GET /data.json", "Connection: close")


def _paths() -> list[Request]:
    return [get(path) for path in PATHS]


def _few() -> list[Request]:
    accepting = [get(path, "Accept: text/html", "Accept-Encoding: gzip, br, zstd") for path in FEW[:8]]
    heads = [Request(f"HEAD {path}", request(f"HEAD {path}")) for path in FEW[:4]]
    return [get(path) for path in FEW] + accepting + heads


def _negotiation() -> list[Request]:
    encodings = [get(path, f"Accept-Encoding: {value}") for value in ENCODINGS for path in ("/pre.css", "/style.css")]
    more = [get(path, "Accept-Encoding: gzip") for path in ("/large.txt", "/medium.txt", "/a.txt", "/image.png", "/")]
    types = ["text/html", "application/json", "text/plain", "*/*", "text/*;q=0.5, application/json", "image/png", "x"]
    listings = [get(path, f"Accept: {value}") for value in types for path in ("/without-index/", "/missing")]
    ranged = [get("/style.css", "Accept-Encoding: gzip", "Range: bytes=0-9")]
    return encodings + more + listings + ranged


def _ranges() -> list[Request]:
    small = [get("/a.txt", f"Range: {value}") for value in RANGES]
    heads = [Request(f"HEAD {value}", request("HEAD /a.txt", f"Range: {value}")) for value in RANGES[:6]]
    large = [
        get(path, f"Range: {value}")
        for path in ("/large.bin", "/empty.txt", "/missing", "/without-index/", "/medium.txt")
        for value in ("bytes=1000-2000", "bytes=-7", "bytes=0-9,1000000-1000009,-3", "bytes=1-")
    ]
    return small + heads + large


def _conditions() -> list[Request]:
    return [
        Request(f"{method} {path} {fields}", request(f"{method} {path}", *fields), tag_of=path)
        for fields in CONDITIONS
        for method, path in (("GET", "/a.txt"), ("HEAD", "/large.bin"))
    ]


def _methods() -> list[Request]:
    plain = [
        Request(f"{method} {path}", request(f"{method} {path}"), (method,))
        for method in METHODS
        for path in ("/a.txt", "/without-index/", "/missing")
    ]
    origin = ["Origin: https://example.com", "Access-Control-Request-Method: PUT"]
    preflight = Request("preflight", request("OPTIONS /a.txt", *origin, "Access-Control-Request-Headers: x-a, x-b"))
    other = Request("preflight of another", request("OPTIONS /a.txt", "Origin: https://other.example", *origin[1:]))
    return [*plain, preflight, other, get("/a.txt", origin[0]), get("/missing", origin[0]),
        get("/a.txt", "Origin: null")]


def _syntax() -> list[Request]:
    return [Request(name, raw, is_shut=name.startswith(("bare", "nonsense", "TLS", "too", "HTTP", "huge")))
            for name, raw in SYNTAX]


def _pipelines() -> list[Request]:
    three = _A + request("HEAD /style.css") + _CLOSE
    bad = _A + b"nonsense\r\n\r\n" + _A
    large = request("GET /large.txt") + request("GET /large.bin", "Connection: close")
    with_body = request("POST /x", "Content-Length: 3", body=b"abc") + _CLOSE
    return [
        Request("three at once", three, ("GET", "HEAD", "GET")),
        Request("three, byte by byte", three, ("GET", "HEAD", "GET"), is_slow=True),
        Request("ten at once", _A * 9 + _CLOSE, ("GET",) * 10),
        Request("a bad one among good ones", bad, ("GET", "GET")),
        Request("large ones", large, ("GET", "GET")),
        Request("behind a body", with_body, ("POST", "GET")),
        Request("after close", _CLOSE + _A, ("GET",)),
        Request("head byte by byte", request("GET /page.html", "Accept-Encoding: gzip"), is_slow=True),
        Request("range byte by byte", request("GET /a.txt", "Range: bytes=1-2,4-5"), is_slow=True),
        Request("missing byte by byte", request("GET /missing"), is_slow=True),
        Request("bad syntax byte by byte", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", is_slow=True),
        Request("shut after the head", _A, is_shut=True),
        Request("shut within the head", _A[:20], is_shut=True),
        Request("shut at once", b"", is_shut=True),
        Request("shut within the body", request("POST /x", "Content-Length: 9", body=b"abc"), is_shut=True),
        Request("shut after a pipeline", _A * 3, is_shut=True),
    ]


def put(path: str, body: bytes, *fields: str, method: str = "PUT", name: str = "") -> Request:
    """A PUT of a body with its length."""
    raw = request(f"{method} {path}", f"Content-Length: {len(body)}", *fields, body=body)
    return Request(name or f"{method} {path} {len(body)} bytes {' '.join(fields)}", raw)


def _chunked(path: str, chunks: bytes, name: str, **more: bool) -> Request:
    return Request(name, request(f"PUT {path}", "Transfer-Encoding: chunked", body=chunks), **more)


def _uploads() -> list[Request]:
    big = b"x" * 100_000
    return [
        put("/in/new.txt", b"new"), get("/in/new.txt"), put("/in/new.txt", b"newer"), get("/in/new.txt"),
        put("/in/empty", b""), put("/in/name%20%C3%BC.txt", b"u"), put("/in/big", big), put("/in/exact", b"x" * 1000),
        put("/in/over", b"x" * 1001), put("/elsewhere.txt", b"e"), put("/in/missing/x", b"x"), put("/in/", b"x"),
        put("/in", b"x"), put("/", b"x"), put("/in/.dot", b"x"), put("/in/a%2Fb", b"x"), put("/in/%00", b"x"),
        put("/../x", b"x"), put("/in/../y", b"y"), put("/in/q?query", b"q"), put("/in/link", b"over the link"),
        put("/in/new.txt", b"n", "If-None-Match: *"), put("/in/fresh.txt", b"f", "If-None-Match: *"),
        put("/in/new.txt", b"n", 'If-Match: "other"'), put("/in/absent", b"n", "If-Match: *"),
        Request("with its tag", request("PUT /in/new.txt", "Content-Length: 1", "If-Match: @TAG@", body=b"t"),
            tag_of="/in/new.txt"),
        put("/in/r", b"r", "Content-Range: bytes 0-0/1"), put("/in/e", b"e", "Content-Encoding: gzip"),
        put("/in/t.html", b"t", "Content-Type: text/plain"), put("/in/post", b"p", method="POST"),
        put("/in/expect", b"e", "Expect: 100-continue"), put("/in/over2", big, "Expect: 100-continue"),
        put("/in/x", b"x", "Connection: close"), put("/in/wonder", b"x", "Expect: wonders"),
        _chunked("/in/chunked", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", "chunks"), get("/in/chunked"),
        _chunked("/in/chunked2", b"3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n", "chunks with a trailer"),
        _chunked("/in/chunked3", b"3\r\nabc\r\n0\r\n\r\n", "chunks byte by byte", is_slow=True),
        _chunked("/in/chunked4", b"zz\r\nabc\r\n0\r\n\r\n", "bad chunks"),
        _chunked("/in/chunked5", b"3\r\nabcd\r\n0\r\n\r\n", "too long a chunk"),
        _chunked("/in/chunked6", b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n", "chunks over the limit"),
        _chunked("/in/chunked7", b"3\r\nabc\r\n", "chunks that end early", is_shut=True),
        Request("a body that ends early", request("PUT /in/early", "Content-Length: 9", body=b"abc"), is_shut=True),
        Request("no length", request("PUT /in/nothing"), ("PUT",)),
        Request("1.0", request("PUT /in/old HTTP/1.0", "Content-Length: 3", body=b"old")),
        Request("pipelined", request("PUT /in/p1", "Content-Length: 2", body=b"p1") + request("GET /in/p1"),
            ("PUT", "GET")),
        Request("byte by byte", request("PUT /in/slow", "Content-Length: 4", body=b"slow"), is_slow=True),
        Request("delete", request("DELETE /in/new.txt"), ("DELETE",)),
        Request("options", request("OPTIONS /in/new.txt")),
        Request("preflight", request("OPTIONS /in/x", "Origin: https://example.com",
            "Access-Control-Request-Method: PUT")),
    ]


def _deceptive() -> list[Request]:
    values = ["a\u00adb", "a\u180eb", "a\ufff9b", "a\U000e0041b", "a\u202eb", "a\u200bb", "a\x7fb", 'a"b\\c',
        "a\tb", "<a>&'"]
    fields = [Request(f"field {value!a}",
        request("GET /a.txt", f"User-Agent: {value}", f"Referer: {value}")) for value in values]
    secrets = ["Cookie: id=1", "Authorization: Basic eA==", "Proxy-Authorization: x", "X-Other: y"]
    return [*fields, get("/a.txt", *secrets),
        Request("raw bytes", b"GET /a.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe\r\n\r\n")]


def _times() -> list[Request]:
    return [
        Request("a head that takes too long", b"GET /a.txt HTTP/1.1\r\nHo", ("GET",)),
        Request("silence", b"", ("GET",)),
        Request("a second head that takes too long", _A + b"GET /", ("GET", "GET")),
        Request("a body that takes too long", request("POST /x", "Content-Length: 9", body=b"abc"), ("POST",)),
    ]


def _built_in() -> list[Request]:
    # Pages that show the source, and archives with them, differ in each build.
    paths = ["/", "/index.html", "/HelloWorld.html", "/CafeStory.html", "/missing", "/style.css", "/favicon.svg",
        "/a/b"]
    return [get(path, *fields) for path in paths for fields in ([], ["Accept-Encoding: gzip"], ["Range: bytes=0-9"])]


def _listings() -> list[Request]:
    paths = ["/", "/without-index/", "/empty-directory/", "/deep/a/b/c/d/", "/missing/"]
    types = ["text/html", "application/json", "text/plain"]
    plain = [get(path, f"Accept: {value}") for path in paths for value in types]
    compressed = [get(path, "Accept: text/html", "Accept-Encoding: gzip") for path in paths]
    heads = [Request(f"HEAD {path}", request(f"HEAD {path}", "Accept: text/html")) for path in paths]
    return [*plain, *compressed, *heads, get("/?archive=tar"), get("/deep/?archive=tar", "Range: bytes=0-9")]


# The last one ends the exchange.
NUMBERS = [
    "Client of Ada: 7\n", "Client of Ada: 7\r\n", "Client of Ada: 1\n", "Client of Ada: 100\nmore",
    "Client of Ada: x\n",
    "Client of : 7\n", "Client of Ada:7\n", "client of Ada: 7\n", "Client of A\u00adb\u202e: 7\n",
    "Client of Ada: 007\n",
    "Client of Ada: +7\n", "Client of Ada: 9223372036854775808\n", "Client of A:b: 7\n", "\n", "", "Client of Ada: 7",
    "Client of " + "x" * 300 + ": 7\n", "x" * 5000, "GET / HTTP/1.1\r\n", "Client of Ada: -7\n",
]


def _numbers() -> list[Request]:
    return [Request(f"{line[:60]!a}", line.encode(), is_shut=True) for line in NUMBERS]


GROUPS = {
    "paths": _paths, "few": _few, "negotiation": _negotiation, "ranges": _ranges, "conditions": _conditions,
    "methods": _methods, "syntax": _syntax, "pipelines": _pipelines, "uploads": _uploads, "deceptive": _deceptive,
    "times": _times, "numbers": _numbers, "built-in": _built_in, "listings": _listings,
}
