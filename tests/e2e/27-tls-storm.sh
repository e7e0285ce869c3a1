#!/usr/bin/env bash
# Thousands of short TLS processes while Limpid comes and goes, by SIGTERM and by SIGKILL: none of them crashes or fails, and no probe stays.
#
# PROCESSES=N: another number.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
need_root
PROCESSES=${PROCESSES:-10000}
chmod a+rx "$TMP"
LIBS=/usr/lib/$(uname -m)-linux-gnu

gcc -O2 -w tests/e2e/tls/short.c -o "$TMP/short" -lssl -lcrypto >"$TMP/cc.log" 2>&1 || {
	not_ok "the program builds"
	sed 's/^/# /' "$TMP/cc.log"
	exit 1
}
mkdir "$TMP/lib"
cp "$LIBS"/lib{ssl,crypto}.so.3 "$TMP/lib/" # an inode that is this test's alone
export LD_LIBRARY_PATH=$TMP/lib
check "one process does what it should" "$TMP/short" one

mkfifo "$TMP/hold.in"
"$TMP/short" hold <"$TMP/hold.in" >"$TMP/hold.out" 2>&1 &
held=$!
exec {hold}>"$TMP/hold.in"
on_exit end_process "$held"
until_true 20 grep -q 'holds 0' "$TMP/hold.out" || { not_ok "a process that stays"; exit 1; }
code() { # all executable memory of the library in the process that stays
	/usr/bin/python3 - "$held" "$TMP/lib/libssl.so.3" <<'PY'
import hashlib, sys
h = hashlib.sha256()
with open(f"/proc/{sys.argv[1]}/maps") as m, open(f"/proc/{sys.argv[1]}/mem", "rb") as mem:
    for l in m:
        if "r-xp" in l and sys.argv[2] in l:
            a, b = (int(x, 16) for x in l.split()[0].split("-"))
            mem.seek(a)
            h.update(mem.read(b - a))
print(h.hexdigest())
PY
}
before=$(code)
has_probes() { [ "$(code)" != "$before" ]; }
no_probes() { ! has_probes; }

"$TMP/short" storm "$PROCESSES" 4 >"$TMP/storm.out" 2>&1 &
storm=$!
on_exit end_process "$storm"
family() { local p; echo "$1"; for p in $(ps -o pid= --ppid "$1"); do family "$p"; done; }
shown() { grep -q '"target":"/short"' "$TMP/l.out"; }
rounds=0 probed=0 seen=0 killed=0
while kill -0 $storm 2>/dev/null; do
	rounds=$((rounds + 1))
	env -u LD_LIBRARY_PATH "$LIMPID" tail --json --no-cache --comm short >"$TMP/l.out" 2>"$TMP/l.err" </dev/null &
	l=$!
	case $((rounds % 3)) in
	0) sleep 0.$((RANDOM % 8 + 1)) ;; # somewhere in its beginning
	1) until_true 30 grep -q 'capturing .*; end with' "$TMP/l.err" && until_true 10 shown && seen=$((seen + 1)) ;;
	2) until_true 30 grep -q 'capturing .*; end with' "$TMP/l.err" ;;
	esac
	has_probes && probed=$((probed + 1))
	if [ $((rounds % 2)) = 0 ]; then # all of it at once, in the middle of its work
		killed=$((killed + 1))
		# shellcheck disable=SC2046 # words
		kill -9 $(family $l) 2>/dev/null
	else
		end_process $l
	fi
	wait $l 2>/dev/null
done
wait $storm
note "$(tail -n 1 "$TMP/storm.out"); Limpid came $rounds times, $killed of them ended by SIGKILL; $probed times its probes were in the library, $seen times it showed their requests"
equal "every one of the processes came through and ended with 0" "done $PROCESSES failed 0 signals 0" "$(tail -n 1 "$TMP/storm.out")"
grep '^process' "$TMP/storm.out" | sed 's/^/# /'
check "Limpid came and went meanwhile" test "$rounds" -ge 3
check "its probes were there, and read" test "$probed" -ge 2 -a "$seen" -ge 1
check "no probe is left in the library" until_true 60 no_probes
check "who stayed has come to no harm" kill -0 "$held"
exec {hold}>&-
wait "$held"
equal "and ends with 0" 0 $?
echo "1..$n_tests"
