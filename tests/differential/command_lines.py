"""The command lines, in groups; words are split as a shell does.

`{P}` is the port of the scripted server, `{S}` that of a real one of the old build.
"""

from dataclasses import dataclass, field

# Words that are no value of an option that takes times, sizes or numbers; and some odd ones that may be.
TIMES = [
    "", "0", "0s", "-1", "-1s", "+1s", "1", "10", "1.5", "1.5s", ".5s", "5.", "500ms", "1500us", "10S", "10sec", "2m", "1h",
    "1d", "24h", "25h", "1m30s", "1h1m1s", "30s1m", "1m1m", "1 s", " 1s", "1e3", "1_000s", "١s", "99999999999999999999s",
    "0.0001ms", "inf", "nan", "5x", "s", "1,5s",
]
SIZES = ["", "0", "1", "-1", "+1", "500k", "500K", "20M", "20m", "1GiB", "1gib", "1GB", "1.5M", "5.", ".5k", "1 M", "1T", "9999999T",
         "18446744073709551616", "1kk", "k", "1e3", "0x10", "1KiB", "1kB", "1B"]
NUMBERS = ["", "0", "1", "-1", "+1", "10k", "1.5m", "1.5", "1e3", "x", "18446744073709551616", " 1", "1 ", "0x1", "007"]


@dataclass(frozen=True)
class Line:
    """One run of a program."""

    program: str
    words: str | list[str]
    stdin: bytes = b""
    environment: dict[str, str] = field(default_factory=dict)
    # How its output is normalised beyond the usual: "", "json" or "text" for reports of live runs.
    report: str = ""


@dataclass(frozen=True)
class Group:
    """Lines that run one after the other, with the same servers."""

    name: str
    lines: list[Line]
    # Whether a real server is needed.
    is_served: bool = False


def _server(lines: str, **more: dict[str, str]) -> list[Line]:
    return [Line("server", line, **more) for line in lines.strip().splitlines()]


def _client(lines: str, report: str = "") -> list[Line]:
    return [Line("client", line, report=report) for line in lines.strip("\n").splitlines()]


def _checks(option: str, values: list[str]) -> list[Line]:
    return [Line("server", ["--check", f"{option}={value}", "site"]) for value in values]


SERVER_FORMS = _server("""
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

SERVER_VALUES = _server("""
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
0 site/index.html
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
        {"REACTOR_PORT": "7"}, {"REACTOR_PORT": "x"}, {"REACTOR_PORT": ""}, {"REACTOR_QUIET": "1"}, {"REACTOR_QUIET": "0"},
        {"REACTOR_QUIET": "yes"}, {"REACTOR_BIND": "127.0.0.1\n::1"}, {"REACTOR_UNKNOWN": "1"}, {"REACTOR_CONFIG": "site.toml"},
        {"REACTOR_CONFIG": "missing.toml"}, {"REACTOR_IDLE_TIMEOUT": "2m"}, {"REACTOR_IDLE_TIMEOUT": "5x"}, {"REACTOR_CORS": "1"},
        {"REACTOR_CORS": "https://example.com"}, {"REACTOR_UPLOAD": "in"}, {"REACTOR_HEADER": "X-A: b\nX-B: c"},
        {"REACTOR_ERROR_PAGE": "404=index.html\n"}, {"REACTOR_CHECK": "1"}, {"REACTOR_HELP": "1"}, {"REACTOR_ROOT": "site"},
        {"REACTOR_MAX_UPLOAD": "1k"}, {"REACTOR_CACHE_SIZE": "x"}, {"reactor_port": "7"},
    )
]

SERVER_TIMES = [line for option in ("--idle-timeout", "--header-timeout", "--grace") for line in _checks(option, TIMES)]
SERVER_SIZES = [line for option in ("--max-upload", "--cache-size") for line in _checks(option, SIZES)]
SERVER_NUMBERS = [line for option in ("--workers", "--max-connections", "--port", "--sum-port") for line in _checks(option, NUMBERS)]

