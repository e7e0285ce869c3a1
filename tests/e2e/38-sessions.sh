#!/usr/bin/env bash
# 38-sessions - real sessions of PostgreSQL, MariaDB, Redis, HTTP/1, HTTP/2 and WebSocket over both, captured live and by tcpdump at once:
# the file gives what live capture gave; its export as pcapng is judged by tshark beside the real packets; MySQL's query attributes.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
S=$PWD/tests/e2e/sessions
PG=/usr/lib/postgresql/15/bin
for tool in tcpdump tshark jq curl nghttp redis-server mariadbd mariadb-install-db "$PG/initdb"; do
	command -v "$tool" >/dev/null || { skip "sessions" "$tool is missing: tools/bootstrap test"; exit 0; }
done
python3 -c 'import h2, wsproto, hypercorn, psycopg, pymysql' || { skip "sessions" "a module of Python's is missing: tools/bootstrap test"; exit 0; }
chmod 755 "$TMP"
pg=$(free_port) my=$(free_port) redis=$(free_port) resp3=$(free_port) web=$(free_port) attrs=$(free_port)

# --- the servers ---------------------------------------------------------------------------------------------------
run() { # run NAME COMMAND...: in the background
	local name=$1
	shift
	"$@" >"$TMP/$name.log" 2>&1 </dev/null &
	on_exit end_process $!
}
mkdir "$TMP/pg" "$TMP/my" "$TMP/redis"
chown postgres "$TMP/pg" && chown mysql "$TMP/my"
cd /
runuser -u postgres -- "$PG/initdb" -D "$TMP/pg/db" -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$TMP/initdb.log" 2>&1
run pg setpriv --reuid postgres --regid postgres --init-groups "$PG/postgres" -D "$TMP/pg/db" -p "$pg" -k "$TMP/pg" -c listen_addresses=127.0.0.1 -c fsync=off
mariadb-install-db --no-defaults --user=mysql --datadir="$TMP/my/db" --auth-root-authentication-method=normal >"$TMP/my.log" 2>&1
run mysqld mariadbd --no-defaults --user=mysql --datadir="$TMP/my/db" --socket="$TMP/my/s" --port="$my" --bind-address=127.0.0.1 --pid-file="$TMP/my/pid"
for port in "$redis" "$resp3"; do # two, because tshark 4.0 does not know RESP3
	run redis redis-server --save '' --bind 127.0.0.1 --port "$port" --dir "$TMP/redis" --daemonize no
done
cd "$S/../../.." || exit 2
run web python3 "$S/app.py" "$web"
pg_up() { "$PG/pg_isready" -q -h 127.0.0.1 -p "$pg"; }
my_up() { mariadb --no-defaults -uroot -h127.0.0.1 -P"$my" -e 'CREATE DATABASE IF NOT EXISTS test'; }
redis_up() { redis-cli -p "$redis" ping && redis-cli -p "$resp3" ping; }
web_up() { curl -sf -o /dev/null "http://127.0.0.1:$web/up"; }
for server in pg my redis web; do check "$server is up" until_true 90 ${server}_up; done

# MySQL's query attributes: MariaDB does not know them, and Debian has no other server.
P=$CACHE/python-mysql-1
[ -d "$P/mysql_mimic" ] || pip3 install -q --break-system-packages --target "$P" mysql-connector-python==9.1.0 mysql-mimic==2.6.4 >"$TMP/pip.log" 2>&1
attributes() { PYTHONPATH=$P python3 "$S/attributes.py" "$@"; }
have_attributes=
if PYTHONPATH=$P python3 -c 'import mysql.connector, mysql_mimic' 2>>"$TMP/pip.log"; then
	have_attributes=yes
	run mimic env PYTHONPATH="$P" python3 "$S/attributes.py" serve "$attrs"
	check "mysql-mimic is up" until_true 60 attributes talk "$attrs"
fi

# --- the sessions, captured live and by tcpdump --------------------------------------------------------------------
start_limpid live tail --json --all --port "$pg,$my,$redis,$resp3,$web,$attrs" --events-ring 64m
live=$LIMPID_PID
ports="tcp port $pg or tcp port $my or tcp port $redis or tcp port $resp3 or tcp port $web or tcp port $attrs"
tcpdump -i lo -B 65536 -s 0 -U -w "$TMP/real.pcap" "$ports" >"$TMP/tcpdump.out" 2>"$TMP/tcpdump.err" &
tcpdump=$!
on_exit end_process $tcpdump
check "tcpdump captures" until_true 30 grep -q 'listening on' "$TMP/tcpdump.err"
ready() { curl -s -o /dev/null "http://127.0.0.1:$web/ready"; grep -q /ready "$TMP/live.out"; }
check "live capture has begun" until_true 60 ready

