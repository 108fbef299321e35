#!/bin/sh
# Soak test: mixed load on one server, whose memory, descriptors and connections must return to where they were.
#
# Usage: tests/soak.sh MINUTES [DIRECTORY OF THE PROGRAMS]
# Needs curl, openssl, python3 and a release build. Traffic stays on 127.0.0.1.
set -eu
minutes=${1:?usage: tests/soak.sh MINUTES [DIRECTORY]}
programs=$(cd "${2:-target/release}" && pwd)
dir=$(mktemp -d)
server= ; loads=
stop() {
  for pid in $loads $server; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$dir"
}
trap stop EXIT INT TERM
fail() { echo "soak: $*" >&2; exit 1; }

certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$dir/key.new" -out "$dir/chain.new" 2>/dev/null
  chmod 600 "$dir/key.new"
  mv "$dir/key.new" "$dir/key"; mv "$dir/chain.new" "$dir/chain"
}
certificate
for release in 1 2; do
  mkdir -p "$dir/releases/$release/up"
  for size in 1 1000 100000 5000000; do head -c $size /dev/urandom >"$dir/releases/$release/$size"; done
done
ln -s releases/1 "$dir/root"

"$programs/reactor-server" --port 0 --tls-port 0 --tls-cert "$dir/chain" --tls-key "$dir/key" --root "$dir/root" \
  --upload=up --allow-delete --listing auto --workers 2 --access-log "$dir/log" --header-timeout 2s --idle-timeout 5s \
  --resumable-for 2s >"$dir/out" 2>"$dir/err" &
server=$!
for _ in $(seq 100); do [ "$(wc -l <"$dir/out")" -ge 2 ] && break; sleep 0.05; done
plain=$(grep -m1 '^http:' "$dir/out")
tls=$(grep -m1 '^https:' "$dir/out")
[ -n "$plain" ] && [ -n "$tls" ] || fail "the server does not start: $(cat "$dir/err")"
# A new certificate is taken within a second: a failure then is none of the server.
get() { curl -s -m 20 --cacert "$dir/chain" "$@" >/dev/null || true; }

descriptors() { ls "/proc/$server/fd" | wc -l; }
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$server/status"; }
open_connections() {
  kill -USR2 $server
  sleep 0.3
  grep -o 'open=[0-9]*' "$dir/err" | tail -1 | cut -d= -f2
}

before=$(descriptors)
again() { while :; do "$@"; done; }
for address in "$plain" "$tls"; do
  again get "${address}1" "${address}1000" "${address}100000" "${address}5000000" & loads="$loads $!"
  again get -r 100-90000 "${address}100000" & loads="$loads $!"
  again get "$address?format=json" -H 'Accept: application/json' & loads="$loads $!"
  again get -T "$dir/releases/1/100000" "${address}up/$(basename "$address" | tr -dc 0-9)" & loads="$loads $!"
done
# Clients that break off, send slowly, or leave resumable uploads.
python3 - "$plain" <<'PYTHON' & loads="$loads $!"
import random, socket, sys, time, urllib.parse
address = urllib.parse.urlsplit(sys.argv[1])
slow = []
while True:
    client = socket.create_connection((address.hostname, address.port), timeout=5)
    kind = random.randrange(4)
    try:
        if kind == 0:
            client.sendall(b"GET /5000000 HTTP/1.1\r\nHost: localhost\r\n\r\n"); client.recv(1000)
        elif kind == 1:
            client.sendall(b"PUT /up/cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\npart")
        elif kind == 2:
            client.sendall(b"PUT /up/later HTTP/1.1\r\nHost: localhost\r\nUpload-Complete: ?0\r\nContent-Length: 0\r\n\r\n"); client.recv(1000)
        else:
            client.sendall(b"GET / HTTP/1.1\r\nHost:"); slow.append(client)
    except OSError:
        pass
    if kind != 3:
        client.close()
    if len(slow) > 20:
        slow.pop(0).close()
    time.sleep(0.01)
PYTHON
"$programs/reactor-client" -s -c 32 -q 2000 -z "$minutes"m "${plain}1000" >/dev/null 2>&1 & loads="$loads $!"

sleep 10
early=$(memory)
end=$(($(date +%s) + minutes * 60 - 10))
round=0
while [ "$(date +%s)" -lt $end ]; do
  round=$((round + 1))
  ln -s "releases/$((round % 2 + 1))" "$dir/next"; mv -T "$dir/next" "$dir/root"
  mv "$dir/log" "$dir/log.1"; kill -USR1 $server
  [ $((round % 3)) = 0 ] && certificate
  [ $((round % 4)) = 0 ] && kill -HUP $server
  kill -0 $server 2>/dev/null || fail "the server has ended: $(tail -3 "$dir/err")"
  sleep 2
done
late=$(memory); busy=$(descriptors)
for pid in $loads; do kill "$pid" 2>/dev/null || true; done
loads=
# Time-outs of curl and of the server, and uploads that expire.
sleep 25
left=$(open_connections); kept=$(descriptors); rest=$(memory)
served=$(grep -o 'responses.2xx=[0-9]*' "$dir/err" | tail -1 | cut -d= -f2)
panics=$(grep -o 'closed.panicked=[0-9]*' "$dir/err" | tail -1 | cut -d= -f2)
echo "$minutes min, $round rounds, $served responses with 2xx: RSS $early KiB after 10 s, $late at the end, $rest after it;" \
  "descriptors $before, $busy under load, $kept after it; connections left: $left; panics: $panics"
[ "$left" = 0 ] || fail "$left connections are open"
for address in "$plain" "$tls"; do
  curl -sf -m 20 --cacert "$dir/chain" -o /dev/null "${address}1000" || fail "$address serves nothing"
done
# Each of two workers has inotify, and its cache keeps the two large files open.
[ "$kept" -le $((before + 6)) ] || fail "$kept descriptors are open, $before before the load"
[ "$panics" = 0 ] || fail "$panics connections panicked"
[ "$rest" -le $((early * 5 / 4 + 8192)) ] || fail "memory grew from $early to $rest KiB"
# Those of the other release are swept once it is the root again.
[ -z "$(ls "$dir/root/up/.reactor-uploads" 2>/dev/null)" ] || fail "unfinished uploads are left"
kill -TERM $server; wait $server || fail "the server ended with code $?"
server=
