# shellcheck shell=bash
# lib.sh - what the end-to-end tests share: TAP lines, cleaning up, a Docker daemon and images of our own.
#
# Sourced with the repository as working directory.  Whatever is started here is ended here, by its process
# id; load goes to loopback and to the containers made here.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2

LIMPID=${LIMPID:-build/limpid}
CACHE=$(realpath -m "${LIMPID_CACHE:-build/cache}") # some work in other directories
TMP=$(mktemp -d)
mkdir -p "$CACHE"
n_tests=0
cleanups=()

ok() { n_tests=$((n_tests + 1)); echo "ok $n_tests - $*"; }
not_ok() { n_tests=$((n_tests + 1)); echo "not ok $n_tests - $*"; }
skip() { n_tests=$((n_tests + 1)); echo "ok $n_tests - $1 # SKIP $2"; }
note() { printf '# %s\n' "$@"; }

# check TEXT COMMAND...: ok when the command succeeds; its output is shown when it does not.
check() {
	local text=$1
	shift
	if "$@" >"$TMP/check.out" 2>&1; then
		ok "$text"
	else
		not_ok "$text"
		tail -n 20 "$TMP/check.out" | sed 's/^/# /'
	fi
}

# equal TEXT WANT GOT
equal() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: wanted '$2', got '$3'"; fi
}

# until_true SECONDS COMMAND...: polls ten times a second, for so long as a quick machine could take; a slow one that has other
# things to do gets four times as much.
until_true() {
	local left=$(($1 * 40)) seconds=$(($1 * 4))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || { echo "# not within $seconds s: $*" >&2; return 1; }
		sleep 0.1
	done
}

# on_exit COMMAND...: run at the end, the last registered first.
on_exit() { cleanups=("$(printf '%q ' "$@")" "${cleanups[@]}"); }

finish() {
	local c
	for c in "${cleanups[@]}"; do eval "$c" >/dev/null 2>&1; done
	rm -rf "$TMP"
}
trap finish EXIT
trap 'exit 1' INT TERM

# end_process PID: asks, waits, insists.
end_process() {
	kill "$1" 2>/dev/null || return 0
	until_true 20 not_running "$1" || kill -9 "$1" 2>/dev/null
}
not_running() { ! kill -0 "$1" 2>/dev/null; }

need_root() {
	[ "$(id -u)" = 0 ] && return
	skip "$(basename "$0")" "needs root: sudo make test"
	exit 0
}

# A port that nobody listens on, and that no connection gets as its own by chance, since those are chosen from the range that the
# kernel has for it: a server that ends and comes again finds it free, and who captures it captures nobody else.  Never one twice.
free_port() {
	python3 - "$TMP/ports" <<-'PORT'
		import os, random, socket, sys
		six = os.path.exists("/proc/net/if_inet6")
		with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
		    first = int(f.read().split()[0])
		with open(sys.argv[1], "a+") as f:
		    f.seek(0)
		    given = f.read().split()
		    while True:
		        port = random.randrange(28000, first) if first > 30000 else 0
		        with socket.socket(socket.AF_INET6 if six else socket.AF_INET) as s:
		            try:
		                if six:
		                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
		                s.bind(("::" if six else "", port))
		            except OSError:
		                continue
		            port = s.getsockname()[1]
		        if str(port) not in given:
		            break
		    f.write(f"{port}\n")
		print(port)
	PORT
}

# --- Docker ------------------------------------------------------------------------------------------------
D=docker
[ -x /usr/bin/docker ] && D=/usr/bin/docker

# Leaves the machine's bridges and rules as they were: what stays of fifty runs would use up Docker's addresses.
stop_docker() {
	local pid had_nat=$1 net nets
	pid=$(cat "$TMP/dockerd.pid" 2>/dev/null) || return 0
	nets=$(timeout 10 $D network ls -q --filter type=custom)
	end_process "$pid"
	umount "$TMP"/dockerrun/netns/* # of containers in the host's network
	ip link del docker0
	for net in $nets; do ip link del "br-$net"; done
	if [ "$had_nat" = yes ]; then iptables-restore <"$TMP/iptables"; else nft delete table ip nat; nft delete table ip filter; fi
}

# A daemon of our own, so that containers of this machine are not touched.  Its networks are out of the way of those
# that another daemon would choose.
run_dockerd() {
	setsid dockerd -H "$DOCKER_HOST" --data-root "$TMP/docker" --exec-root "$TMP/dockerrun" \
		--default-address-pool base=10.213.0.0/16,size=24 --pidfile "$TMP/dockerd.pid" >"$TMP/dockerd.log" 2>&1 </dev/null &
}

# start_docker: sets DOCKER_HOST.
start_docker() {
	local had_nat=no
	nft list table ip nat >/dev/null 2>&1 && had_nat=yes && iptables-save >"$TMP/iptables"
	export DOCKER_HOST=unix://$TMP/docker.sock
	run_dockerd
	on_exit stop_docker $had_nat
	until_true 30 $D info && return
	note "dockerd does not start:"
	tail -n 20 "$TMP/dockerd.log" | sed 's/^/# /'
	return 1
}

stop_containers() {
	local ids
	ids=$($D ps -aq)
	# shellcheck disable=SC2086 # the ids are words
	[ -z "$ids" ] || $D rm -f $ids
}

mirror() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1; }

# image_bookworm: limpid-test/bookworm with curl, nginx, openssl and python.  Made from Debian's packages once and
# kept in the cache, since no registry is needed.
image_bookworm() {
	local tar=$CACHE/image-bookworm-1.tar part=$CACHE/part-$$.tar # mmdebstrap goes by the ending
	if [ ! -s "$tar" ]; then
		mmdebstrap --variant=minbase --mode=root --quiet \
			--include=ca-certificates,curl,nginx-light,openssl,python3-minimal,libpython3-stdlib,procps \
			--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			bookworm "$part" "$(mirror)" >"$TMP/mmdebstrap.log" 2>&1 </dev/null || {
			tail -n 20 "$TMP/mmdebstrap.log" | sed 's/^/# /'
			return 1
		}
		mv "$part" "$tar"
	fi
	$D import -c 'CMD ["/bin/bash"]' "$tar" limpid-test/bookworm >/dev/null
}

# image_busybox: limpid-test/busybox, for containers that live for a moment.
image_busybox() {
	mkdir -p "$TMP/busybox/bin"
	cp /bin/busybox "$TMP/busybox/bin/"
	ln -sf busybox "$TMP/busybox/bin/sh"
	tar -C "$TMP/busybox" -c . | $D import -c 'CMD ["/bin/sh"]' - limpid-test/busybox >/dev/null
}

# --- Limpid ------------------------------------------------------------------------------------------------
# start_limpid NAME ARGS...: in the background, output in $TMP/NAME.out and .err; sets LIMPID_PID.
start_limpid() {
	local name=$1
	shift
	"$LIMPID" "$@" >"$TMP/$name.out" 2>"$TMP/$name.err" </dev/null &
	LIMPID_PID=$!
	on_exit end_process $LIMPID_PID
}
