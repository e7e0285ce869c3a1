#!/usr/bin/env bash
# 53-docker-api - what clients say to dockerd over its unix socket; what Limpid itself says there is left out.
. "$(dirname "$0")/lib.sh"
need_root
start_docker || {
	not_ok "the daemon starts"
	exit 1
}
sock=$TMP/docker.sock
dockerd_pid=$(cat "$TMP/dockerd.pid")
# DOCKER_HOST is this daemon: Limpid asks it for containers, and listens to its events, while it is captured.
"$LIMPID" tail --json --pid "$dockerd_pid" "sock:docker.sock" >"$TMP/flows" 2>"$TMP/err" &
limpid=$!
on_exit end_process $limpid
until_true 30 grep -q capturing "$TMP/err"
curl -s --unix-socket "$sock" http://docker/version >"$TMP/version"
curl -s --unix-socket "$sock" http://docker/no-such-thing >/dev/null
$D ps -a >"$TMP/ps"
tar -cf - -C "$TMP" version | $D import - limpid-test/empty >"$TMP/import" 2>&1
$D create --name limpid-api-test limpid-test/empty nothing >"$TMP/create" 2>&1
$D rm limpid-api-test >/dev/null 2>&1
until_true 10 grep -q '"DELETE"' "$TMP/flows"
sleep 0.5
kill -INT $limpid
wait $limpid

said() { jq -r "select($1) | $2" "$TMP/flows"; }
equal "curl asks for the version, and its answer is shown" "200 $(jq -r .Version "$TMP/version")" \
	"$(said '.request.target == "/version" and .client.comm == "curl"' '.response.status + " " + (.response.body.text | fromjson | .Version)')"
equal "an error is one" "404 true" "$(said '.request.target == "/no-such-thing"' '.response.status + " " + (.failed | tostring)')"
check "docker ps is there" test -n "$(said '.client.comm == "docker" and (.request.target | test("/containers/json"))' .id)"
equal "so is the container that is created" '"limpid-test/empty" 201' \
	"$(said '.request.op == "POST" and (.request.target | test("/containers/create"))' '(.request.body.text | fromjson | .Image | tojson) + " " + .response.status' | head -n 1)"
check "an image is sent in pieces" test -n "$(said '.request.target | test("/images/create")' .id)"
equal "every server is dockerd at its socket" "dockerd $dockerd_pid $sock unix server" \
	"$(said true '[.server.comm, .server.pid, .server.path, .l4, .seen_by] | map(tostring) | join(" ")' | sort -u)"
check "Limpid talked to Docker, too" sh -c "! grep 'Docker does not answer' '$TMP/err'"
equal "and that is not shown" "" "$(said '(.client.comm | test("limpid")) or (.request.target | test("/events"))' .request.target)"
