#!/usr/bin/env bash
# matrix - the capture checks on every kernel and back end, and TLS by OpenSSL and by Go, in virtual machines, two at a time.
#
# Prints one test line per kernel, architecture and back end, and writes build/kernels/table.md, which the README must agree
# with (`make kernels-table` takes it over).  Consoles stay in build/kernels/.  A back end that is missing where it is
# expected is a failure; so is a kernel that cannot be fetched, unless Debian has none of its series any more.  Rows of kernels
# that were not run stay as the README has them.
#     KERNELS='5.10-amd64 6.12-arm64' BACKENDS=kprobe tests/kernels/matrix.sh      only these
#     FULL=1 TIME_LIMIT=3600 tests/kernels/matrix.sh                               all groups of checks
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../e2e/lib.sh"
. tests/e2e/tls/lib.sh
. tests/kernels/guest.sh
OUT=build/kernels
BACKENDS=${BACKENDS:-fentry kprobe tracepoint}
# Emulation is slow, so not all: what depends on the kernel, and what one load serves.
GROUPS_HERE=${GROUPS_HERE:-late load sights ways unix udp odd same property life policies choices transport}
[ -z "${FULL:-}" ] || GROUPS_HERE=
# Where a back end cannot be: what a guest says must agree.  Longest first, for two at a time.
GUESTS='
5.10 amd64 fentry,kprobe,tracepoint,openssl,go Debian 11
7    amd64 fentry,kprobe,tracepoint,openssl,go Debian 13, backports
6.18 amd64 fentry,kprobe,tracepoint,openssl,go Debian 13, backports
6.12 amd64 fentry,kprobe,tracepoint,openssl,go Debian 13
6.1  amd64 fentry,kprobe,tracepoint,openssl,go Debian 12
6.12 arm64 fentry,kprobe,tracepoint,openssl,go Debian 13
6.1  arm64 kprobe,tracepoint,openssl,go Debian 12
'
TIME_LIMIT=${TIME_LIMIT:-1500} # seconds for a guest

for tool in qemu-system-x86_64 qemu-system-aarch64 aarch64-linux-gnu-gcc cpio busybox apt-get dpkg-deb openssl; do
	command -v $tool >/dev/null || { skip "the kernels" "$tool is not installed: tools/bootstrap test"; exit 0; }
done
[ "$(uname -m)" = x86_64 ] || { skip "the kernels" "this test cross-builds from x86-64"; exit 0; }
mkdir -p $OUT
wanted() { [ -z "${KERNELS:-}" ] || case " $KERNELS " in *" $1-$2 "*) ;; *) false ;; esac; }
guests() { # those wanted, in order
	while read -r series arch works from; do
		[ -z "$series" ] || ! wanted "$series" "$arch" || echo "$series $arch $works $from"
	done <<<"$GUESTS"
}

while read -r series arch _; do rm -f "$OUT/$series-$arch".*; done < <(guests)

# --- what goes into the guests: packed once for each architecture -------------------------------------------------------
if ! { make -s build/tests/capture_check && tests/kernels/build-arm64 && build_programs; } >"$TMP/make.log" 2>&1; then
	not_ok "the programs are built for amd64 and arm64"
	tail -n 20 "$TMP/make.log" | sed 's/^/# /'
	exit 1
fi
only=
for group in $GROUPS_HERE; do only="$only --only $group"; done
guest_root "$TMP/amd64" amd64
guest_program "$TMP/amd64" build/tests/capture_check "$TMP/watch" "$TMP/peer"
guest_library "$TMP/amd64" /usr/lib/x86_64-linux-gnu/libssl.so.3
guest_root "$TMP/arm64" arm64
guest_program "$TMP/arm64" build/arm64/tests/capture_check build/arm64/tests/watch
arm=$(tests/kernels/fetch packages bookworm arm64 libc6 libssl3)
mkdir -p "$TMP/arm64/lib"
cp -L "$arm"/lib/aarch64-linux-gnu/{ld-linux-aarch64,libc}.so.* "$arm"/usr/lib/aarch64-linux-gnu/lib{ssl,crypto}.so.3 "$TMP/arm64/lib/"
aarch64-linux-gnu-gcc -O2 -D_GNU_SOURCE -w $src/peer.c -o "$TMP/arm64/bin/peer" -ldl -lpthread || exit 1
# Without a Go toolchain the table stays as it is there.
for arch in amd64 arm64; do
	cp "$TMP"/{cert,key}.pem "$TMP/$arch/"
	! command -v go >/dev/null || (cd $src/go && GOENV=off GOFLAGS='' GOTOOLCHAIN=local CGO_ENABLED=0 GOARCH=$arch \
		go build -o "$TMP/$arch/bin/gopeer" . >"$TMP/go.out" 2>&1) || { sed 's/^/# /' "$TMP/go.out"; exit 1; }
