#!/usr/bin/env bash
# Redis with real programs: Debian's server, redis-cli, redis-benchmark with pipelines, Python's client; TLS, a cluster's redirects,
# subscriptions, MONITOR, a replica.  What was said is what must be captured, and no password.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
for need in docker mmdebstrap openssl; do
	command -v "$need" >/dev/null || { skip "Redis" "$need is missing: tools/bootstrap test"; exit 0; }
done

# image_redis: limpid-test/redis with Debian's server, its tools and Python's client.
image_redis() {
	local tar=$CACHE/image-redis-1.tar part=$CACHE/part-$$.tar
	if [ ! -s "$tar" ]; then
		mmdebstrap --variant=minbase --mode=root --quiet --include=redis-server,redis-tools,python3-redis,procps \
			--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			bookworm "$part" "$(mirror)" >"$TMP/mmdebstrap.log" 2>&1 </dev/null || {
			tail -n 20 "$TMP/mmdebstrap.log" | sed 's/^/# /'
			return 1
		}
		mv "$part" "$tar"
	fi
	$D import -c 'CMD ["/bin/bash"]' "$tar" limpid-test/redis >/dev/null
}

ready() { $D logs servers 2>&1 | grep -q ^ready; }
all_captured() { python3 tests/e2e/redis/check.py "$TMP/tail.out"; }

mkdir -p "$TMP/files"
cp tests/e2e/redis/*.sh tests/e2e/redis/client.py "$TMP/files/"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$TMP/files/key.pem" -out "$TMP/files/cert.pem" -days 30 -subj /CN=redis 2>/dev/null
chmod 644 "$TMP/files/key.pem"
chmod 755 "$TMP"
if ! start_docker || ! image_redis; then
	not_ok "Docker and the image are there"
	exit 1
fi
on_exit stop_containers
start_limpid tail tail --all --container '*' --json
check "limpid captures" until_true 60 grep -q 'capturing .*; end with' "$TMP/tail.err"
$D run -d --name servers -v "$TMP/files:/files:ro" limpid-test/redis \
	sh -c 'mkdir /run/t && cp /files/client.py /run/t/ && exec sh /files/servers.sh /run/t /files' >"$TMP/run.log" 2>&1
check "the servers are ready" until_true 60 ready
check "all is said" timeout 120 $D exec servers sh /files/traffic.sh /run/t
until_true 20 all_captured
check "all that was said is captured, paired, with its conversations, and no password" all_captured
