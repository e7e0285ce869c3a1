#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Export and import: HAR is judged by har-validator, pcapng by tshark, and what goes out and comes back in is the same.
. "$(dirname "$0")/lib.sh"

HAR_VALIDATOR=har-validator@5.1.5
export NODE_PATH="$CACHE/har-validator/node_modules"

hub_up() { # hub_up NAME: sets URL and HUB
	local port token=0123456789abcdef0123456789abcdef
	port=$(free_port)
	mkdir -m 777 "$TMP/$1"
	$LIMPID hub --http "127.0.0.1:$port" --grpc "127.0.0.1:$(free_port)" --token $token --db "$TMP/$1/flows.db" >"$TMP/$1/log" 2>&1 &
	HUB=$!
	on_exit end_process $HUB
	URL="http://127.0.0.1:$port/#t=$token"
	until_true 20 grep -q http:// "$TMP/$1/log"
}

# dissects NAME WANT FIELDS...: what tshark reads out of $TMP/all.pcapng, rows sorted, blanks for tabs.
fields() {
	local filter=$1 file=$2
	shift 2
	local args=()
	for f in "$@"; do args+=(-e "$f"); done
	tshark -r "$file" -Y "$filter" -T fields "${args[@]}" 2>/dev/null | tr '\t' ' '
}

har_ok() {
	node -e '
		const {har} = require("har-validator/lib/promise");
		har(JSON.parse(require("fs").readFileSync(process.argv[1]))).then(
			() => {}, e => { console.error(e.errors || e); process.exit(1); });' "$1"
}

chmod 755 "$TMP"
[ -d "$NODE_PATH/har-validator" ] ||
	npm install --silent --no-audit --no-fund --no-save --prefix "$CACHE/har-validator" $HAR_VALIDATOR >"$TMP/npm.log" 2>&1 ||
	note "npm: $(tail -n 2 "$TMP/npm.log")"

# --- secrets -------------------------------------------------------------------------------------------------------
# What must not be in any export that was not asked to keep it; "innocent" must be in all of them.
printf '%s\n' '{"v":1,"ts":"2026-11-22T13:00:00Z","duration_ns":1000,"proto":"http1","l4":"tcp","state":"done","client":{"ip":"10.0.0.1","port":1},"server":{"ip":"10.0.0.2","port":80},"request":{"op":"POST","target":"/innocent?access_token=hunter2","headers":[["Host","a"],["Authorization","Bearer hunter2"],["Cookie","sid=hunter2"],["Content-Type","application/json"],["Content-Length","36"]],"body":{"len":36,"captured":36,"type":"application/json","text":"{\"user\":\"ann\",\"password\":\"hunter2\"}"}},"response":{"status":"200","reason":"OK","headers":[["Set-Cookie","sid=hunter2; Path=/"],["Content-Type","text/plain"],["Content-Length","42"]],"body":{"len":42,"captured":42,"type":"text/plain","text":"card 4111 1111 1111 1111, customer C-hunt3"}}}' \
	'{"v":1,"ts":"2026-11-22T13:00:01Z","duration_ns":1000,"proto":"postgres","l4":"tcp","state":"done","client":{"ip":"10.0.0.1","port":2},"server":{"ip":"10.0.0.2","port":5432},"request":{"op":"Execute","target":"INSERT INTO users (name, password) VALUES ($1, $2) RETURNING password -- innocent","attrs":{"params":"[\"ann\",\"hunter2\"]"}},"response":{"status":"INSERT","attrs":{"columns":"[\"password\"]","types":"[\"text\"]","tag":"INSERT 0 1"},"body":{"len":11,"captured":11,"type":"application/x-ndjson","text":"[\"hunter2\"]\n"}}}' \
	>"$TMP/secrets.jsonl"
check "flows with secrets" $LIMPID import "$TMP/secrets.jsonl" --db "$TMP/s.db"
for format in jsonl har pcapng; do
	check "$format of them" $LIMPID export $format --db "$TMP/s.db" --redact '/C-[a-z0-9]+/' -o "$TMP/s.$format"
	equal "$format has what is no secret" yes "$(grep -qa innocent "$TMP/s.$format" && echo yes)"
	equal "$format has no secret" 0 "$(grep -caE 'hunter2|hunt3|4111 1111' "$TMP/s.$format")"
	$LIMPID export $format --db "$TMP/s.db" --with-secrets -o "$TMP/t.$format" 2>/dev/null
	equal "$format has them when that is asked for" yes "$(grep -qa hunter2 "$TMP/t.$format" && echo yes)"
