"""The configurations of the server that get requests; together they name every option.

`{site}` is the tree that both servers serve, `{own}` a directory of each server's own.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Configuration:
    """A server, and the groups of requests that it gets."""

    name: str
    args: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=lambda: ["few"])
    environment: dict[str, str] = field(default_factory=dict)
    # Written to `{own}/settings.toml`.
    settings: str = ""
    # It serves `{own}/site`, and stores files there.
    stores: bool = False
    # It has an access log in `{own}/access.log`, unless it logs to standard output.
    logs_to_file: bool = True
    # It serves the pages that are built in.
    is_built_in: bool = False
    # Records of several threads come in any order.
    is_ordered: bool = True


_MARKED = ["--header", "X-Frame-Options: DENY", "-H", "Server: other", "--header=X-Content-Type-Options: sniff"]
_CACHE = ["--cache-control", "*.html=no-cache", "--cache-control=deep/**=max-age=31536000, immutable",
    "--cache-control=*.{css,js}=no-store"]
_REDIRECT = ["--redirect", "/old/*=/deep/*", "--redirect=/away=https://example.com/", "--redirect=/temp=/a.txt?b=2",
    "--redirect=/a*=/deep/a*"]
_PAGES = ["--error-page", "404=404.html", "--error-page=500=500.html", "--error-page=403=404.html"]

CONFIGURATIONS = [
    Configuration("plain", groups=["paths", "methods", "pipelines", "deceptive"]),
    Configuration("plain, conditions and ranges", groups=["conditions", "ranges"]),
    Configuration("plain, syntax", groups=["syntax"]),
    Configuration("plain, negotiation", groups=["negotiation"]),
    Configuration("listing off", ["--listing", "off"], ["few", "methods"]),
    Configuration("index", ["--index", "home.htm"]),
    Configuration("index is any file", ["-i", "one.txt"], ["few", "listings"]),
    Configuration("fallback", ["--fallback", "index.html"], ["few", "methods"]),
    Configuration("fallback with listing", ["--fallback=page.html", "--listing=auto"]),
    Configuration("error pages", _PAGES, ["few", "methods", "syntax"]),
    Configuration("clean URLs", ["--clean-urls"], ["few", "paths"]),
    Configuration("no compression", ["--no-compress"], ["few", "negotiation"]),
    Configuration("media types", ["--mime", "zzz=text/x-z", "--mime=txt=text/plain; charset=latin-1", "--mime",
        "css=a/b"]),
    Configuration("headers", _MARKED, ["few", "methods"]),
    Configuration("cache-control", _CACHE),
    Configuration("CORS", ["--cors"], ["few", "methods"]),
    Configuration("CORS of one", ["--cors=https://example.com"], ["few", "methods"]),
    Configuration("redirects", _REDIRECT, ["few", "methods"]),
    Configuration("cache stat", ["--cache", "stat"], ["few", "conditions"]),
    Configuration("cache off", ["--cache=off"], ["few", "ranges"]),
    Configuration("small cache", ["--cache-size", "1k"]),
    Configuration("workers", ["--workers", "2", "--max-connections", "20"], ["few", "pipelines"], is_ordered=False),
    Configuration("log common", ["--log-format", "common"], ["few", "deceptive"]),
    Configuration("log JSON", ["--log-format", "json"], ["few", "deceptive", "syntax"]),
    Configuration("log JSON, secrets", ["--log-format=json", "--log-secrets", "--log-headers",
        "cookie,host,authorization"], ["deceptive"]),
    Configuration("log headers", ["--log-format", "headers"], ["few", "deceptive", "syntax"]),
    Configuration("log headers, none", ["--log-format=headers", "--log-headers=none"], ["deceptive"]),
    Configuration("log to standard output", ["--access-log", "-"], logs_to_file=False),
    Configuration("log off", ["--access-log=off"], logs_to_file=False),
    Configuration("quiet", ["-q"]),
    Configuration("verbose", ["-v"], ["few", "pipelines"]),
    Configuration("times", ["--header-timeout", "300ms", "--idle-timeout", "400ms"], ["times"]),
    Configuration("grace", ["--grace", "1s", "-b", "127.0.0.1", "--bind", "127.0.0.2"]),
    Configuration("few connections", ["--max-connections", "1"]),
    Configuration("uploads", ["--upload"], ["uploads", "methods"], stores=True),
    Configuration("uploads below a directory", ["--upload=in", "--max-upload", "1000", "--cors"], ["uploads"],
        stores=True),
    Configuration("uploads with rules", ["-u", *_MARKED, *_PAGES, "--log-format=json", "--cache=stat"], ["uploads"],
        stores=True),
    Configuration(
        "settings file",
        ["--config", "{own}/settings.toml"],
        ["few"],
        settings="index = 'home.htm'\nlisting = 'auto'\nlog-format = 'json'\n[header]\nX-A = 'b'\n[error-page]\n404 = '404.html'\n"
        "[mime]\nzzz = 'text/x-toml'\n[cache-control]\n'*.css' = 'no-store'\n[redirect]\n'/old/*' = '/deep/*'\n",
    ),
    Configuration(
        "environment",
        environment={
            "REACTOR_INDEX": "home.htm", "REACTOR_ERROR_PAGE": "404=404.html\n403=500.html", "REACTOR_CLEAN_URLS": "1",
            "REACTOR_VERBOSE": "0", "REACTOR_HEADER": "X-A: b", "REACTOR_UNKNOWN": "x", "REACTOR_IDLE_TIMEOUT": "2m",
        },
    ),
    Configuration("number exchange beside", ["--sum-port", "0", "--sum-name", "Bob", "--sum-number=7"],
        ["few", "numbers"]),
    Configuration("number exchange alone", ["--no-http", "--sum-port", "0", "-v"], ["numbers"]),
    Configuration("built-in pages", groups=["built-in"], is_built_in=True),
    Configuration("everything", [*_MARKED, *_CACHE, *_REDIRECT, *_PAGES, "--clean-urls", "--cors", "--fallback",
        "index.html"], ["few", "paths"]),
]
