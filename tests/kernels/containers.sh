#!/usr/bin/env bash
# containers - the real limpid among runc's containers on systems that have cgroups of one version only: 6.12 with version 2,
# 6.1 with version 1.  (The machine that the other tests run on has both.)
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../e2e/lib.sh"
. tests/kernels/guest.sh
for tool in qemu-system-x86_64 cpio busybox runc jq apt-get dpkg-deb; do
	command -v $tool >/dev/null || { skip "containers on one version of cgroups" "$tool is not installed: tools/bootstrap test"; exit 0; }
done
[ "$(uname -m)" = x86_64 ] || { skip "containers on one version of cgroups" "x86-64 only"; exit 0; }
mkdir -p build/kernels
root=$TMP/guest
id_of() { printf '%064d' "$1" | tr 0-9 a-j; }
WEB=$(id_of 1) CLIENT=$(id_of 2) SCOPED=$(id_of 3)
POD=pod8c0e6a6f-7a54-4b4c-8f0e-0f8a0d3d7b0a

# bundle NAME CGROUP COMMAND: a runc container in the host's network, with busybox for a root
bundle() {
	local dir=$root/containers/$1
	mkdir -p "$dir"/rootfs/{bin,proc,dev,sys,tmp,www}
	cp /bin/busybox "$dir/rootfs/bin/"
	echo "hello from $1" | tee "$dir/rootfs/www/hello" >"$dir/rootfs/www/ready"
	(cd "$dir" && runc spec)
	jq --arg cgroup "$2" --arg command "$3" '.process.terminal = false | .process.args = ["/bin/busybox", "sh", "-c", $command]
		| .process.rlimits = [] | .root.readonly = false | .linux.cgroupsPath = $cgroup
		| .linux.namespaces |= map(select(.type != "network"))' "$dir/config.json" >"$dir/new"
	mv "$dir/new" "$dir/config.json"
}
guest_root "$root" amd64
guest_program "$root" build/limpid "$(command -v runc)"
get() { echo "busybox wget -q -O - http://127.0.0.1:8080/$1"; }
bundle web "/docker/$WEB" 'exec busybox httpd -f -p 8080 -h /www'
bundle client "/system.slice/docker-$CLIENT.scope" "$(get hello); busybox sleep 1"
bundle pod "/kubepods/burstable/$POD/$CLIENT" "$(get hello?pod)"
bundle scoped "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-${POD//-/_}.slice/cri-containerd-$SCOPED.scope" "$(get hello?scoped)"
bundle plain "/limpid-plain" "$(get hello?plain); busybox sleep 1"
mkdir -p "$root/www"
echo 'hello from the host' >"$root/www/hello"

guest_init "$root" <<'GUEST'
wait_for() { for i in $($b seq 900); do "$@" && return; $b sleep 0.1; done; false; }
case $($b uname -r) in
6.1.*) # as systems did it that know nothing of version 2
	$b umount /sys/fs/cgroup
	$b mount -t tmpfs cgroup /sys/fs/cgroup
	for c in systemd pids memory cpu,cpuacct devices freezer blkio cpuset; do
		$b mkdir /sys/fs/cgroup/$c
		case $c in systemd) c=none,name=systemd ;; esac
		$b mount -t cgroup -o $c cgroup /sys/fs/cgroup/${c#*name=} || echo "NOT-MOUNTED $c"
	done
	;;
esac
echo "CGROUPS $($b grep -c cgroup2 /proc/mounts) $($b grep -c ' cgroup ' /proc/mounts)"
/bin/limpid tail --json >/tmp/flows 2>/tmp/err &
limpid=$!
wait_for $b grep -q capturing /tmp/err
$b httpd -f -p 8081 -h /www &
/bin/runc run --no-pivot -b /containers/web web </dev/null >/tmp/web 2>&1 &
wait_for $b wget -q -O /dev/null http://127.0.0.1:8080/ready
/bin/runc run --no-pivot -b /containers/client client </dev/null 2>&1
/bin/runc run --no-pivot -b /containers/pod pod </dev/null 2>&1
/bin/runc run --no-pivot -b /containers/scoped scoped </dev/null 2>&1
/bin/runc run --no-pivot -b /containers/plain plain </dev/null 2>&1
$b wget -q -O - http://127.0.0.1:8081/hello
wait_for $b grep -q 'target":"/hello?plain' /tmp/flows
$b sleep 1
$b sed 's/^/ERR /' /tmp/err /tmp/web
$b cat /proc/*/cgroup | $b grep docker | $b sort -u | $b sed 's/^/CGROUP /'
$b sed 's/^/FLOW /' /tmp/flows
$b kill $limpid
wait $limpid
echo "LIMPID-EXIT $?"
true
GUEST

guest_pack "$root" "$TMP/initrd"
boot() { # KERNEL
	tests/kernels/fetch kernel "$1" amd64 >"$TMP/$1.kernel" 2>"$TMP/$1.fetch" || return
	guest_boot "$(cat "$TMP/$1.kernel")" amd64 "$TMP/initrd" "build/kernels/containers-$1.console" 300 1024 && : >"$TMP/$1.ended"
}
stop_guests() { jobs -p | xargs -r kill; }
on_exit stop_guests
for kernel in 6.12 6.1; do boot $kernel & done
wait

# guest KERNEL MOUNTS PATH: the same in each; MOUNTS: how many trees of version 2 and of version 1; PATH: of the first
# container, in the tree that its name comes from.
guest() {
	local console=build/kernels/containers-$1.console
	if [ ! -s "$TMP/$1.kernel" ]; then
		not_ok "the kernel $1 can be had: $(tail -n 1 "$TMP/$1.fetch")"
		return
	elif [ ! -e "$TMP/$1.ended" ]; then
		not_ok "the guest with $1 comes to its end"
		tail -n 30 "$console" | sed 's/^/# /'
		return
	fi
	sed -n 's/^FLOW //p' "$console" >"$TMP/flows"
	flow() { jq -r "select(.request.target == \"$1\") | $2" "$TMP/flows"; }
	equal "$(sed -n 's/^KERNEL //p' "$console"): trees of version 2 and 1" "CGROUPS $2" "$(grep -a ^CGROUPS "$console")"
	check "one container is in /docker/ID" grep -aq "^CGROUP $3$WEB\$" "$console"
	equal "what containers exchange is captured, once" 1 "$(flow /hello .request.target | grep -c .)"
	equal "the server's id comes from /docker/ID" "$WEB" "$(flow /hello .server.container_id)"
	equal "the client's from docker-ID.scope" "$CLIENT" "$(flow /hello .client.container_id)"
	equal "that of a pod's container, which lived for this request only, from its pod's cgroup" "$CLIENT $WEB" \
		"$(flow '/hello?pod' '"\(.client.container_id) \(.server.container_id)"')"
	equal "and as systemd's units have it" "$SCOPED $WEB" "$(flow '/hello?scoped' '"\(.client.container_id) \(.server.container_id)"')"
	equal "without an id the cgroup has the name" "limpid-plain $WEB" "$(flow '/hello?plain' '"\(.client.container) \(.server.container_id)"')"
	equal "with the answer" "200 hello from web" "$(flow /hello '"\(.response.status) \(.response.body.text)"' | tr -d '\n')"
	equal "what processes of the host exchange is not" 0 "$(jq -r 'select(.server.port == 8081) | .id' "$TMP/flows" | grep -c .)"
}
guest 6.12 "1 0" 0::/docker/
guest 6.1 "0 8" '[0-9]*:pids:/docker/'