done
for arch in amd64 arm64; do
	{
		cat <<-GUEST
			for back in $BACKENDS; do
				echo "BACKEND \$back"
				/bin/capture_check --quick --backend \$back --dump /tmp/dump$only
				echo "BACKEND-EXIT \$?"
				[ ! -e /tmp/dump ] || echo "DUMP \$(\$b sha256sum </tmp/dump)"
				\$b rm -f /tmp/dump
			done
		GUEST
		# TLS probes: both ends of every connection.
		cat <<-'GUEST'
			wait_for() { for i in $($b seq 1200); do $b grep -q "$1" "$2" 2>/dev/null && return; $b sleep 0.1; done; }
			echo "BACKEND tls"
			/bin/watch >/tmp/watch 2>&1 &
			watch=$!
			wait_for ready /tmp/watch
			$b sleep 300 | /bin/peer server 443 /cert.pem /key.pem >/tmp/server 2>&1 &
			wait_for listening /tmp/server
			wait_for libssl /tmp/watch
			/bin/peer client -n 20 443
			/bin/peer client -x -s 300000 -r 300000 443
			/bin/peer client -N -n 2 -s 300000 -r 300000 443
			/bin/peer client -R -P -n 10 443
			if [ -x /bin/gopeer ]; then
				/bin/gopeer server 444 /cert.pem /key.pem >/tmp/server.go 2>&1 &
				wait_for listening /tmp/server.go
				wait_for '^lib .* go ' /tmp/watch
				/bin/gopeer client -n 20 444
				/bin/gopeer client -c 3 -n 2 -s 100000 -r 100000 444
			fi
			$b sleep 1
			$b kill $watch
			wait $watch
			$b cat /tmp/watch
			$b grep -h ^peer /tmp/server /tmp/server.go
			echo "BACKEND-EXIT 0"
		GUEST
		cat <<-'GUEST'
			$b dmesg | $b grep -E 'WARNING:|BUG:|Oops' && echo "KERNEL-COMPLAINS"
			true
		GUEST
	} | guest_init "$TMP/$arch"
	guest_pack "$TMP/$arch" "$TMP/$arch.initrd"
done

# --- boots ----------------------------------------------------------------------------------------------------------------
# run_guest SERIES ARCH
run_guest() {
	local name=$1-$2 dir rc=0 TIMEFORMAT='%0R s, %0U s of a processor'
	dir=$(tests/kernels/fetch kernel "$1" "$2" 2>"$OUT/$name.fetch") || rc=$?
	[ $rc != 3 ] || : >"$OUT/$name.gone"
	[ $rc = 0 ] || return
	rm -f "$OUT/$name.fetch"
	{ time guest_boot "$dir" "$2" "$TMP/$2.initrd" "$OUT/$name.console" "$TIME_LIMIT" 1024 2>"$OUT/$name.qemu"; } 2>"$TMP/$name.time"
}
stop_guests() { jobs -p | xargs -r kill; }
on_exit stop_guests
while read -r series arch _; do
	[ "$(jobs -rp | wc -l)" -lt "${AT_ONCE:-2}" ] || wait -n
	run_guest "$series" "$arch" &
done < <(guests)
wait

