#!/usr/bin/env bash
# matrix - the capture checks on every kernel and back end, in virtual machines, two at a time.
#
# Prints one test line per kernel, architecture and back end, and writes build/kernels/table.md.
# Consoles stay in build/kernels/.  A back end that is missing where it is expected is a failure.
#     KERNELS='5.10-amd64 6.12-arm64' BACKENDS=kprobe tests/kernels/matrix.sh      only these
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/../e2e/lib.sh"
. tests/kernels/guest.sh
OUT=/tmp/kq
BACKENDS=${BACKENDS:-fentry kprobe tracepoint}
# Where a back end cannot be, and why: what a guest says must agree.  Longest first, for two at a time.
GUESTS='
5.10 amd64 fentry,kprobe,tracepoint Debian 11
7    amd64 fentry,kprobe,tracepoint Debian 13, backports
6.18 amd64 fentry,kprobe,tracepoint Debian 13, backports
6.12 amd64 fentry,kprobe,tracepoint Debian 13
6.1  amd64 fentry,kprobe,tracepoint Debian 12
6.12 arm64 fentry,kprobe,tracepoint Debian 13
6.1  arm64 kprobe,tracepoint        Debian 12
'
TIME_LIMIT=${TIME_LIMIT:-400} # seconds for a guest

for tool in qemu-system-x86_64 qemu-system-aarch64 aarch64-linux-gnu-gcc cpio busybox apt-get dpkg-deb; do
	command -v $tool >/dev/null || { skip "the kernels" "$tool is not installed: tools/bootstrap test"; exit 0; }
done
[ "$(uname -m)" = x86_64 ] || { skip "the kernels" "this test cross-builds from x86-64"; exit 0; }
mkdir -p $OUT
rm -f $OUT/*.console $OUT/*.initrd $OUT/table.md
guests() { # those wanted, in order
	while read -r series arch backends from; do
		[ -n "$series" ] || continue
		[ -z "${KERNELS:-}" ] || case " $KERNELS " in *" $series-$arch "*) ;; *) continue ;; esac
		echo "$series $arch $backends $from"
	done <<<"$GUESTS"
}

# --- what goes into the guests ----------------------------------------------------------------------------------------
if ! make -s build/tests/capture_check >"$TMP/make.log" 2>&1 || ! tests/kernels/build-arm64 >>"$TMP/make.log" 2>&1; then
	not_ok "the checker is built for amd64 and arm64"
	tail -n 20 "$TMP/make.log" | sed 's/^/# /'
	exit 1
fi
guest_root "$TMP/amd64" amd64
guest_program "$TMP/amd64" build/tests/capture_check
guest_root "$TMP/arm64" arm64
guest_program "$TMP/arm64" build/arm64/tests/capture_check
for arch in amd64 arm64; do
	guest_init "$TMP/$arch" <<-GUEST
		for back in $BACKENDS; do
			echo "BACKEND \$back"
			if ! /bin/capture_check --backend \$back --open >/tmp/open 2>&1; then
				echo "MISSING \$(\$b sed -n 's/^not ok [0-9]* - //p' /tmp/open | \$b tail -n 1)"
				continue
			fi
			/bin/capture_check --quick --only unix --only property --only late --backend \$back
			echo "BACKEND-EXIT \$?"
		done
		\$b dmesg | \$b grep -E 'WARNING:|BUG:|Oops' && echo "KERNEL-COMPLAINS"
		true
	GUEST
done

# --- boots ----------------------------------------------------------------------------------------------------------------
# run_guest SERIES ARCH
run_guest() {
	local name=$1-$2 dir start=$SECONDS
	if dir=$(tests/kernels/fetch kernel "$1" "$2" 2>"$OUT/$name.fetch"); then
		rm -f "$OUT/$name.fetch"
		guest_boot "$dir" "$2" "$TMP/$2" "$OUT/$name.console" $TIME_LIMIT 1024
	fi
	echo $((SECONDS - start)) >"$TMP/$name.seconds"
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
	echo "| Linux | architecture | from | ${BACKENDS// / | } |"
	echo "|---|---|---|${BACKENDS//[a-z]/}---|" | sed 's/ /---|/g'
} >$OUT/table.md
# judge_backend NAME EXPECTED BACKEND: sets cell
judge_backend() {
	local text="$1 $3" passed failed
	section "$OUT/$1.console" "$3" >"$TMP/section"
	passed=$(grep -acE '^ok ' "$TMP/section")
	failed=$(grep -acE '^not ok ' "$TMP/section")
	cell=failed
	if grep -aq '^MISSING' "$TMP/section"; then
		case ,$2, in
		*,$3,*) not_ok "$text: $(sed -n 's/^MISSING //p' "$TMP/section")" ;;
		*) ok "$text is refused, as expected: $(sed -n 's/^MISSING //p' "$TMP/section")" && cell=- ;;
		esac
	elif ! grep -aq '^BACKEND-EXIT' "$TMP/section"; then
		not_ok "$text: the guest did not come to the end of the checks"
		tail -n 15 "$OUT/$1.console" | sed 's/^/# /'
	elif [ "$failed" != 0 ] || [ "$passed" = 0 ] || ! grep -aq '^BACKEND-EXIT 0$' "$TMP/section"; then
		not_ok "$text: $failed of $((passed + failed)) checks failed"
		grep -aE -A 4 '^not ok ' "$TMP/section" | sed 's/^/# /'
	else
		case ,$2, in
		*,$3,*) ok "$text: $passed checks" && cell=yes ;;
		*) not_ok "$text works, which the table in tests/kernels/matrix.sh does not know" ;;
		esac
	fi
	note_counts="$note_counts $3 $passed/$((passed + failed))"
}
while read -r series arch expected from; do
	name=$series-$arch
	if [ -e "$OUT/$name.fetch" ]; then
		not_ok "$name: its package cannot be had: $(tail -n 1 "$OUT/$name.fetch")"
		continue
	fi
	version=$(sed -n 's/^KERNEL //p' "$OUT/$name.console" | head -n 1)
	row="| $series | $arch | $from |" note_counts=
	for back in $BACKENDS; do
		judge_backend "$name" "$expected" "$back"
		row="$row $cell |"
	done
	echo "$row" >>$OUT/table.md
	if grep -aq '^KERNEL-COMPLAINS' "$OUT/$name.console"; then
		not_ok "$name: the kernel warns in its log"
		grep -aE 'WARNING:|BUG:|Oops' "$OUT/$name.console" | sed 's/^/# /'
	fi
	note "$version:$note_counts in $(cat "$TMP/$name.seconds") s"
done < <(guests)
