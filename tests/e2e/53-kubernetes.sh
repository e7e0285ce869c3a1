#!/usr/bin/env bash
# 53-kubernetes - pods as a kubelet starts them, through the CRI of a containerd of our own: captured from their first byte,
# named by container, pod and namespace, also when they are long gone.
. "$(dirname "$0")/lib.sh"
need_root
for tool in containerd ctr runc busybox jq; do
	command -v $tool >/dev/null || { skip "Kubernetes' containers" "$tool is not installed: tools/bootstrap test"; exit 0; }
done
/usr/bin/python3 -c 'import grpc' 2>/dev/null || { skip "Kubernetes' containers" "python3-grpcio is not installed: tools/bootstrap test"; exit 0; }
[ -x /usr/lib/cni/ptp ] || { skip "Kubernetes' containers" "containernetworking-plugins is not installed: tools/bootstrap test"; exit 0; }

S=$TMP/ctrd/sock PORT=$(free_port) NET=10.$((RANDOM % 200 + 20)).$((RANDOM % 250)).0/28
TOKEN=00112233445566778899aabbccddeeff
mkdir -p "$TMP/ctrd" "$TMP/cni"
cat >"$TMP/ctrd/config.toml" <<CONFIG
version = 2
root = "$TMP/ctrd/root"
state = "$TMP/ctrd/state"
[grpc]
  address = "$S"
[ttrpc]
  address = "$TMP/ctrd/ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/limpid-test/busybox:latest"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$TMP/cni"