done
check "without them the HAR is one" har_ok "$TMP/s.har"
equal "and says how many there were" "8 secrets are hidden" \
	"$($LIMPID export jsonl --db "$TMP/s.db" -o /dev/null 2>&1 | grep -o '[0-9]* secrets are hidden')"
equal "a rule that is none is refused" 2 "$($LIMPID export jsonl --db "$TMP/s.db" --redact '/(/' -o /dev/null 2>"$TMP/err"; echo $?)"

# --- round trips ---------------------------------------------------------------------------------------------------
tests/export/make-flows >"$TMP/made.jsonl"
equal "there are conversations to export" yes "$([ "$(wc -l <"$TMP/made.jsonl")" -ge 18 ] && echo yes)"
check "JSON lines go into a database" $LIMPID import "$TMP/made.jsonl" --db "$TMP/a.db"
check "and come out of it" $LIMPID export jsonl --with-secrets --db "$TMP/a.db" -o "$TMP/a.jsonl"
hub_up hub
check "they go into a running hub" $LIMPID import "$TMP/a.jsonl" --running "$URL"
check "and come out of it" $LIMPID export jsonl --with-secrets --running "$URL" -o "$TMP/b.jsonl"
check "as the same text" cmp "$TMP/a.jsonl" "$TMP/b.jsonl"
check "a second import changes nothing" $LIMPID import "$TMP/a.jsonl" --running "$URL"
$LIMPID export jsonl --with-secrets --running "$URL" -o - 2>/dev/null >"$TMP/c.jsonl"
check "not even the number of flows" cmp "$TMP/a.jsonl" "$TMP/c.jsonl"
$LIMPID export jsonl --with-secrets proto:http1 --running "$URL" -o - 2>/dev/null >"$TMP/filtered.jsonl"
check "a filter chooses" cmp <(grep '"proto":"http1"' "$TMP/a.jsonl") "$TMP/filtered.jsonl"
check "a HAR file is written" $LIMPID export har --with-secrets --running "$URL" -o "$TMP/a.har"
check "read into another database" $LIMPID import "$TMP/a.har" --db "$TMP/h.db"
$LIMPID export har --with-secrets --db "$TMP/h.db" -o "$TMP/b.har" 2>/dev/null
check "and written again as the same text" cmp "$TMP/a.har" "$TMP/b.har"
check "a database in use is not written beside its hub" grep -q "running URL" \
	<($LIMPID import "$TMP/a.jsonl" --db "$TMP/hub/flows.db" 2>&1)