CLIENT_USAGE = _client("""
--help
-h
--version
-V
sum --help
sum -V
compare --help
compare -h
compare --version
merge --help
merge -V
run --help
--quux
--quux=bar
-sy
-é
-o
-so
--port
--port=
--silent=yes
-p x
-p 0
-p 99999
--host a:1
--host=
-m soon
-m -1
-m
--connect-timeout x
-H x
-H ''
-X 'A B'
-X get
-X PUT GET
-I GET
-T x -d a /a
-d @
-d @missing :{P}/
-T missing :{P}/x
-T x GET /a
-IT x /a
PUT /a -O
PUT /missing.txt -p {P}
PUT / -p {P}
PUT /a -H 'content-length: 5'
-O -o x /a
-o ''
-O /a/
--warmup 1s /
--no-keepalive /a
--log=
--log-format=xml /
--log-headers=a: /
--log-format=json /
--log-secrets /
--silen /
--verb /
a b c d e
http://
http:///x
https://example.com/
ftp://x/
http://user@host/
http://[::1/
'http://a b/'
localhost x
localhost 80 GET /a b
GET GET
:0/
:99999/
:x/
--format json /
--out x /
--slo 'p99<1ms' /
--every 1s /
--assert 'p99<1ms' /
--compare x /
--fail-on 'p99>1%' /
--save x /
-- --help
-- -x.invalid
no-such-host.invalid
-s no-such-host.invalid
-sS no-such-host.invalid
-p 1 /
-s -p 1 /
-sS -p 1 /
-v -p 1 /
-T - -d x /
-X PUT -T a.txt -o a.txt :{P}/
""")

CLIENT_FETCHES = [
    *_client("\n".join(f":{{P}}/{name}" for name in (
        "", "html", "binary", "large", "empty", "chunked", "to-the-end", "no-content", "not-modified", "moved", "missing", "broken",
        "odd-status", "no-reason", "early", "many-early", "cut-head", "cut-body", "cut-chunks", "bad-chunks", "more", "nothing",
        "nonsense", "http2", "http10", "http10-end", "two-lengths", "bad-length", "long-head", "many-fields", "too-many-fields",
        "line-feeds", "deceptive", "latin", "secrets", "gzip", "disposition",
    ))),
    *_client("\n".join(f"-v -i -o out {{name}}".replace("{name}", f":{{P}}/{name}") for name in (
        "", "binary", "chunked", "to-the-end", "missing", "early", "cut-body", "many-fields", "deceptive", "latin", "secrets", "no-content",
    ))),
    *_client("""
-s :{P}/
-f :{P}/missing
-fs :{P}/missing
-fsS :{P}/missing
-f :{P}/html
-I :{P}/html
--head -s :{P}/html
HEAD -p {P} /html
-i :{P}/html
-v :{P}/html
-o out :{P}/html
-oout :{P}/html
-o - :{P}/binary
-o missing/out :{P}/html
-o site :{P}/html
-o a.txt :{P}/html
-o out :{P}/cut-body
-O :{P}/html
-O :{P}/disposition/x%20y
-O :{P}/html/..%2Fx
-fo out :{P}/missing
-fsSo out :{P}/html
-X BREW :{P}/html
-X DELETE :{P}/no-content
DELETE :{P}/no-content
localhost {P} GET /html
127.0.0.1 {P}
127.0.0.1 {P} html
http://127.0.0.1:{P}/html
'http://127.0.0.1:{P}/html/a b?x=ü#frag'
:{P}/html/%zz
--host 127.0.0.1 -p {P} html
-H 'X-A: b' -H 'Accept:' -H 'User-Agent;' :{P}/html
-H 'Host: other' :{P}/html
-H 'X-A: ü' :{P}/html
-H 'X-A:b' -H 'x-a: c' :{P}/html
-H 'Connection: close' :{P}/html
-d a=1 :{P}/created
-d a=1 -d b=2 :{P}/created
-d @a.txt :{P}/created
-d @- :{P}/created
-d '' :{P}/created
-d a -X PUT :{P}/created
-d a -H 'Content-Type: a/b' :{P}/created
-T a.txt :{P}/created
-T a.txt :{P}/created/
-T empty :{P}/created
-T - :{P}/created
-T big :{P}/created
-T big :{P}/continue
-T big :{P}/missing
-T big -v :{P}/broken
-Ta.txt -X POST :{P}/created
PUT :{P}/a.txt
PUT :{P}/created/a.txt
127.0.0.1 {P} PUT /created/a.txt
-v -T a.txt :{P}/created
-m 5 :{P}/html
-m 0 :{P}/html
-m1.5 :{P}/html
--connect-timeout=0.5 :{P}/html
--log - :{P}/html
--log=client.log -v :{P}/html
--log client.log --log-format json :{P}/deceptive
--log client.log --log-format json :{P}/secrets -H 'Cookie: a' -H 'Authorization: b'
--log client.log --log-secrets :{P}/secrets -H 'Cookie: a'
--log client.log --log-format combined :{P}/html
--log client.log --log-format common :{P}/html
--log client.log --log-headers host,server :{P}/html
--log client.log --log-headers none :{P}/html
--log missing/client.log :{P}/html
--log client.log :{P}/cut-body
--log client.log --log-format json :{P}/nothing
--log client.log -T a.txt :{P}/created
-ivsSf :{P}/html
"""),
    *[Line("client", words, stdin=b"from standard input\n") for words in ("-T - :{P}/created", "-d @- :{P}/created", "-T - -X POST :{P}/created/")],
]

