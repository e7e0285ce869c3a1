#!/usr/bin/env bash
# 37-read - limpid read: real traffic captured by tcpdump and dumpcap gives the flows that live capture gives, whatever the link
# type, format or compression; what is missing is said; a capture of any size takes the same memory; the reader is confined.
. "$(dirname "$0")/lib.sh"
need_root
for tool in tcpdump curl openssl jq zstd xz; do
	command -v $tool >/dev/null || { skip "captures" "$tool is not installed"; exit 0; }
done

port=$(free_port) tls_port=$(free_port)
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/key.pem" -out "$TMP/cert.pem" -days 2 -subj /CN=capture.test \
	-addext subjectAltName=DNS:capture.test >/dev/null 2>&1
python3 tests/e2e/read_world.py serve "$port" "$tls_port" "$TMP/cert.pem" "$TMP/key.pem" >"$TMP/serve.log" 2>&1 &
server=$!
on_exit end_process $server
check "the server answers" until_true 20 curl -sf -o /dev/null "http://127.0.0.1:$port/small"

# --- captured at once: live by Limpid, by tcpdump in three ways, by dumpcap on interfaces of two link types ---
start() { # name, command: a capturing program that says on stderr when it listens
	local name=$1
	shift
	"$@" >"$TMP/$name.out" 2>"$TMP/$name.err" &
	eval "${name}_pid=$!"
	on_exit end_process $!
}
filter="tcp port $port or tcp port $tls_port"
start live "$LIMPID" tail --json --all --port "$port" --events-ring 64m
start us tcpdump -i lo -B 65536 -s 0 -U -w "$TMP/us.pcap" "$filter"
start ns tcpdump -i any -B 65536 -s 0 -U --time-stamp-precision=nano -w "$TMP/ns.pcap" "$filter"
start cut tcpdump -i lo -B 65536 -s 300 -U -w "$TMP/cut.pcap" "$filter"
captures="us ns cut"
if command -v dumpcap >/dev/null; then
	chmod 777 "$TMP"
	start two dumpcap -q -B 64 -i lo -f "$filter" -i any -f "$filter" -w "$TMP/two.pcapng"
	captures="$captures two"
fi
listens() { grep -qi 'listening on\|^File:\|Capturing on' "$TMP/$1.err"; }
for name in $captures; do check "$name captures" until_true 20 listens $name; done
seen() { grep -q '/ready' "$TMP/live.out"; }
say_ready() { curl -s -o /dev/null "http://127.0.0.1:$port/ready"; seen; }
check "live capture has begun" until_true 30 say_ready
until_true 5 false # packets of the above arrive
python3 tests/e2e/read_world.py talk "$port" "$tls_port" >"$TMP/talk.log" 2>&1
equal "the traffic was made" 0 $?
arrived() { [ "$(grep -c '/last' "$TMP/live.out")" -ge 2 ]; }
check "live capture has all" until_true 30 arrived
written() { "$LIMPID" read "$TMP/$1" 2>/dev/null | grep -c '/last' | grep -q 2; }
for name in us.pcap ns.pcap ${two_pid:+two.pcapng}; do until_true 20 written "$name"; done
for name in $captures live; do
	pid=${name}_pid
	kill -INT "${!pid}" 2>/dev/null
	wait "${!pid}" 2>/dev/null
done

# What was said, in order of the first bytes: not who (packets do not know), nor times.
said() {
	jq -cS 'select(.proto == "http1" and (.request.target // "" | startswith("/ready") or . == "/small" | not)) |
		[.request, .response, .state, .failed, .flags, .messages, .client.ip, .server.ip, .server.port]' | sort
}
said <"$TMP/live.out" >"$TMP/live.said"
check "live capture saw exchanges" [ "$(wc -l <"$TMP/live.said")" -ge 20 ]
for file in us.pcap ns.pcap ${two_pid:+two.pcapng}; do
	"$LIMPID" read --json "$TMP/$file" 2>"$TMP/$file.err" | said >"$TMP/$file.said"
	check "$file gives what live capture gave" diff "$TMP/live.said" "$TMP/$file.said"
	equal "$file has no loss" "" "$(grep -v dropped "$TMP/$file.err")"
done

# --- files in every dress ---
"$LIMPID" read --json "$TMP/us.pcap" 2>/dev/null >"$TMP/plain.json"
for tool in gzip zstd xz; do
	$tool -c "$TMP/us.pcap" >"$TMP/us.$tool" 2>/dev/null
	"$LIMPID" read --json "$TMP/us.$tool" 2>/dev/null >"$TMP/us.$tool.json"
	check "compressed by $tool it is the same" cmp "$TMP/plain.json" "$TMP/us.$tool.json"
done
check "from a pipe it is the same" cmp "$TMP/plain.json" <(cat "$TMP/us.gzip" | "$LIMPID" read --json - 2>/dev/null)
equal "the filter of the page and of tail chooses" "$(jq -c 'select(.response.status == "404")' "$TMP/plain.json" | wc -l)" \
	"$("$LIMPID" read "$TMP/us.pcap" 'status:404' 2>/dev/null | wc -l)"