# --- notes, and what was hidden --------------------------------------------------------------------------------------
ID=$(jq -r 'select(.request.target == "/one?x=1").id' "$TMP/a.jsonl")
TOKEN=${URL##*#t=}
check "a flow is marked" curl -sf -X PATCH -H "Authorization: Bearer $TOKEN" -d '{"mark":4,"pinned":true,"note":"see password=hunter2"}' \
	"${URL%%#*}api/flow/$ID/mark"
for format in jsonl har; do
	$LIMPID export $format --with-secrets --running "$URL" -o "$TMP/noted.$format" 2>/dev/null
	check "$format is imported with its notes" $LIMPID import "$TMP/noted.$format" --db "$TMP/noted-$format.db"
	equal "$format: colour, pin and note are there again" '4 true see password=hunter2' \
		"$($LIMPID export jsonl note:see --with-secrets --db "$TMP/noted-$format.db" -o - 2>/dev/null | jq -r '"\(.mark) \(.pinned) \(.note)"')"
	$LIMPID export $format --running "$URL" -o "$TMP/hidden.$format" 2>/dev/null
	equal "$format: a note loses its secret" 0 "$(grep -c 'password=hunter2' "$TMP/hidden.$format")"
done
equal "HAR has the note where other programs look for it" "see password=hunter2" "$(jq -r '.log.entries[].comment // empty' "$TMP/noted.har")"
check "har-validator accepts that" har_ok "$TMP/noted.har"
check "and the redacted one" har_ok "$TMP/hidden.har"
equal "a redacted HAR says so" "true Secrets" "$(jq -r '"\(.log._redacted) \(.log.comment[:7])"' "$TMP/hidden.har")"
equal "the other does not" "null null" "$(jq -r '"\(.log._redacted) \(.log.comment)"' "$TMP/noted.har")"
equal "each line of redacted JSON says so" "" "$(jq -r 'select(.flags | index("redacted") | not).id' "$TMP/hidden.jsonl")"
equal "no other does" "" "$(jq -r 'select(.flags | index("redacted")).id' "$TMP/noted.jsonl")"
check "it is known after an import" $LIMPID import "$TMP/hidden.jsonl" --db "$TMP/hidden.db"
equal "and found" "$(wc -l <"$TMP/hidden.jsonl")" \
	"$($LIMPID export jsonl is:redacted --with-secrets --db "$TMP/hidden.db" -o - 2>/dev/null | wc -l)"

# --- HAR -------------------------------------------------------------------------------------------------------------
check "har-validator accepts it" har_ok "$TMP/a.har"
jq '.log.entries[0].request |= del(.url)' "$TMP/a.har" >"$TMP/bad.har"
if har_ok "$TMP/bad.har" 2>/dev/null; then not_ok "har-validator refuses a bad one"; else ok "har-validator refuses a bad one"; fi
equal "other protocols are left out and counted" "3 of postgres, 5 of mysql, 3 of redis, 1 of tcp" \
	"$($LIMPID export har --with-secrets --running "$URL" -o /dev/null 2>&1 | sed -n 's/.*for them: //p')"
equal "WebSocket messages are where Chromium has them" "send 1 hello receive 1 zzz receive 2 /wA" \
	"$(jq -r '[.log.entries[]._webSocketMessages // empty | .[] | "\(.type) \(.opcode) \(.data[:5] | rtrimstr("=") | .[:5])"] | join(" ") | sub("zzzzz"; "zzz")' "$TMP/a.har")"

# --- pcapng ------------------------------------------------------------------------------------------------------------
P=$TMP/a.pcapng
check "a capture is written" $LIMPID export pcapng --with-secrets --running "$URL" -o "$P"
equal "no frame is malformed, no segment missing" "" \
	"$(tshark -r "$P" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE \
		-Y '_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0' 2>/dev/null)"
equal "HTTP/1 requests" "GET /one?x=1,POST /cut,GET /chunked,GET /chat,POST /pkg.Svc/Get,GET /events,GET /info" \
	"$(fields http.request "$P" http.request.method http.request.uri | paste -sd,)"
equal "HTTP/1 bodies, chunks and what was cut" "12 5 5000" \
	"$(tshark -r "$P" -Y 'http.response && tcp.srcport == 80 && tcp.dstport == 40001 && http.file_data' -T fields -e http.file_data 2>/dev/null | awk '{ printf "%s%d", sep, length($0); sep = " " }')"
equal "what is not as it was sent is said" 1 "$(fields 'frame.comment contains "5 of 4096 bytes were kept"' "$P" frame.number | wc -l)"
equal "WebSocket messages" "1 1 2" "$(fields websocket "$P" websocket.opcode | paste -sd' ')"
equal "HTTP/2 streams" "GET /h2 1,POST /second 3,POST /pkg.Svc/Method 1,POST /pkg.Svc/Unary 9" \
	"$(fields http2.headers.method "$P" http2.headers.method http2.headers.path http2.streamid | sed 's/,.*//' | paste -sd,)"
equal "gRPC messages, of gRPC-Web too" "3 3 0 3 3,16" "$(fields grpc "$P" grpc.message_length | paste -sd' ')"
equal "gRPC's trailers" "0 5,no tea" \
	"$(tshark -r "$P" -Y 'http2.header.name == "grpc-status"' -T fields -e http2.header.value 2>/dev/null | paste -sd' ')"
equal "Server-Sent Events" 'data: one\ndata: two\n\nevent: add\ndata: three\n\n' \
	"$(fields 'http.content_type contains "event-stream"' "$P" http.file_data)"
equal "PostgreSQL: statements" "SELECT id, name FROM t,SELECT \$1" "$(fields pgsql.query "$P" pgsql.query | paste -sd,)"
equal "PostgreSQL: columns, error" "id,name 42P01" \
	"$(echo "$(fields pgsql.col.name "$P" pgsql.col.name)" "$(fields pgsql.code "$P" pgsql.code)")"
equal "MySQL: statements, error, count" "select id, name from t,bad,insert,call p() 1146 300 3" \
	"$(echo "$(fields mysql.query "$P" mysql.query | paste -sd,)" "$(fields mysql.error_code "$P" mysql.error_code)" \
		"$(fields 'mysql.affected_rows > 0' "$P" mysql.affected_rows | sed 's/,0$//' | paste -sd' ')")"
equal "Redis: commands and answers" "Request: SET k,Response: OK,Request: MGET k n,Response: Array(3)" \
	"$(fields resp "$P" _ws.col.Info | head -n 4 | paste -sd,)"
equal "names of containers" "web srv" "$(tshark -r "$P" -N n -c 1 -T fields -e ip.src_host -e ip.dst_host 2>/dev/null | tr '\t' ' ')"
equal "a unix socket has made-up addresses and says so" 1 "$(fields 'frame.comment contains "/run/x.sock"' "$P" ip.src | grep -c '^198\.18\.')"
equal "packets are in the order of time" "" "$(tshark -r "$P" -T fields -e frame.time_epoch 2>/dev/null | sort -c -n 2>&1)"

# --- and back ------------------------------------------------------------------------------------------------------------
check "the capture is imported" $LIMPID import "$P" --db "$TMP/p.db"
$LIMPID export jsonl --with-secrets --db "$TMP/p.db" -o "$TMP/p.jsonl" 2>/dev/null
# what was said, without who, when and what only the first capture knew
said() {
	jq -cS 'select(.proto | IN("http1", "http2", "grpc", "sse", "websocket")) |
		[.proto, .request.op, .request.target, .response.status, .response.reason, .request.body.text, .response.body.text, .failed,
		 [.messages[] | [.dir, .op, .body.text // .body.base64]]]' "$1" |
		grep -v '"/cut"' | sort
}
jq -c 'select(.proto == "grpc").messages |= [] | select(.request.target == "/pkg.Svc/Method") |= (.request.body.text = null | .response.body.text = null)' "$TMP/a.jsonl" >"$TMP/a2.jsonl"
jq -c 'select(.request.target == "/pkg.Svc/Method") |= (.request.body.text = null | .response.body.text = null)' "$TMP/p.jsonl" >"$TMP/p2.jsonl"
said "$TMP/a2.jsonl" >"$TMP/a.said"
said "$TMP/p2.jsonl" >"$TMP/p.said"
check "with what was said" diff "$TMP/a.said" "$TMP/p.said"
equal "HTTP and its kin are all there" 10 "$(wc -l <"$TMP/p.said")"

# --- files ---------------------------------------------------------------------------------------------------------------
equal "the file is its owner's alone" 600 "$(stat -c %a "$P")"
if $LIMPID export har --with-secrets --running "${URL}0" -o "$TMP/none.har" 2>"$TMP/err"; then not_ok "a wrong token fails"; else ok "a wrong token fails"; fi
equal "and leaves no file" "" "$(cd "$TMP" && ls -d none.har* 2>/dev/null)"
printf '{"log":{"entries":[{"a":1},{' >"$TMP/cut.har"
check "a file that is cut off is said so" grep -q "cut off" <($LIMPID import "$TMP/cut.har" --db "$TMP/x.db" 2>&1)
{ head -n 1 "$TMP/a.jsonl"; echo '{"v":1}'; } >"$TMP/half.jsonl"
check "a line that is no flow is counted, with its number" grep -q "1 of 2 lines were no flows.*number 2" \
	<($LIMPID import "$TMP/half.jsonl" --db "$TMP/y.db" 2>&1)
check "so is a file of another kind" grep -q "no HAR file, no JSON lines and no capture" <($LIMPID import README.md --db "$TMP/z.db" 2>&1)

# --- a recording -----------------------------------------------------------------------------------------------------------
for format in har jsonl pcapng; do
	check "a recording becomes $format" $LIMPID export $format --with-secrets --read tests/recordings/tls.rec -o "$TMP/rec.$format"
done
check "its HAR is valid" har_ok "$TMP/rec.har"
equal "TLS is decrypted in it" "GET /tls" "$(fields http.request "$TMP/rec.pcapng" http.request.method http.request.uri)"

# --- many ------------------------------------------------------------------------------------------------------------------
python3 - "$TMP/a.jsonl" >"$TMP/many.jsonl" <<'PY'
import json, sys
flow = json.loads(open(sys.argv[1]).readline())
for n in range(20000):
    flow["id"] = f"01a2048c-0000-7000-9000-{n:012x}"
    flow["conn"] = n % 100
    flow["request"]["target"] = f"/{n}"
    print(json.dumps(flow, separators=(",", ":"), ensure_ascii=False))
PY
hub_up many
check "20,000 flows go into a hub" $LIMPID import "$TMP/many.jsonl" --running "$URL"
check "and come out, in pieces" $LIMPID export jsonl --with-secrets --running "$URL" -o "$TMP/many2.jsonl"
check "as they were" cmp "$TMP/many.jsonl" "$TMP/many2.jsonl"
equal "a pipe that ends early ends the export" "/0" \
	"$($LIMPID export jsonl --with-secrets --running "$URL" -o - 2>/dev/null | head -n 1 | jq -r .request.target)"
