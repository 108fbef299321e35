"""The command lines of the client: `{P}` is the port of the scripted server.

In a group that is served, `{S}` is the port of a real one of the old build, and `{N}` that of its number exchange.
"""

from lines import NUMBERS, TIMES, Group, Line, split

CLIENT_USAGE = split("client", """
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
    *split("client", "\n".join(f":{{P}}/{name}" for name in (
        "", "html", "binary", "large", "empty", "chunked", "to-the-end", "no-content", "not-modified", "moved",
        "missing", "broken",
        "odd-status", "no-reason", "early", "many-early", "cut-head", "cut-body", "cut-chunks", "bad-chunks",
        "more", "nothing",
        "nonsense", "http2", "http10", "http10-end", "two-lengths", "bad-length", "long-head", "many-fields",
        "too-many-fields",
        "line-feeds", "deceptive", "latin", "secrets", "gzip", "disposition",
    ))),
    *split("client", "\n".join(f"-v -i -o out {{name}}".replace("{name}", f":{{P}}/{name}") for name in (
        "", "binary", "chunked", "to-the-end", "missing", "early", "cut-body", "many-fields", "deceptive", "latin",
        "secrets", "no-content",
    ))),
    *split("client", """
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
-m 1.5 :{P}/silence
-s -m 1.5 :{P}/silence
-m 1.5 -T a.txt :{P}/silence
-m 1.5 --log client.log :{P}/silence
"""),
    *[Line("client", words, stdin=b"from standard input\n") for words in ("-T - :{P}/created", "-d @- :{P}/created",
        "-T - -X POST :{P}/created/")],
]

CLIENT_SUM = [
    *split("client", """
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
sum 7 -p {N}
sum 7 -p {N} --name Ada
sum 100 -p {N} --name 'a b'
sum 1 --port={N} --host localhost
sum 7 -p {S}
sum -p {N} -- 8
sum 7 --host no-such-host.invalid
"""),
    Line("client", "sum -p {N} --name Ada", stdin=b"seven\n7\n"),
    Line("client", "sum -p 1", stdin=b"seven\n"),
]

LOAD_USAGE = [
    *split("client", """
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
    *[Line("client", [option, value, "--urls", "missing"]) for option in ("-n", "-c", "-q", "--seed", "--pipeline",
        "--threads") for value in NUMBERS],
    *[Line("client", ["-m", value, "-p", "1", "/"]) for value in TIMES],
    *[Line("client", ["--connect-timeout", value, "-p", "1", "/"]) for value in TIMES],
]

LOAD_RUNS = [
    *split("client", """
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
-n 20 -c 1 -s --format json -p {S} --steps 100:300ms,200:300ms /a.txt
-z 300ms -c 1 -s --format json -p {S} --ramp 50..100/300ms /a.txt
-n 5 -c 1 -s --format json --warmup 20ms -p {S} /a.txt
-n 5 -c 1 -s --format json --timeout 1m30s -p {S} /a.txt
-n 20 -c 2 -s --format json --compare before.run -p {S} /a.txt
-n 5 -c 1 -s --format json --save live.run -p {S} /a.txt
-n 5 -c 1 -s --format json :{P}/cut-body
-n 5 -c 1 -s --format json :{P}/nothing
-n 5 -c 1 -s --format json :{P}/bad-length
-n 5 -c 1 -s --format json :{P}/chunked
-n 5 -c 1 -s --format json :{P}/bad-chunks
-n 5 -c 1 -s --format json :{P}/early
-n 5 -c 1 -s --format json :{P}/missing
-n 2 -c 1 -s --format json --timeout 1s :{P}/silence
""", "json"),
    *split("client", """
-n 20 -c 2 -p {S} /a.txt
-n 20 -c 2 -s -p {S} /a.txt
-n 20 -c 2 -s --format csv -p {S} /a.txt
-n 20 -c 2 -s --format hdr -p {S} /a.txt
-n 20 -c 2 -s --assert 'p99<10s,errors<0.1%' -p {S} /a.txt
-n 20 -c 2 -s --assert 'p99<1us' -p {S} /a.txt
-n 20 -c 2 -s --assert 'errors<1%' -p {S} /missing
-n 20 -c 2 -s --save live.run -p {S} /a.txt
-n 20 -c 2 -s -p {S} --urls urls
-n 5 -c 1 -s :{P}/cut-body
-n 5 -c 1 -s :{P}/nonsense
""", "text"),
    *split("client", """
--find-rate --slo 'p99<1us' -z 200ms -q 100 -s --format json -p {S} /a.txt
--find-rate --slo 'p99<1us' -z 200ms -q 100 -s --format json --out report.json -p {S} /a.txt
""", "search"),
]

SAVED_RUNS = split("client", """
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
    Group("client usage", CLIENT_USAGE),
    Group("client fetches", CLIENT_FETCHES),
    Group("client sum", CLIENT_SUM, is_served=True),
    Group("load usage", LOAD_USAGE),
    Group("load runs", LOAD_RUNS, is_served=True),
    Group("saved runs", SAVED_RUNS),
]