CONFIG
cat >"$TMP/cni/10-limpid.conflist" <<CONFIG
{"cniVersion": "0.4.0", "name": "limpid-test", "plugins": [
	{"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "subnet": "$NET", "dataDir": "$TMP/cni/leases"}}]}
CONFIG
cri() { /usr/bin/python3 tests/e2e/cri.py "$S" "$@"; }
pods=() shop="" net="" asks=""
remove_pods() { for p in "${pods[@]}"; do cri remove "$p"; done; }
# new_pod VARIABLE NAME NAMESPACE UID PARENT [NETWORK]
new_pod() {
	local id
	id=$(cri pod "${@:2}" 2>"$TMP/pod.err") || { not_ok "a pod is made: $(tail -n 1 "$TMP/pod.err")"; exit 1; }
	pods+=("$id")
	printf -v "$1" %s "$id"
}

containerd -c "$TMP/ctrd/config.toml" >"$TMP/ctrd.log" 2>&1 </dev/null &
on_exit end_process $!
up() { ctr -a "$S" version && /usr/bin/python3 tests/e2e/cri.py image | ctr -a "$S" -n k8s.io images import -; }
check "containerd takes an image" until_true 20 up
on_exit remove_pods

# --- there before Limpid ---------------------------------------------------------------------------------------------
new_pod shop shop-7d9f prod 8c0e6a6f-7a54-4b4c-8f0e-0f8a0d3d7b0a /kubepods/burstable/pod8c0e6a6f-7a54-4b4c-8f0e-0f8a0d3d7b0a
web=$(cri run "$shop" web /bin/busybox sh -c "/bin/busybox echo hi >/hi; exec /bin/busybox httpd -f -p 127.0.0.1:$PORT -h /")
side=$(cri run "$shop" side /bin/busybox sleep 600)
new_pod net net-0 prod 11111111-7a54-4b4c-8f0e-0f8a0d3d7b0a \
	/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod11111111_7a54_4b4c_8f0e_0f8a0d3d7b0a.slice pod
cri run "$net" front /bin/busybox sh -c '/bin/busybox echo hi >/hi; exec /bin/busybox httpd -f -p 80 -h /' >/dev/null
address=$(cri ip "$net")
until_true 10 curl -sf "http://127.0.0.1:$PORT/hi"
check "a pod with a network of its own answers" until_true 10 curl -sf "http://$address/hi"

chmod 711 "$TMP"
mkdir -m 777 "$TMP/db" # the hub gives up root
http=$(free_port) grpc=$(free_port)
start_limpid all tail --json --docker "$TMP/nobody.sock" --cri "$S"
start_limpid page --token $TOKEN --http "127.0.0.1:$http" --grpc "127.0.0.1:$grpc" --db "$TMP/db/flows.db" --docker "$TMP/nobody.sock" --cri "unix://$S"
start_limpid rec record -o "$TMP/pods.rec" --docker "$TMP/nobody.sock" --cri "$S" --container net-0/front --container batch/*/*
rec=$LIMPID_PID
for l in all rec; do check "limpid $l starts" until_true 20 grep -q capturing "$TMP/$l.err"; done
check "and one with a page" until_true 20 grep -q "#t=" "$TMP/page.out"
check "Docker is named, and not there" grep -q "Docker does not answer at $TMP/nobody.sock" "$TMP/all.err"
check "containerd answers" sh -c "! grep -q 'pods are shown by id' $TMP/all.err"
flows() { jq -c "select(.request.target == \"$1\")" "$TMP/all.out"; }
is_there() { flows "$1" | grep -q .; }
end() { flows "$1" | jq -r ".$2 | \"\\(.namespace // \"-\") \\(.pod // \"-\") \\(.container // \"-\")\""; }
# check_ends TEXT TARGET CLIENT SERVER
check_ends() {
	until_true 10 is_there "$2" || true
	equal "$1" "$3, $4" "$(end "$2" client | paste -sd' '), $(end "$2" server | paste -sd' ')"
}

cri exec "$side" /bin/busybox wget -q -O - "http://127.0.0.1:$PORT/hi?old" >/dev/null
check_ends "two containers of a pod that was there before" '/hi?old' "prod shop-7d9f side" "prod shop-7d9f web"
equal "with its id and image" "$web docker.io/limpid-test/busybox:latest" \
	"$(flows '/hi?old' | jq -r '.server | "\(.container_id) \(.image)"')"
equal "once, with both ends" both "$(flows '/hi?old' | jq -r .seen_by)"

# --- short lives -----------------------------------------------------------------------------------------------------
# a job: its container asks once and ends; the pod is removed at once
job() {
	local id once uid
	uid=22222222-7a54-4b4c-8f0e-0f8a0d3d7b0$1
	id=$(cri pod "job-$1" batch "$uid" "/kubepods/besteffort/pod$uid")
	once=$(cri run "$id" once /bin/busybox wget -q -O - "http://127.0.0.1:$PORT/hi?job$1")
	until_true 10 test "$(cri state "$once")" = 2
	cri remove "$id" >/dev/null
}
for n in 1 2 3 4 5; do job $n; done
for n in 1 2 3 4 5; do check_ends "a job's only request, whose pod is removed by then" "/hi?job$n" "batch job-$n once" "prod shop-7d9f web"; done

# --- addresses -------------------------------------------------------------------------------------------------------
# It waits, because a choice by name holds only when the runtime has said the name.
new_pod asks asks-1 batch 33333333-7a54-4b4c-8f0e-0f8a0d3d7b0a /kubepods/burstable/pod33333333 pod
cri run "$asks" curl /bin/busybox sh -c "/bin/busybox sleep 1; /bin/busybox wget -q -O - http://$address/hi?net; /bin/busybox sleep 600" >/dev/null
check_ends "from pod to pod over their networks" '/hi?net' "batch asks-1 curl" "prod net-0 front"
until_true 5 grep -q 'hi?net' "$TMP/all.out"
curl -sf "http://$address/hi?host" >/dev/null
check_ends "from the host, which is nobody's" '/hi?host' "- - -" "prod net-0 front"

# --- what is shown where ---------------------------------------------------------------------------------------------
api() { curl -sf --max-time 10 -H "Authorization: Bearer $TOKEN" "http://127.0.0.1:$http/api/$1"; }
row() { api "flows?f=$1&from=0&n=50" | jq -r '.rows[] | "\(.src) \(.dst)"' | sort -u; }
page_has() { [ "$(row 'ns:batch+path:/hi+pod:job-3')" = 'job-3/once shop-7d9f/web' ]; }
check "the page's rows say pod and container; filters find both" until_true 10 page_has
equal "its list of containers has pods, and no sandboxes" "namespace prod pod shop-7d9f name web" \
	"$(api containers | jq -r --arg id "$web" '.containers[] | select(.id == $id) | "namespace \(.namespace) pod \(.pod) name \(.name)"')"
running() { [ "$(api containers | jq -r '.containers[] | select(.state == "running" and .pod != null) | .name' | sort | paste -sd' ')" = "curl front side web" ]; }
check "(those that run)" until_true 20 running
check "and who told" sh -c "curl -sf -H 'Authorization: Bearer $TOKEN' http://127.0.0.1:$http/api/containers | jq -r .runtime | grep -q 'containerd .* answers'"
end_process "$rec"
equal "a recording has the names, too; --container takes a pod's" "asks-1/curl → net-0/front:80" \
	"$("$LIMPID" read "$TMP/pods.rec" 'path:/hi pod:asks ns:batch' | grep -o '[^ ]* → [^ ]*' | sort -u)"
equal "and leaves out the others" "" "$("$LIMPID" read --json "$TMP/pods.rec" | jq -r 'select(.request.target == "/hi?old") | .id')"

# --- doctor ----------------------------------------------------------------------------------------------------------
"$LIMPID" doctor --json --docker "$TMP/nobody.sock" --cri "$S" >"$TMP/doctor" 2>&1
equal "doctor tells of it" "true" "$(jq '.. | objects | select(.key? == "cri") | .text | test("^containerd .* answers for Kubernetes at .*; [0-9]+ containers")' "$TMP/doctor")"
"$LIMPID" doctor --json --cri "$TMP/nobody.sock" >"$TMP/doctor" 2>&1
equal "and what to do when it does not answer" "true" "$(jq '.. | objects | select(.key? == "cri") | .hint | test("--cri")' "$TMP/doctor")"
