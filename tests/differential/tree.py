"""The fixture tree that servers serve and clients send from, with fixed contents and times.

Both servers serve the same tree, so even entity-tags are the same byte for byte.
"""

import gzip
import os
import random
from pathlib import Path

MTIME_SECS = 1_700_000_000

_HTML = "<!doctype html>\n<html lang=\"en\"><head><title>{0}</title></head>\n<body><p>{0}</p></body></html>\n"


def _text_of(length: int) -> bytes:
    words = random.Random(11).choices(["reactor", "request", "response", "range", "cache"], k=length // 4)
    return " ".join(words).encode()[:length]


def _files() -> dict[str, bytes]:
    css = b"body { margin: 0; color: #123456; }\n" * 60
    page = _HTML.format("page").encode()
    return {
        "index.html": _HTML.format("home").encode(),
        "a.txt": b"0123456789abcdefghijklmnopqrstuvwxyz\n",
        "utf8.txt": "Grüße, 世界\n".encode(),
        "page.html": page,
        "about.html": _HTML.format("about").encode(),
        "style.css": css,
        "script.js": b"console.log('x');\n" * 200,
        "data.json": b'{"a": [1, 2, 3]}\n',
        "picture.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>\n" * 40,
        "image.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
        "unknown.zzz": b"\x00\x01\x02",
        "no-extension": b"plain\n",
        "empty.txt": b"",
        "empty.html": b"",
        "large.txt": _text_of(1_500_000),
        "large.bin": random.Random(7).randbytes(1_200_000),
        "medium.txt": _text_of(70_000),
        "pre.css": css,
        "pre.css.gz": gzip.compress(css, mtime=0),
        "pre.css.br": b"not really brotli",
        "pre.css.zst": b"not really zstd",
        "only.txt.gz": gzip.compress(b"only", mtime=0),
        "archive.tar.gz": gzip.compress(b"tar", mtime=0),
        "404.html": _HTML.format("not here").encode(),
        "500.html": _HTML.format("went wrong").encode(),
        "name with spaces.txt": b"spaces\n",
        "percent%20name.txt": b"percent\n",
        "line\nend.txt": b"line end\n",
        "quote\"'<&>.txt": b"quotes\n",
        "plus+and;semi.txt": b"plus\n",
        "grüße-世界.txt": b"utf-8\n",
        "soft\u00adhyphen\u202e.txt": b"deceptive\n",
        ".hidden": b"hidden\n",
        ".well-known/security.txt": b"Contact: nobody\n",
        ".git/config": b"secret\n",
        "with-index/index.html": _HTML.format("inner").encode(),
        "with-index/home.htm": b"home\n",
        "without-index/one.txt": b"1\n",
        "without-index/two.css": css,
        "without-index/sub/three.txt": b"3\n",
        "without-index/.dot": b".\n",
        "about/index.html": _HTML.format("about, the directory").encode(),
        "deep/a/b/c/d/e.txt": b"deep\n",
        "locked/secret.txt": b"secret\n",
    }


def build(root: Path, outside: Path) -> None:
    """Makes the tree at `root`, and the file `outside` that a link leads to."""
    root.mkdir(parents=True)
    outside.write_bytes(b"outside\n")
    for name, content in _files().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / os.fsdecode(b"latin-\xe9.txt")).write_bytes(b"latin 1\n")
    (root / "empty-directory").mkdir()
    (root / "link-in.txt").symlink_to("a.txt")
    (root / "link-directory").symlink_to("with-index")
    (root / "link-out.txt").symlink_to(outside)
    (root / "link-nowhere").symlink_to("missing")
    (root / "link-loop").symlink_to("link-loop")
    os.mkfifo(root / "fifo")
    (root / "unreadable.txt").write_bytes(b"unreadable\n")
    (root / "unreadable.txt").chmod(0)
    (root / "locked").chmod(0)
    for directory, names, files in os.walk(root):
        for name in [*names, *files, "."]:
            path = Path(directory) / name
            os.utime(path, (MTIME_SECS, MTIME_SECS), follow_symlinks=False)


def contents(root: Path) -> dict[str, bytes]:
    """What is beneath `root`: names and contents of files, `-> target` for links."""
    found: dict[str, bytes] = {}
    for directory, names, files in os.walk(root):
        for name in sorted([*names, *files]):
            path = Path(directory) / name
            key = str(path.relative_to(root)).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            if path.is_symlink():
                found[key] = b"-> " + os.fsencode(os.readlink(path))
            elif path.is_dir():
                found[key + "/"] = b""
            elif path.is_file():
                found[key] = path.read_bytes()
    return dict(sorted(found.items()))
