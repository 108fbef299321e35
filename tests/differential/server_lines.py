"""The command lines of the server; all but a few only check the settings."""

from lines import NUMBERS, SIZES, TIMES, Group, Line, split


def _checks(option: str, values: list[str]) -> list[Line]:
    return [Line("server", ["--check", f"{option}={value}", "site"]) for value in values]


SERVER_FORMS = split("server", """
--help
-h
--version
-V
--check
--check site
--check 0 site
--check site 0
--check site other
--check 1 2
--check 99999
--check -p0 -dsite
--check -p=0 --root=site
--check -p 0 -p 1
--check --port 1 --port=1
--check -p
--check --port
--check --port=
--check --port=http
--check -p -1
--check --prot 1
--check --por 1
--check --nonsense
--check --nonsense=1
--check -x
--check -qv
--check -qp0
--check -vq site
--check -q -q
--check --quiet=yes
--check --quiet= site
--check -- -odd
--check -- --help
--check -- --
--check -
--check +80
--check --root=
--check --root=missing
--check --root=site/index.html
--check 'si te'
--check -d site -d other
--check site -d other
--check --check site
--check --version
--check --help
--no-compress=1
--check -- site 0 1
--check -u ./site
--check -u=in site
--check -uin site
--check --upload in site
--check --upload=in site
--check --upload=missing site
--check --upload=../x site
--check --upload=/in site
--check --cors site
--check --cors=https://example.com site
--check --cors=example.com site
--check --cors=https://example.com/ site
--check --cors= site
--check --cors='*' site
--check --cors --cors site
--check -c site.toml
--check -csite.toml
--check --config=site.toml -p 7 --index other.html
--check -c missing.toml
--check -c bad.toml
--check -c unknown.toml
--check -c types.toml
--check -c nested.toml
--check -c
--check -c site.toml -c site.toml
--check -H
""")

SERVER_VALUES = split("server", """
--check -i home.htm site
--check --index=a/b site
--check --index= site
--check --index=.. site
--check -i a -i b site
--check --fallback=index.html site
--check --fallback=missing.html site
--check --fallback=../x site
--check --fallback=/index.html site
--check --fallback= site
--check --error-page=404=index.html --error-page 500=index.html site
--check --error-page=404=index.html --error-page=404=index.html site
--check --error-page=404 site
--check --error-page=404= site
--check --error-page=418=index.html site
--check --error-page=x=index.html site
--check --error-page==index.html site
--check --error-page=404=missing.html site
--check --clean-urls site
--check --clean-urls=x site
--check --listing=auto site
--check --listing=off site
--check --listing=on site
--check --listing= site
--check --listing=AUTO site
--check --no-compress site
--check --mime foo=text/plain --mime bar='text/x; charset=x' site
--check --mime foo site
--check --mime =text/plain site
--check --mime foo= site
--check --mime foo=text site
--check --mime .foo=text/plain site
--check --mime foo=text/plain --mime foo=text/html site
--check -H 'X-A: b' --header='X-C:d' site
--check -H 'X-A b' site
--check -H ': b' site
--check -H 'X-A:' site
--check -H 'Content-Length: 1' site
--check -H 'Date: x' site
--check -H 'X A: b' site
--check --cache-control '*.html=no-cache' --cache-control 'a/**=max-age=1, immutable' site
--check --cache-control '*.html' site
--check --cache-control '=x' site
--check --cache-control '[=x' site
--check --cache-control '{a=x' site
--check --cache-control '*.html=' site
--check --redirect /a=/b --redirect '/c/*=https://example.com/*' site
--check --redirect /a site
--check --redirect a=/b site
--check --redirect /a=b site
--check --redirect '/a*b=/c' site
--check --redirect '/a=/c*' site
--check --redirect /a=/a site
--check --redirect /a=ftp://x/ site
--check --redirect /a=/b --redirect /a=/c site
--check -b 127.0.0.1 --bind ::1 site
--check -b localhost site
--check -b nowhere site
--check -b 127.0.0.1 -b 127.0.0.1 site
--check -b [::1] site
--check -b 127.0.0.1:80 site
--check --bind= site
--check -b localhost -b 127.0.0.1 site
--check --access-log=off site
--check --access-log=- site
--check --access-log=a.log site
--check --access-log= site
--check --access-log=missing/a.log site
--check --access-log=site site
--check --log-format=json --log-headers=host,cookie --log-secrets site
--check --log-format=common site
--check --log-format=headers --log-headers=none site
--check --log-format=xml site
--check --log-format= site
--check --log-headers=a: site
--check --log-headers= site
--check --log-headers=a,,b site
--check --log-secrets=1 site
--check --workers=auto site
--check --workers=2 site
--check --workers=0 site
--check --workers=many site
--check --workers=9999 site
--check --cache=fresh site
--check --cache=stat site
--check --cache=off site
--check --cache=on site
--check --cache= site
--check --max-connections=0 site
--check --max-connections=7 site
--check --max-connections=many site
--check --max-connections=-1 site
--check --max-connections=999999999 site
--check --sum-port 0 --sum-name Bob --sum-number 7 site
--check --sum-port=x site
--check --sum-port=99999 site
--check --sum-name=Bob site
--check --sum-port=0 --sum-name= site
--check --sum-port=0 --sum-name='a:b' site
--check --sum-port=0 --sum-number=x site
--check --sum-port=0 --sum-number=9223372036854775808 site
--check --no-http
--check --no-http site
--check --no-http --sum-port 0
--check --no-http --sum-port 0 --listing auto
0 missing
0 /dev/null
0 site --access-log missing/log
0 site --access-log site
0 site --max-connections 999999999
0 site --bind 192.0.2.99
0 site -c missing.toml
0 a\\nb
""")