CLIENT_SUM = [
    *_client("""
sum x
sum 1 2
sum 9223372036854775808
sum 1.5
sum
sum 7 -p 1
sum 7 --name
sum 7 --name=
sum 7 --name 'a:b'
sum 7 --nonsense
sum 7 -p x
sum 7 --host a:1
sum -- -7 -p 1
sum 7 --host no-such-host.invalid
"""),
    Line("client", "sum -p 1", stdin=b"seven\n7\n"),
    Line("client", "sum -p 1", stdin=b"seven\n"),
]

LOAD_USAGE = [
    *_client("""
-n 0 /
-n x /
-n -1 /
-c 0 /
-c x /
-c 10 -n 5 -p 1 /
-q 0 /
-q x /
-q 1e9 /
-q -1 /
--steps x /
--steps 100 /
--steps 100:0s /
--steps 100:1s,x /
--steps 100:1s -q 5 /
--steps 100:1s --ramp 0..5/1s /
--ramp x /
--ramp 0..5 /
--ramp 5..x/1s /
--ramp 0..0/1s /
--ramp 0..5/0s /
--pipeline 0 -n 1 /
--pipeline x -n 1 /
--threads 0 -n 1 /
--threads x -n 1 /
--threads 9999 -n 1 -p 1 /
--requests-per-connection 0 -n 1 /
--requests-per-connection x -n 1 /
--requests-per-connection 2 --no-keepalive -n 1 /
--order x -n 1 /
--seed x -n 1 /
--urls missing -n 1
--urls empty -n 1
--urls urls -n 1 /
--urls bad-urls -n 1
--format xml -n 1 /
--out missing/x -n 1 -p 1 /
--every 0 -n 1 /
--assert '' -n 1 /
--assert 'p99' -n 1 /
--assert 'p99<' -n 1 /
--assert 'p98<10ms' -n 1 /
--assert 'p99<10' -n 1 /
--assert 'errors<0.1' -n 1 /
--assert 'rps>x' -n 1 /
--assert 'p99<10ms,' -n 1 /
--assert 'p99=10ms' -n 1 /
--fail-on 'p99>+10%' -n 1 /
--compare missing -n 1 /
--compare a.txt -n 1 /
--compare before.run --fail-on x -n 1 /
--compare before.run --fail-on 'p99>10%' -n 1 -p 1 /
--save missing/x -n 1 -p 1 /
--find-rate /
--find-rate --slo x /
--find-rate --slo '' /
--find-rate --slo 'p99<10ms' -n 5 /
--find-rate --slo 'p99<10ms' --save x /
--find-rate --slo 'p99<10ms' --assert 'p99<1ms' /
--find-rate --slo 'p99<10ms' --compare before.run /
--find-rate --slo 'p99<10ms' --fail-on 'p99>1%' /
--find-rate --slo 'p99<10ms' --ramp 0..5/1s /
--find-rate --slo 'p99<10ms' --steps 5:1s /
--find-rate --slo 'p99<10ms' --format csv /
--find-rate --slo 'p99<10ms' --format hdr /
--find-rate --slo 'rps>10' -q 0 /
--find-rate --slo 'p99<10ms' -z 0 /
--find-rate --find-rate --slo 'p99<10ms' /
-n 1 -o x /
-n 1 -O /x
-n 1 -i /
-n 1 -v /
-n 1 -f /
-n 1 -m 5 /
-n 1 --log x /
-n 1 -T missing /
-n 1 -d @missing /
-n 1 /{RAND:5:1}
-n 1 /{RAND:x:1}
-n 1 -p 1 -s --format json / x y z
"""),
    *[Line("client", ["-n", "1", "--urls", "missing", f"{option}={value}"])
      for option in ("--warmup", "--timeout", "--every") for value in TIMES],
    *[Line("client", ["-z", value, "--urls", "missing"]) for value in TIMES],
    *[Line("client", [option, value, "--urls", "missing"]) for option in ("-n", "-c", "-q", "--seed", "--pipeline", "--threads") for value in NUMBERS],
    *[Line("client", ["-m", value, "-p", "1", "/"]) for value in TIMES],
    *[Line("client", ["--connect-timeout", value, "-p", "1", "/"]) for value in TIMES],
]