equal "a wrong filter ends with 2" 2 "$("$LIMPID" read "$TMP/us.pcap" 'status:(' >/dev/null 2>&1; echo $?)"

# --- TLS ---
equal "TLS is a row with its handshake and why it is not read" "tls capture.test capture-file true" \
	"$(jq -r 'select(.proto == "tls") | "\(.proto) \(.tls.sni) \(.tls.reason) \(.tls.protocol | startswith("TLS 1."))"' "$TMP/plain.json" | sort -u)"

# --- what is missing is said ---
"$LIMPID" read --json "$TMP/cut.pcap" >"$TMP/cut.json" 2>"$TMP/cut.say"
check "packets cut by the snaplen are told" grep -q 'bytes were cut off packets' "$TMP/cut.say"
check "and flagged, with their lengths" jq -es 'map(select(.request.target == "/large")) | .[0].response.body.len == 400000 and
	(.[0].flags | index("after_gap") != null)' "$TMP/cut.json"
size=$(stat -c %s "$TMP/us.pcap")
head -c $((size - 7)) "$TMP/us.pcap" >"$TMP/short.pcap"
"$LIMPID" read --json "$TMP/short.pcap" >"$TMP/short.json" 2>"$TMP/short.say"
equal "a file that is cut off ends with 1" 1 $?
check "and says where" grep -q 'is cut off after [0-9]* bytes' "$TMP/short.say"
check "what came before is shown" [ "$(grep -c . "$TMP/short.json")" -ge $(($(grep -c . "$TMP/plain.json") - 1)) ]
head -c 3000 /dev/urandom >"$TMP/noise"
equal "what is no capture ends with 1" "1 is neither a Limpid recording nor a pcap or pcapng file" \
	"$("$LIMPID" read "$TMP/noise" >"$TMP/noise.out" 2>&1; echo "$? $(sed -n 's/.*noise //p' "$TMP/noise.out")")"

# --- what lines and captures do to packets, done to the real capture ---
for how in reordered ahead doubled tagged fragmented overlapping; do
	python3 tests/e2e/read_world.py change $how "$TMP/us.pcap" "$TMP/$how.pcap"
	"$LIMPID" read --json "$TMP/$how.pcap" 2>"$TMP/$how.err" | said >"$TMP/$how.said"
	check "packets $how give the same" diff "$TMP/live.said" "$TMP/$how.said"
done
python3 tests/e2e/read_world.py change lossy "$TMP/us.pcap" "$TMP/lossy.pcap"
"$LIMPID" read --json "$TMP/lossy.pcap" 2>"$TMP/lossy.err" >"$TMP/lossy.json"
check "packets that are missing are told" grep -q 'bytes are not in the capture' "$TMP/lossy.err"
# {"path":"/item/1"} answers /item/1: never another request, and nothing is whole that is not.
check "and no answer is given to another request" jq -es 'map(select(.request.target and .response.body.text and
	(.response.body.text | startswith("{\"path\":")))) | length > 3 and all(.request.target as $t | .response.body.text | contains("\"" + $t + "\""))' "$TMP/lossy.json"
check "whatever is missing, what is not as it was has a flag" python3 tests/e2e/read_world.py losses "$LIMPID" "$TMP/us.pcap" "$TMP/loss.pcap"

# --- confined, shown while it comes, and of any size in the same memory ---
mkfifo "$TMP/pipe"
"$LIMPID" read - <"$TMP/pipe" >"$TMP/piped.out" 2>/dev/null &
reader=$!
on_exit end_process $reader
exec 9>"$TMP/pipe"
cat "$TMP/us.pcap" >&9
check "from a pipe that goes on, exchanges are shown at once" until_true 20 grep -q '/last' "$TMP/piped.out"
status() { awk -v k="$1:" '$1 == k { print $2 }' /proc/$reader/status; }
equal "the reader has no privileges, and seccomp holds it" "0000000000000000 2 1" "$(status CapEff) $(status Seccomp) $(status NoNewPrivs)"
check "it is not root" [ "$(status Uid)" != 0 ]
exec 9>&-
wait $reader
equal "at the end of the pipe it ends well" 0 $?

make -s build/bench/decode-bin
for n in 20000 200000; do build/bench/decode-bin make http1-small $n "$TMP/$n.pcap" >/dev/null; done
most() { python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' "$LIMPID" read "$1"; }
small=$(most "$TMP/20000.pcap") large=$(most "$TMP/200000.pcap")
note "resident: $small kB for 14 MB, $large kB for 137 MB"
check "ten times the file takes no more memory" [ $((large - small)) -lt 4096 ]
equal "every exchange of it is found" 200000 "$("$LIMPID" read "$TMP/200000.pcap" | wc -l)"
check "progress is drawn on a terminal, and taken away" python3 tests/e2e/read_world.py progress "$LIMPID" "$TMP/200000.pcap"