psql() { "$PG/psql" -X -q -h 127.0.0.1 -p "$pg" -U postgres postgres "$@"; }
check "psql talks" psql -c "SELECT 1 AS one, NULL AS nothing, 'zwei' AS two" -c "CREATE TABLE t (id int)" -c "INSERT INTO t VALUES (1), (2)"
check "psycopg talks" python3 "$S/pg.py" "$pg"
check "MariaDB's client talks" mariadb --no-defaults -uroot -h127.0.0.1 -P"$my" test -e "SELECT 1 AS one; SELECT user()"
check "PyMySQL talks" python3 "$S/maria.py" "$my"
if [ $have_attributes ]; then check "Oracle's connector talks" attributes talk "$attrs"; fi
redis_talks() {
	for command in 'SET k v' 'GET k' MULTI 'INCR n' 'LPUSH l a b c' EXEC 'LRANGE l 0 -1' 'GET l' 'DEL nothing'; do
		# shellcheck disable=SC2086 # into its words
		set -- $command
		printf '*%d\r\n' $#
		for word; do printf '$%d\r\n%s\r\n' ${#word} "$word"; done
	done | redis-cli -p "$redis" --pipe # which ends with 1, because of the error
	printf 'SET k v\nMULTI\nINCR n\nLPUSH l a b c\nEXEC\nLRANGE l 0 -1\nGET l\n' | redis-cli -3 -p "$resp3" &&
		redis-cli -3 -p "$resp3" HSET h a 1 b 2 && redis-cli -3 -p "$resp3" HGETALL h && redis-cli -3 -p "$resp3" GET nothing &&
		redis-cli -p "$redis" EVAL 'return {KEYS[1], ARGV[1]}' 1 key arg && redis-cli -p "$redis" GET l &&
		head -c 100000 /dev/zero | tr '\0' z | redis-cli -x -p "$redis" SET large && redis-cli -p "$redis" GET large &&
		redis-benchmark -p "$redis" -q -n 200 -P 16 -c 1 -t set,get
}
check "redis-cli and redis-benchmark talk" redis_talks
web_talks() {
	nghttp -n "http://127.0.0.1:$web/one" "http://127.0.0.1:$web/none" "http://127.0.0.1:$web/large" "http://127.0.0.1:$web/two" &&
		curl -sS -o /dev/null --http2-prior-knowledge -d @"$S/app.py" "http://127.0.0.1:$web/post" &&
		curl -sS -o /dev/null "http://127.0.0.1:$web/h1" -o /dev/null "http://127.0.0.1:$web/none" -o /dev/null "http://127.0.0.1:$web/large"
}
check "nghttp and curl talk, in HTTP/2 and HTTP/1" web_talks
check "WebSocket over HTTP/1 talks" python3 "$S/ws1.py" "$web"
check "two WebSockets in one HTTP/2 connection talk" python3 "$S/ws2.py" "$web"
curl -sS -o /dev/null "http://127.0.0.1:$web/last"
check "live capture has all" until_true 60 grep -q /last "$TMP/live.out"
written() { "$LIMPID" read "$TMP/real.pcap" 2>/dev/null | grep -q /last; }
check "tcpdump has all" until_true 60 written
for pid in $tcpdump "$live"; do
	kill -INT "$pid"
	wait "$pid"
done

# --- the file gives what live capture gave -------------------------------------------------------------------------
"$LIMPID" read --json "$TMP/real.pcap" >"$TMP/read.json" 2>"$TMP/read.err"
for which in live.out read.json; do python3 "$S/check.py" said "$TMP/$which" >"$TMP/$which.said"; done
of() { grep -F "\"proto\": \"$1\"" "$TMP/$2.said"; }
for proto in postgres mysql redis http1 http2 websocket; do
	of $proto live.out >"$TMP/live.$proto"
	of $proto read.json >"$TMP/read.$proto"
	note "$proto: $(wc -l <"$TMP/live.$proto") flows"
	check "$proto: there is something to compare" [ "$(wc -l <"$TMP/live.$proto")" -ge 3 ]
	check "$proto: the file gives what live capture gave" diff "$TMP/live.$proto" "$TMP/read.$proto"
done
equal "nothing else was recognised" "http1 http2 mysql postgres redis websocket" "$(jq -r .proto "$TMP/read.json" | sort -u | paste -sd' ')"
equal "nothing is missing in the file" "" "$(grep -v dropped "$TMP/read.err")"

# --- WebSocket over HTTP/2 (RFC 8441) --------------------------------------------------------------------------------
ws() { jq -r "select(.proto == \"websocket\" and .request.target == \"/chat?$1\") | $2" "$TMP/read.json"; }
equal "a WebSocket in a stream is one conversation" "CONNECT 200 websocket done 9 9" \
	"$(ws one '"\(.request.op) \(.response.status) \(.request.headers | map(select(.[0] == ":protocol"))[0][1]) \(.state) \(.stream.c2s.messages) \(.stream.s2c.messages)"')"
equal "its messages are inflated, each stream with windows of its own" '{"type":"price","symbol":"ABC","value":4} {"type":"price","symbol":"XYZ","value":4}' \
	"$(ws one '.messages[8].body.text') $(ws two '.messages[8].body.text')"
equal "fragments are put together" "in three fragments" "$(ws one '.messages[14].body.text')"
equal "a long one, deflated: bytes as sent" "315 permessage-deflate 200000" "$(ws two '.messages[10].body | "\(.len) \(.encoding) \(.text | length)"')"
equal "ping, pong, close codes" "ping pong 1000 bye 3000 tab closed" \
	"$(ws one '"\(.messages[12].op) \(.messages[13].op) \(.messages[16].attrs.code) \(.messages[16].body.text)"') $(ws two '"\(.messages[12].attrs.code) \(.messages[12].body.text)"')"

# --- query attributes ------------------------------------------------------------------------------------------------
if [ $have_attributes ]; then
	equal "a statement has its query attributes, the next has none" 'traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 attempt=3 null' \
		"$(jq -r 'select(.proto == "mysql" and (.request.target // "" | startswith("SELECT word"))) | .request.attrs.query_attributes | if . then fromjson | join(" ") else . end' "$TMP/read.json" | paste -sd' ')"
	equal "and its row" '["été","7"]' "$(jq -r 'select(.request.attrs.query_attributes) | .response.body.text' "$TMP/read.json" | head -n 1)"
else
	skip "query attributes" "mysql-connector-python and mysql-mimic cannot be had: $(tail -n 1 "$TMP/pip.log")"
fi

# --- tshark on the real packets and on the export ---------------------------------------------------------------------
check "the sessions are exported as pcapng" "$LIMPID" export pcapng --with-secrets --read "$TMP/real.pcap" -o "$TMP/export.pcapng"
as=(-d "tcp.port==$pg,pgsql" -d "tcp.port==$my,mysql" -d "tcp.port==$attrs,mysql" -d "tcp.port==$redis,resp" -d "tcp.port==$web,http")
dissect() { tshark -r "$1" "${as[@]}" -Y "$2" -T fields -E aggregator=$'\x1f' "${@:3}" 2>/dev/null | tr '\037\t' '\n\n' | grep .; }
# both TEXT FILTER FIELDS...: sorted values that tshark finds in the real packets and in the export; a segment may have several.
# Redis's it shows again with each further segment of a long one: then each value once.
order="sort"
both() {
	local text=$1 filter=$2
	shift 2
	dissect "$TMP/real.pcap" "$filter" "$@" | $order >"$TMP/t.real"
	dissect "$TMP/export.pcapng" "$filter" "$@" | $order >"$TMP/t.export"
	check "tshark, $text: something is there" [ -s "$TMP/t.real" ]
	check "tshark, $text: as in the real packets" diff "$TMP/t.real" "$TMP/t.export"
}
equal "no frame of the export is malformed, no segment missing" "" \
	"$(tshark -r "$TMP/export.pcapng" "${as[@]}" -Y '_ws.malformed || tcp.analysis.flags' 2>/dev/null | head -n 5)"
both "PostgreSQL's statements" pgsql -e pgsql.query
both "PostgreSQL's columns" pgsql -e pgsql.col.name
both "PostgreSQL's rows" 'pgsql.type == "Data row"' -e pgsql.field.count
both "PostgreSQL's tags and errors" pgsql -e pgsql.tag -e pgsql.code
both "MySQL's statements" "mysql && tcp.port == $my" -e mysql.query # tshark 4.0 loses its place at query attributes
both "MySQL's rows and columns" mysql -e mysql.row.text -e mysql.field.name
both "MySQL's counts and errors" mysql -e mysql.affected_rows -e mysql.error_code
order="sort -u"
both "Redis's commands and answers" "resp && tcp.port == $redis" -e resp.bulk_string.value -e resp.integer -e resp.error
order="sort"
both "HTTP/2 requests" http2 -e http2.headers.method -e http2.headers.path
both "HTTP/2 answers" http2 -e http2.headers.status
both "HTTP/1" http -e http.request.method -e http.request.uri -e http.response.code
both "WebSocket messages" websocket -e websocket.opcode -e websocket.payload.text
echo "1..$n_tests"
