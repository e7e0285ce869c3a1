#!/usr/bin/env bash
# 35-mysql - MariaDB's server and real clients (MariaDB's own, PyMySQL, Node's mysql2) in containers: over TCP, a unix socket and TLS,
# compressed, with LOCAL INFILE, packets over 16 MB and a connection that was there before.
. "$(dirname "$0")/lib.sh"
need_root

# The image: Debian's MariaDB and PyMySQL; mysql2 from npm's registry, as the machine reaches it.
image_mysql() {
	local tar=$CACHE/image-mysql-1.tar c
	if [ ! -s "$tar" ]; then
		image_bookworm || return 1
		c=$($D run -d --network host limpid-test/bookworm sleep 600) || return 1
		$D exec "$c" sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends mariadb-server mariadb-client python3-pymysql nodejs && apt-get clean' \
			>"$TMP/apt.log" 2>&1 || {
			tail -n 5 "$TMP/apt.log" | sed 's/^/# /'
			return 1
		}
		mkdir -p "$TMP/node" && (cd "$TMP/node" && npm init -y && npm install mysql2@3) >"$TMP/npm.log" 2>&1 || return 1
		$D cp "$TMP/node" "$c:/node"
		$D export "$c" >"$tar.part" && mv "$tar.part" "$tar"
		$D rm -f "$c" >/dev/null
	fi
	$D import "$tar" limpid-test/mysql >/dev/null
}

start_docker || { not_ok "a Docker daemon"; exit 1; }
on_exit stop_containers
check "an image with MariaDB, PyMySQL and mysql2" image_mysql
$D network create lt >/dev/null

cat >"$TMP/start.sh" <<'SH'
openssl req -x509 -newkey rsa:2048 -nodes -keyout /k.pem -out /c.pem -days 2 -subj /CN=db 2>/dev/null && chmod 644 /k.pem
mkdir -p /run/mysqld && chown mysql /run/mysqld
mariadb-install-db --user=mysql --auth-root-authentication-method=normal >/dev/null 2>&1
exec mariadbd --user=mysql --bind-address=0.0.0.0 --local-infile=1 --max-allowed-packet=64M --ssl-cert=/c.pem --ssl-key=/k.pem \
	--innodb-log-file-size=64M --plugin-load-add=auth_ed25519
SH
cat >"$TMP/client.py" <<'PY'
import sys, pymysql
tls = {"ssl": {"check_hostname": False}} if sys.argv[1] == "tls" else {}
c = pymysql.connect(host="db", user="app", password="secret-1", database="shop", charset="utf8mb4", local_infile=True, **tls)
k = c.cursor()
for i in range(20):
    k.execute("select %s as n, %s as s", (i, "été %d" % i))
k.execute("select '' as empty")
assert k.fetchall() == (("",),)
try:
    k.execute("select * from nothing")
except pymysql.err.ProgrammingError:
    pass
if sys.argv[1] == "big":
    k.execute("select length(%s)", ("x" * 17000000,))
    assert k.fetchall() == ((17000000,),)
    k.execute("select repeat('y', 17000000)")
    assert len(k.fetchall()[0][0]) == 17000000
    k.execute("select 'after the large ones'")
c.ping()
c.close()
PY
cat >"$TMP/client.js" <<'JS'
const mysql = require('/node/node_modules/mysql2/promise');
(async () => {
  const c = await mysql.createConnection({ host: 'db', user: 'app', password: 'secret-1', database: 'shop', compress: process.argv[2] === 'zip',
    ssl: process.argv[2] === 'tls' ? { rejectUnauthorized: false } : undefined });
  for (let i = 0; i < 5; i++) await c.execute('select ? as node, ? as t', [i, null]);
  await c.execute('select * from types where i = ?', [1]);
  await c.end();
})();
JS
printf '1,one\n2,two\n' >"$TMP/in.csv"
chmod 755 "$TMP"
$D run -d --name db --network lt -v "$TMP:/t" limpid-test/mysql bash /t/start.sh >/dev/null
ready() { $D exec db mariadb -e 'select 1'; }
check "the server is up" until_true 120 ready
$D exec -i db mariadb --default-character-set=utf8mb4 <<'SQL'
create database shop; use shop;
create table t (id int primary key auto_increment, name varchar(30));
create table types (i int, d decimal(8,2), dt datetime(3), j json, b blob, n int);
insert into types values (1, -12.5, '2026-11-22 13:00:00.12', '{"a":1}', x'00ff', null);
install soname 'auth_ed25519';
create user app identified by 'secret-1'; grant all on *.* to app;
create user ed@'%' identified via ed25519 using password('secret-2'); grant all on *.* to ed;
SQL

# A connection from before: held open, and used again when Limpid looks.
mkfifo "$TMP/late"
sleep 300 >"$TMP/late" &
on_exit end_process $!
$D run -d -i --name late --network lt -v "$TMP:/t" limpid-test/mysql sh -c 'mariadb --unbuffered -hdb -uapp -psecret-1 shop </t/late' >/dev/null
echo "select 'before';" >"$TMP/late"
joined() { $D exec db mariadb -Ne 'select count(*) from information_schema.processlist where user="app"' | grep -q '^1$'; }
check "a client is connected before capture" until_true 30 joined