LOAD_RUNS = [
    *_client("""
-n 20 -c 2 -s --format json -p {S} /a.txt
-n 20 -c 2 -s --format json --pipeline 4 -p {S} /a.txt
-n 20 -c 2 -s --format json --no-keepalive -p {S} /a.txt
-n 20 -c 2 -s --format json --requests-per-connection 3 -p {S} /a.txt
-n 20 -c 4 -s --format json --threads 2 -p {S} /a.txt
-n 20 -c 2 -s --format json -q 1k -p {S} /a.txt
-n 20 -c 2 -s --format json --urls urls -p {S}
-n 20 -c 2 -s --format json --urls urls --order random --seed 3 -p {S}
-n 20 -c 2 -s --format json -I -p {S} /a.txt
-n 20 -c 2 -s --format json -p {S} /missing
-n 5 -c 1 -s --format json -p {S} '/{SEQ}?{RAND:1:9}&{{SEQ}'
-n 5 -c 1 -s --format json -d 'x={SEQ}' -p {S} /a.txt
-n 5 -c 1 -s --format json -T a.txt -p {S} /a.txt
-n 5 -c 1 -s --format json -H 'X: {SEQ}' -X OPTIONS -p {S} /a.txt
-n 5 -c 1 -s --format json --out report.json -p {S} /a.txt
-n 5 -c 1 -s --format json -p {S} --steps 100:50ms,200:50ms /a.txt
-z 100ms -c 1 -s --format json -p {S} --ramp 10..100/100ms /a.txt
-n 5 -c 1 -s --format json --warmup 20ms -p {S} /a.txt
-n 5 -c 1 -s --format json --timeout 1m30s -p {S} /a.txt
-n 20 -c 2 -s --format json --compare before.run -p {S} /a.txt
-n 5 -c 1 -s --format json --save live.run -p {S} /a.txt
""", "json"),
    *_client("""
-n 20 -c 2 -p {S} /a.txt
-n 20 -c 2 -s -p {S} /a.txt
-n 20 -c 2 -s --format csv -p {S} /a.txt
-n 20 -c 2 -s --format hdr -p {S} /a.txt
-n 20 -c 2 -s --assert 'p99<10s,errors<0.1%' -p {S} /a.txt
-n 20 -c 2 -s --assert 'p99<1us' -p {S} /a.txt
-n 20 -c 2 -s --assert 'errors<1%' -p {S} /missing
-n 20 -c 2 -s --save live.run -p {S} /a.txt
-n 20 -c 2 -s -p {S} --urls urls
""", "text"),
]

SAVED_RUNS = _client("""
compare
compare before.run
compare before.run after.run
compare before.run after.run --format json
compare before.run after.run --format csv
compare before.run after.run --format html
compare before.run after.run --format hdr
compare before.run after.run --format xml
compare before.run after.run --seed 7
compare before.run after.run --seed x
compare before.run after.run --out report.txt
compare before.run after.run --out missing/report.txt
compare before.run after.run --fail-on 'p99>+10%'
compare before.run after.run --fail-on 'p50>-90%,rps<+90%'
compare before.run after.run --fail-on 'rps<-1%'
compare before.run after.run --fail-on 'errors>+0.1%'
compare before.run after.run --fail-on x
compare before.run after.run --fail-on ''
compare after.run before.run
compare before.run before.run
compare before.run closed.run
compare closed.run before.run --format json
compare before.run merged.run
compare before.run failed.run
compare failed.run failed.run --format json
compare before.run after.run more.run
compare before.run missing.run
compare before.run a.txt
compare before.run empty
compare before.run newer.run
compare before.run cut.run
compare before.run --nonsense
compare -- before.run after.run
compare --format=json before.run after.run
compare --format
compare --out= before.run after.run
compare -s before.run after.run
merge
merge before.run
merge before.run after.run
merge before.run after.run --format json
merge before.run after.run --format csv
merge before.run after.run --format hdr
merge before.run after.run --format html
merge before.run after.run --format xml
merge before.run after.run --save both.run
merge before.run after.run --save both.run --out report.txt
merge before.run after.run --out missing/x
merge before.run after.run --save missing/x
merge before.run before.run before.run
merge closed.run closed.run --format json
merge closed.run closed.run --format html
merge closed.run closed.run --format csv
merge failed.run failed.run --format json
merge failed.run failed.run
merge merged.run before.run --format json
merge before.run closed.run
merge before.run missing.run
merge before.run a.txt
merge before.run newer.run
merge before.run cut.run
merge before.run --nonsense
merge before.run after.run --seed 3
merge -- before.run after.run
""")

GROUPS = [
    Group("server forms", SERVER_FORMS),
    Group("server values", SERVER_VALUES),
    Group("server environment", SERVER_ENVIRONMENT),
    Group("server times", SERVER_TIMES),
    Group("server sizes", SERVER_SIZES),
    Group("server numbers", SERVER_NUMBERS),
    Group("client usage", CLIENT_USAGE),
    Group("client fetches", CLIENT_FETCHES),
    Group("client sum", CLIENT_SUM),
    Group("load usage", LOAD_USAGE),
    Group("load runs", LOAD_RUNS, is_served=True),
    Group("saved runs", SAVED_RUNS),
]