# --- results --------------------------------------------------------------------------------------------------------------
# section CONSOLE BACKEND: what the guest said of it
section() { sed -n "/^BACKEND $2\$/,/^\(BACKEND-EXIT\|BACKEND [a-z]\|TEST-EXIT\)/p" "$1"; }
{
	echo "| Linux | architecture | from | ${BACKENDS// / | } | OpenSSL | Go |"
	echo "|---|---|---|${BACKENDS//[a-z]/}---|---|---|" | sed 's/ /---|/g'
} >$OUT/table.md
# judge_backend NAME EXPECTED BACKEND: sets cell
judge_backend() {
	local text="$1 $3" passed failed refused names
	section "$OUT/$1.console" "$3" >"$TMP/section"
	passed=$(grep -acE '^ok ' "$TMP/section")
	failed=$(grep -acE '^not ok ' "$TMP/section")
	refused=$(sed -n 's/^not ok 1 - .*\(there is no back end\)/\1/p' "$TMP/section")
	cell=failed
	if [ -n "$refused" ]; then
		case ,$2, in
		*,$3,*) not_ok "$text: $refused" ;;
		*) ok "$text is refused, as expected: $refused" && cell=- ;;
		esac
	elif ! grep -aq '^BACKEND-EXIT' "$TMP/section"; then
		not_ok "$text: the guest did not come to the end of the checks"
		tail -n 15 "$OUT/$1.console" | sed 's/^/# /'
	elif [ "$failed" != 0 ] || [ "$passed" = 0 ] || ! grep -aq '^BACKEND-EXIT 0$' "$TMP/section"; then
		names=$(sed -n 's/^not ok [0-9]* - //p' "$TMP/section" | head -n 3 | paste -sd ';' | sed 's/;/; /g')
		not_ok "$text: $failed of $((passed + failed)) checks failed: $names"
		{
			echo "$text:"
			grep -aE '^# ([a-z_]+ was not run|--seed)' "$TMP/section"
			grep -aE -B 12 -A 8 '^not ok ' "$TMP/section"
		} >>"$TMP/failures"
	else
		case ,$2, in
		*,$3,*) ok "$text: $passed checks" && cell=yes ;;
		*) not_ok "$text works, which the table in tests/kernels/matrix.sh does not know" ;;
		esac
	fi
	note_counts="$note_counts $3 $passed/$((passed + failed))"
}
# judge_tls NAME EXPECTED LIBRARY PORT CONNECTIONS: sets cell
judge_tls() {
	local text="$1 $3"
	cell=-
	case ,$2, in *,$3,*) ;; *) return ;; esac
	section "$OUT/$1.console" tls >"$TMP/section"
	grep -aE "^peer [0-9]+ ($4 [0-9]+|[0-9]+ $4) " "$TMP/section" >"$TMP/peers"
	grep -aE '^(ready|lib|conn|loss) ' "$TMP/section" >"$TMP/watched"
	: >"$TMP/why"
	if [ "$(grep -c . "$TMP/peers")" = $((2 * $5)) ] && captured "$TMP/peers" "$TMP/watched" >"$TMP/why" &&
		grep -q '^loss unmapped 0 ring 0 fault 0$' "$TMP/watched"; then
		ok "$text: both ends of $5 connections, byte for byte ($(sed -n 's/^ready //p' "$TMP/watched"))" && cell=yes
	else
		not_ok "$text: the plaintext of $5 connections, byte for byte, once" && cell=failed
		{ echo "$text:" && cat "$TMP/why" "$TMP/section" | head -n 40; } >>"$TMP/failures"
	fi
}
was() { grep -F "| $series | $arch |" README.md | cut -d '|' -f "$1" | tr -d ' '; }
while read -r series arch expected from; do
	name=$series-$arch
	if ! wanted "$series" "$arch" || [ -e "$OUT/$name.gone" ]; then # as it was
		! wanted "$series" "$arch" || skip "$name" "$(tail -n 1 "$OUT/$name.fetch")"
		grep -F "| $series | $arch |" README.md >>$OUT/table.md
		continue
	elif [ -e "$OUT/$name.fetch" ]; then
		not_ok "$name: its package cannot be had: $(tail -n 1 "$OUT/$name.fetch")"
		continue
	fi
	version=$(sed -n 's/^KERNEL //p' "$OUT/$name.console" | head -n 1)
	row="| $series | $arch | $from |" note_counts=
	for back in $BACKENDS; do
		judge_backend "$name" "$expected" "$back"
		row="$row $cell |"
	done
	judge_tls "$name" "$expected" openssl 443 4
	row="$row $cell |"
	if [ -x "$TMP/$arch/bin/gopeer" ]; then
		judge_tls "$name" "$expected" go 444 4
	else
		skip "$name go" "no Go toolchain"
		cell=$(was $((6 + $(wc -w <<<"$BACKENDS"))))
	fi
	echo "$row $cell |" >>$OUT/table.md
	if grep -aq '^KERNEL-COMPLAINS' "$OUT/$name.console"; then
		not_ok "$name: the kernel warns in its log"
		grep -aE 'WARNING:|BUG:|Oops' "$OUT/$name.console" | sed 's/^/# /'
	fi
	note "$version:$note_counts in $(cat "$TMP/$name.time")"
done < <(grep . <<<"$GUESTS" | sort -V)
dumps=$(guests | while read -r series arch _; do cat "$OUT/$series-$arch.console"; done | grep -a '^DUMP' | sort | uniq -c)
[ -z "$dumps" ] || check "the same traffic gives the same report on all of them: $(grep -c . <<<"$dumps")" test "$(grep -c . <<<"$dumps")" = 1
[ "$BACKENDS" != "fentry kprobe tracepoint" ] || check "the README has this table" tests/kernels/readme check
# Last, since of a long log only the end may be kept: what the checks that failed say themselves.
[ ! -s "$TMP/failures" ] || sed 's/^/# /' "$TMP/failures"
