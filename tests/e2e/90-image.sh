#!/usr/bin/env bash
# The container image: built from nothing, run with the README's capabilities, shows what other containers say.
. "$(dirname "$0")/lib.sh"
need_root
TOKEN=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
PORT=$(free_port)
start_docker && image_bookworm || { not_ok "Docker and its image are there"; exit 1; }
on_exit stop_containers
export DOCKER_BUILDKIT=1
build() {
	timeout 900 $D build --network=host --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt \
		--build-arg BASE=limpid-test/bookworm -f packaging/Dockerfile -t limpid-test/limpid . >"$TMP/build.log" 2>&1 && return
	tail -n 40 "$TMP/build.log"
	return 1
}
check "the image is built" build
$D create --name look limpid-test/limpid >/dev/null
$D export look | tar -t >"$TMP/files"
equal "it has no shell, compiler or package manager" "" "$(grep -E '(^|/)(sh|bash|gcc|clang|cc1|apt-get|dpkg|perl|python3)$' "$TMP/files")"
check "it has CA certificates" grep -qx etc/ssl/certs/ca-certificates.crt "$TMP/files"
note "image: $($D image inspect -f '{{.Size}}' limpid-test/limpid) bytes, $(grep -vc '/$' "$TMP/files") files"

$D network create lt >/dev/null
# the line of the README, with a port and a token of our own
$D run -d --name limpid --pid=host --cap-drop ALL \
	--cap-add SYS_ADMIN --cap-add SYS_PTRACE --cap-add SETUID --cap-add SETGID --cap-add SETPCAP --cap-add CHOWN \
	-v "$TMP/docker.sock:/var/run/docker.sock" -v /sys/fs/cgroup:/sys/fs/cgroup:ro \
	-p "127.0.0.1:$PORT:7070" limpid-test/limpid --http 0.0.0.0:7070 --allow-remote --db /var/lib/limpid/limpid.db --token "$TOKEN" >/dev/null
check "it starts, and the page answers" until_true 20 curl -sf "http://127.0.0.1:$PORT/"
captures() { $D logs limpid 2>&1 | grep -q '^capturing every container'; }
check "it captures" until_true 30 captures # on a busy machine later than the page answers
api() { curl -sf --max-time 10 -H "Authorization: Bearer $TOKEN" "http://127.0.0.1:$PORT/api/$1"; }
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=web -keyout "$TMP/web.key" -out "$TMP/web.crt" >/dev/null 2>&1
mkdir -p "$TMP/world/www"
cp tests/e2e/world/nginx.conf "$TMP/web.key" "$TMP/web.crt" "$TMP/world/"
chmod -R a+rX "$TMP/world" # nginx reads it as a user of its own
$D run -d --name web --network lt -v "$TMP/world:/world" limpid-test/bookworm nginx -c /world/nginx.conf -g 'daemon off;' >/dev/null
$D run -d --name client --network lt limpid-test/bookworm sleep 600 >/dev/null
until_true 10 $D exec client curl -sf http://web/seq/up
$D exec client curl -sk https://web/seq/from-the-image >/dev/null
seen() { [ "$(api 'flows?f=path:/seq/from-the-image&from=0&n=10' | jq -c '[.matched, .rows[0].tls, .rows[0].src, .rows[0].dst, .rows[0].status]')" = '[1,true,"client","web","200"]' ]; }
check "it shows an HTTPS exchange of two other containers, decrypted, once, with their names" until_true 10 seen
seen || { $D logs limpid 2>&1 | tail -n 20 | sed 's/^/# /'; api 'flows?from=-5&n=5' | sed 's/^/# /'; }
# --- the demo of packaging/compose.yaml, watched by the image that runs already
demo() { DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0 BASE=limpid-test/bookworm timeout 300 docker-compose -p demo -f packaging/compose.yaml "$@"; }
check "the demo is built" demo build web client
check "the demo starts" demo up -d --no-deps web client
on_exit demo down -t 1
demo_seen() { [ "$(api 'flows?f=compose:demo+path:/v1/orders+status:201+tls:openssl&from=0&n=10' | jq .matched)" -ge 1 ]; }
check "its exchanges arrive, decrypted, under its Compose project" until_true 20 demo_seen
check "the file is valid as a whole" demo config -q
demo down -t 1 >/dev/null 2>&1
$D stop -t 10 limpid >/dev/null
equal "it stops cleanly" 0 "$($D inspect -f '{{.State.ExitCode}}' limpid)"
