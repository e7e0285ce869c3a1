#!/usr/bin/env bash
# 53-runtimes - containers of Docker, podman, containerd and plain runc, in every cgroup layout that can be had here:
# captured from their first byte, with names, also when they are long gone.
. "$(dirname "$0")/lib.sh"
need_root

start_docker && image_busybox || { not_ok "Docker and its image are there"; exit 1; }
on_exit stop_containers
IMAGE=limpid-test/busybox net=limpid-rt-$$ PORT=$(free_port) HOSTED=$(free_port)
$D network create $net >/dev/null
on_exit $D network rm $net
mkdir "$TMP/www"
echo hi >"$TMP/www/index.html"
python3 -m http.server -d "$TMP/www" "$HOSTED" >/dev/null 2>&1 &
on_exit end_process $!

start_limpid tail tail --json
T=$TMP/tail.out
check "limpid starts" until_true 20 grep -q 'capturing every container' "$TMP/tail.err"
flows() { grep -cF "\"target\":\"$1\"" "$T"; }
is_there() { [ "$(flows "$1")" -ge 1 ]; }
field() { grep -F "\"target\":\"$1\"" "$T" | jq -r "$2" | paste -sd' '; }
ENDS='"\(.client.container // "-") \(.server.container // "-") \(.seen_by)"'
# check_ends TEXT TARGET WANT
check_ends() { until_true 5 is_there "$2" || true; equal "$1" "$3" "$(field "$2" "$ENDS")"; }

$D run -d --name web --network $net -p "127.0.0.1:$PORT:80" $IMAGE \
	sh -c 'mkdir -p /www; echo hi >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
until_true 10 $D exec web busybox wget -q -O - http://127.0.0.1/
get() { # NAME TARGET OPTION...: the container's first and only process asks
	local name=$1 target=$2
	shift 2
	$D run --rm --name "$name" "$@" $IMAGE busybox wget -q -O - "$target" >/dev/null 2>&1
}

# --- Docker, every layout ------------------------------------------------------------------------------------------
get plain http://web/plain --network $net
check_ends "a container's first process, from its first byte" /plain "plain web both"
get parented http://web/parented --network $net --cgroup-parent=/limpid-e2e
check_ends "below another cgroup parent" /parented "parented web both"
get private http://web/private --network $net --cgroupns=private
check_ends "in a cgroup namespace of its own" /private "private web both"
get hostpid http://web/hostpid --network $net --pid=host
check_ends "in the host's pid namespace" /hostpid "hostpid web both"
get hostnet "http://127.0.0.1:$HOSTED/?hostnet" --network host
check_ends "in the host's network namespace: a process outside containers serves" '/?hostnet' "hostnet - client"
get allhost "http://127.0.0.1:$HOSTED/?allhost" --network host --pid=host
check_ends "in both" '/?allhost' "allhost - client"
$D exec web busybox wget -q -O - http://127.0.0.1/same >/dev/null
check_ends "both ends in the same container, an exec in it" /same "web web both"

# --- a published port ------------------------------------------------------------------------------------------------
curl -s --max-time 10 "http://127.0.0.1:$PORT/published" >/dev/null
check_ends "a published port, from the host" /published "- web server"
# Through address translation, which Docker does for what the host sends to an address of its own that is not loopback:
# the client's socket names that address and port, the server's its own.
gate=$($D network inspect -f '{{(index .IPAM.Config 0).Gateway}}' $net)
natport=$(free_port)
$D run -d --name nat --network $net -p "$natport:80" $IMAGE sh -c 'mkdir -p /www; echo hi >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
until_true 10 $D exec nat busybox wget -q -O - http://127.0.0.1/
first=$LIMPID_PID
start_limpid nat tail --json --comm curl --container nat
until_true 20 grep -q 'capturing .*; end with' "$TMP/nat.err"
curl -s --max-time 10 "http://$gate:$natport/natted" >/dev/null
until_true 5 grep -q '"target":"/natted"' "$TMP/nat.out"
sleep 1
equal "a published port through address translation: one flow with both ends, and their own addresses" \
	"curl nat both 80" "$(jq -r '"\(.client.comm) \(.server.container) \(.seen_by) \(.server.port)"' "$TMP/nat.out" | paste -sd' ')"
end_process "$LIMPID_PID"
LIMPID_PID=$first

# --- fifty short lives ---------------------------------------------------------------------------------------------------
some() { local n; for n in $(seq "$1" "$2"); do get "brief$n" "http://web/brief$n" --network $net; done; }
some 1 25 &
half=$!
some 26 50
wait $half
all_fifty() { [ "$(grep -oE '"target":"/brief[0-9]+"' "$T" | sort -u | wc -l)" = 50 ]; }
check "fifty containers that live for one request: all are there" until_true 5 all_fifty
sleep 1
equal "each of them under its name, once, with both ends" "" \
	"$(jq -r 'select(.request.target | startswith("/brief")) | "\(.request.target) /\(.client.container) \(.server.container) \(.seen_by)"' "$T" |
		awk '!($1 == $2 && $3 == "web" && $4 == "both") || seen[$1]++')"