SERVER_ENVIRONMENT = [
    Line("server", "--check site", environment=one)
    for one in (
        {"REACTOR_PORT": "7"}, {"REACTOR_PORT": "x"}, {"REACTOR_PORT": ""}, {"REACTOR_QUIET": "1"},
        {"REACTOR_QUIET": "0"},
        {"REACTOR_QUIET": "yes"}, {"REACTOR_BIND": "127.0.0.1\n::1"}, {"REACTOR_UNKNOWN": "1"},
        {"REACTOR_CONFIG": "site.toml"},
        {"REACTOR_CONFIG": "missing.toml"}, {"REACTOR_IDLE_TIMEOUT": "2m"}, {"REACTOR_IDLE_TIMEOUT": "5x"},
        {"REACTOR_CORS": "1"},
        {"REACTOR_CORS": "https://example.com"}, {"REACTOR_UPLOAD": "in"}, {"REACTOR_HEADER": "X-A: b\nX-B: c"},
        {"REACTOR_ERROR_PAGE": "404=index.html\n"}, {"REACTOR_CHECK": "1"}, {"REACTOR_HELP": "1"},
        {"REACTOR_ROOT": "site"},
        {"REACTOR_MAX_UPLOAD": "1k"}, {"REACTOR_CACHE_SIZE": "x"}, {"reactor_port": "7"},
    )
]

SERVER_TIMES = [line for option in ("--idle-timeout", "--header-timeout", "--grace") for line in _checks(option, TIMES)]
SERVER_SIZES = [line for option in ("--max-upload", "--cache-size") for line in _checks(option, SIZES)]
SERVER_NUMBERS = [line for option in ("--workers", "--max-connections", "--port",
    "--sum-port") for line in _checks(option, NUMBERS)]

GROUPS = [
    Group("server forms", SERVER_FORMS),
    Group("server values", SERVER_VALUES),
    Group("server environment", SERVER_ENVIRONMENT),
    Group("server times", SERVER_TIMES),
    Group("server sizes", SERVER_SIZES),
    Group("server numbers", SERVER_NUMBERS),
]
