#!/usr/bin/env bash
# containers - the real limpid among containers on a system with cgroups of version 2 only: kernel 6.12, runc.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../e2e/lib.sh"
. tests/kernels/guest.sh
for tool in qemu-system-x86_64 cpio busybox runc jq apt-get dpkg-deb; do
	command -v $tool >/dev/null || { skip "containers on version 2 of cgroups" "$tool is not installed: tools/bootstrap test"; exit 0; }
done
[ "$(uname -m)" = x86_64 ] || { skip "containers on version 2 of cgroups" "x86-64 only"; exit 0; }
mkdir -p build/kernels
CONSOLE=build/kernels/containers-6.12.console
root=$TMP/guest
kernel=$(tests/kernels/fetch kernel 6.12 amd64 2>"$TMP/fetch.log") || {
	not_ok "the kernel can be had: $(tail -n 1 "$TMP/fetch.log")"
	exit 1
}
id_of() { printf '%064d' "$1" | tr 0-9 a-j; }
WEB=$(id_of 1) CLIENT=$(id_of 2)

# bundle NAME CGROUP COMMAND: a runc container in the host's network, with busybox for a root
bundle() {
	local dir=$root/containers/$1
	mkdir -p "$dir"/rootfs/{bin,proc,dev,sys,tmp,www}
	cp /bin/busybox "$dir/rootfs/bin/"
	echo "hello from $1" >"$dir/rootfs/www/hello"
	(cd "$dir" && runc spec)
	jq --arg cgroup "$2" --arg command "$3" '.process.terminal = false | .process.args = ["/bin/busybox", "sh", "-c", $command]
		| .process.rlimits = [] | .root.readonly = false | .linux.cgroupsPath = $cgroup
		| .linux.namespaces |= map(select(.type != "network"))' "$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
}
guest_root "$root" amd64
guest_program "$root" build/limpid "$(command -v runc)"
bundle web "/docker/$WEB" 'exec busybox httpd -f -p 8080 -h /www'
bundle client "/system.slice/docker-$CLIENT.scope" 'busybox wget -q -O - http://127.0.0.1:8080/hello; busybox sleep 1'
mkdir -p "$root/www"
echo 'hello from the host' >"$root/www/hello"
guest_init "$root" <<'GUEST'
wait_for() { for i in $($b seq 200); do "$@" && return; $b sleep 0.1; done; false; }
echo "CGROUPS $($b grep -c cgroup2 /proc/mounts) $($b grep -c ' cgroup ' /proc/mounts)"
/bin/limpid tail --json >/tmp/flows 2>/tmp/err &
limpid=$!
wait_for $b grep -q captured /tmp/err
$b httpd -f -p 8081 -h /www &
/bin/runc run --no-pivot -b /containers/web web </dev/null >/tmp/web 2>&1 &
wait_for $b wget -q -O /dev/null http://127.0.0.1:8080/ready
/bin/runc run --no-pivot -b /containers/client client </dev/null 2>&1
$b wget -q -O - http://127.0.0.1:8081/hello
wait_for $b grep -q 'target":"/hello' /tmp/flows
$b sleep 1
$b sed 's/^/ERR /' /tmp/err /tmp/web
$b cat /proc/*/cgroup | $b grep docker | $b sort -u | $b sed 's/^/CGROUP /'
$b sed 's/^/FLOW /' /tmp/flows
$b kill $limpid
wait $limpid
echo "LIMPID-EXIT $?"
true
GUEST
if ! guest_boot "$kernel" amd64 "$root" "$CONSOLE" 300 1024; then
	not_ok "the guest comes to its end"
	tail -n 30 "$CONSOLE" | sed 's/^/# /'
	exit 1
fi
sed -n 's/^FLOW //p' "$CONSOLE" >"$TMP/flows"
flow() { jq -r "select(.request.target == \"$1\") | $2" "$TMP/flows"; }
equal "$(sed -n 's/^KERNEL //p' "$CONSOLE") has cgroups of version 2 only" "CGROUPS 1 0" "$(grep -a ^CGROUPS "$CONSOLE")"
check "one container is in /docker/ID" grep -aq "^CGROUP 0::/docker/$WEB\$" "$CONSOLE"
equal "what containers exchange is captured, once" 1 "$(flow /hello .request.target | grep -c .)"
equal "the server's id comes from /docker/ID" "$WEB" "$(flow /hello .server.container_id)"
equal "the client's from docker-ID.scope" "$CLIENT" "$(flow /hello .client.container_id)"
equal "with the answer" "200 hello from web" "$(flow /hello '"\(.response.status) \(.response.body.text)"' | tr -d '\n')"
equal "what processes of the host exchange is not" 0 "$(jq -r 'select(.server.port == 8081) | .id' "$TMP/flows" | grep -c .)"