# --- containerd's ctr, plain runc: names without an id, which are looked up after their first exec: they stay a moment -------------------------------------------------------------------
mkdir -p "$TMP/bundle/rootfs/bin" "$TMP/ctrd"
cp -a "$TMP/busybox/bin/." "$TMP/bundle/rootfs/bin/"
(cd "$TMP/bundle" && runc spec)
jq --arg url "http://127.0.0.1:$HOSTED/?runc" '.process.args = ["/bin/busybox", "sh", "-c", "busybox wget -q -O - \($url); busybox sleep 0.5"] | .process.terminal = false
	| .linux.namespaces |= map(select(.type != "network")) | del(.process.rlimits)' "$TMP/bundle/config.json" >"$TMP/config.json"
mv "$TMP/config.json" "$TMP/bundle/config.json"
if (cd "$TMP/bundle" && runc --root "$TMP/runc" run "limpid-t1-$$" >"$TMP/runc.out" 2>&1 </dev/null); then
	check_ends "plain runc: its cgroup's name" '/?runc' "limpid-t1-$$ - client"
else
	skip "plain runc" "$(tail -n 1 "$TMP/runc.out")"
fi
cat >"$TMP/ctrd/config.toml" <<EOF
version = 2
root = "$TMP/ctrd/root"
state = "$TMP/ctrd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$TMP/ctrd/sock"
[ttrpc]
  address = "$TMP/ctrd/ttrpc"
EOF
containerd -c "$TMP/ctrd/config.toml" >"$TMP/ctrd.log" 2>&1 </dev/null &
on_exit end_process $!
CTR=(ctr -a "$TMP/ctrd/sock")
if until_true 10 "${CTR[@]}" version && $D save $IMAGE | "${CTR[@]}" images import - >/dev/null 2>&1 &&
	"${CTR[@]}" run --rm --net-host "docker.io/$IMAGE:latest" "c1-$$" busybox sh -c "wget -q -O - 'http://127.0.0.1:$HOSTED/?ctr'; sleep 0.5" >"$TMP/ctr.out" 2>&1; then
	check_ends "containerd's ctr: the container's name" '/?ctr' "c1-$$ - client"
else
	not_ok "ctr runs a container: $(tail -n 1 "$TMP/ctr.out" "$TMP/ctrd.log" 2>/dev/null | tail -n 1)"
fi
end_process "$LIMPID_PID"

# --- podman ------------------------------------------------------------------------------------------------------------------
P=(podman --root "$TMP/podman/root" --runroot "$TMP/podman/run" --cgroup-manager=cgroupfs --runtime runc --events-backend=file --storage-driver=vfs)
LIMITS=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
if tar -C "$TMP/busybox" -c . | "${P[@]}" import - limpid-test/busybox >"$TMP/podman.out" 2>&1; then
	"${P[@]}" system service --time=0 "unix://$TMP/podman.sock" >"$TMP/service.log" 2>&1 </dev/null &
	on_exit end_process $!
	until_true 20 curl -sf --unix-socket "$TMP/podman.sock" http://podman/version
	start_limpid pod tail --json --docker "$TMP/podman.sock" --log-level debug
	T=$TMP/pod.out
	until_true 20 grep -q 'capturing every container' "$TMP/pod.err"
	"${P[@]}" run "${LIMITS[@]}" --network host --name pod-first localhost/limpid-test/busybox \
		/bin/busybox sh -c "wget -q -O - 'http://127.0.0.1:$HOSTED/?podman'; sleep 3; wget -q -O - 'http://127.0.0.1:$HOSTED/?later'" \
		>"$TMP/podman.out" 2>&1 || note "$(tail -n 1 "$TMP/podman.out")"
	check_ends "podman: the name, from its API, which takes its time to answer" '/?later' "pod-first - client"
	check "its first request was captured, too" is_there '/?podman'
	"${P[@]}" run "${LIMITS[@]}" --rm --pid=host --network host --name pod-host localhost/limpid-test/busybox \
		/bin/busybox wget -q -O - "http://127.0.0.1:$HOSTED/?podhost" >"$TMP/podman.out" 2>&1
	check_ends "podman, in the host's pid namespace" '/?podhost' "pod-host - client"
	end_process "$LIMPID_PID"
	start_limpid anon tail --json --docker "$TMP/nobody.sock"
	T=$TMP/anon.out
	until_true 20 grep -q 'capturing every container' "$TMP/anon.err"
	"${P[@]}" start -a pod-first >/dev/null 2>&1
	until_true 5 is_there '/?podman'
	id=$("${P[@]}" inspect -f '{{.Id}}' pod-first)
	equal "without its API: captured all the same, by id" "${id:0:12} $id" "$(field '/?podman' '"\(.client.container) \(.client.container_id)"')"
	end_process "$LIMPID_PID"
	"${P[@]}" rm -f pod-first >/dev/null 2>&1
else
	not_ok "podman imports an image: $(tail -n 1 "$TMP/podman.out")"
fi