start_limpid tail tail --json
check "capture begins" until_true 60 grep -q capturing "$TMP/tail.err"
echo "select 'joined late' as l;" >"$TMP/late"

client() { $D run --rm --network lt -v "$TMP:/t" limpid-test/mysql "$@" >"$TMP/client.out" 2>&1; }
check "PyMySQL" client python3 /t/client.py plain
check "PyMySQL, 17 MB both ways" client python3 /t/client.py big
check "PyMySQL over TLS" client python3 /t/client.py tls
check "mysql2" client nodejs /t/client.js plain
check "mysql2, compressed" client nodejs /t/client.js zip
check "MariaDB's client over TLS" client mariadb -hdb -uapp -psecret-1 --ssl shop -e "select 'over tls' as t"
check "MariaDB's client, compressed" client mariadb -hdb -uapp -psecret-1 --compress shop -e "select repeat('z', 100000) as z"
check "ed25519" client mariadb -hdb -ued -psecret-2 shop -e "select 'ed' as e"
check "LOCAL INFILE" client mariadb -hdb -uapp -psecret-1 --local-infile=1 shop -e "load data local infile '/t/in.csv' into table t fields terminated by ','"
check "a unix socket, several results" "$D" exec db mariadb shop -e "select 'unix' as u; insert into t(name) values ('m')"
$D exec db mariadb shop --delimiter=// -e "select 1 as a; select 'x' as b, 2 as c" >/dev/null
client mariadb -hdb -uapp -pwrong shop -e "select 1"

# flows FILTER: those of this protocol, finished, by jq.
flows() { jq -c "select(.proto==\"mysql\" and .state==\"done\") | select($1)" "$TMP/tail.out"; }
has() { [ "$(flows "$1" | wc -l)" -ge "${2:-1}" ]; }
seen() { check "$1" until_true 20 has "$2" "${3:-1}"; }

seen "a login says who, with what, and which server" \
	'.request.op=="Connect" and .request.target=="shop" and .request.attrs.user=="app" and .response.status=="OK" and (.response.attrs.server_version|test("MariaDB")) and .tls==null' 4
seen "one that is refused says why" '.request.op=="Connect" and .failed and .response.status=="1045" and .response.attrs.sqlstate=="28000"'
seen "ed25519: the method it switched to" '.request.attrs.user=="ed" and .response.attrs.auth_switch=="client_ed25519" and .response.status=="OK"'
seen "PyMySQL's queries, each with its row" '.request.op=="Query" and (.request.target|test("select [0-9]+ as n")) and (.response.body.text|test("été"))' 20
seen "an empty first value" '(.request.target//"")=="select '"''"' as empty" and .response.body.text=="[\"\"]\n"'
seen "an error" '(.request.target//"")=="select * from nothing" and .response.status=="1146" and .failed'
seen "a statement over 16 MB: its true length" '.request.attrs.statement_len=="17000017" and .response.body.text=="[\"17000000\"]\n" and (.flags|index("truncated"))'
seen "a row over 16 MB: its true length, and what follows" '(.request.target//"")=="select repeat('"'y'"', 17000000)" and .response.body.len>17000000 and .response.attrs.rows=="1"'
seen "the connection goes on behind them" '(.request.target//"")=="select '"'after the large ones'"'" and .response.status=="OK"'
seen "mysql2's prepared statements with their parameters" '.request.op=="Execute" and (.request.target//"")=="select ? as node, ? as t" and .request.attrs.params=="[\"3\",null]" and .response.attrs.rows=="1"' 2
seen "a binary row of all kinds" '.request.op=="Execute" and .response.body.text=="[\"1\",\"-12.50\",\"2026-11-22 13:00:00.120\",\"{\\\"a\\\":1}\",\"0x00ff\",null]\n"' 2
seen "compression: zlib, and what is inside" '.request.op=="Query" and (.request.target//""|test("100000. as z")) and .response.body.len==100004'
seen "compression is said of the login" '.request.op=="Connect" and .response.attrs.compression=="zlib"' 2
seen "LOCAL INFILE: the file asked for" '.response.status=="LOCAL INFILE" and .response.attrs.file=="/t/in.csv"'
seen "LOCAL INFILE: its content and the outcome" '.request.op=="LocalInfile" and .request.body.text=="1,one\n2,two\n" and .response.attrs.affected=="2"'
seen "a unix socket" '.l4=="unix" and (.request.target//"")=="select '"'unix'"' as u"'
seen "several results of one command" '(.response.attrs.results//""|fromjson? // []|length)==2 and .response.body.text=="[\"1\"]\n[\"x\",\"2\"]\n"'
seen "PyMySQL over TLS: the statements, and the login that TLS hid" '.tls!=null and .request.op=="Connect" and .response.status=="OK"'
seen "PyMySQL over TLS: rows" '.tls!=null and (.request.target//""|test("select [0-9]+ as n")) and .response.status=="OK"' 20
seen "joined in the middle: what follows is read, and flagged" '(.request.target//"")=="select '"'joined late'"' as l" and (.flags|index("midstream"))'
equal "no secret anywhere" 0 "$(grep -cE 'secret-[12]' "$TMP/tail.out")"
equal "who the server is: never the client's end" "" "$(flows 'true' | jq -r 'select(.l4=="tcp" and .server.port!=3306) | .request.op' | sort | uniq -c)"
