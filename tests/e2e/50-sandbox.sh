#!/usr/bin/env bash
# decode reads hostile bytes: it is nobody, it can do nothing, and a dead one is replaced.
. "$(dirname "$0")/lib.sh"
need_root

# status PID FIELD: of /proc/PID/status
status() { awk -v f="$2:" '$1 == f { print $2 }' "/proc/$1/status"; }
decode_of() { pgrep -x -P "$1" limpid-decode; }

for word in exec ptrace bpf socket connect fork setuid kill code; do
	out=$("$LIMPID" selftest-sandbox $word 2>&1)
	rc=$?
	if [ $rc = 159 ] && [ -z "$out" ]; then
		ok "$word is answered by death (SIGSYS)"
	else
		not_ok "$word: exit $rc, said '$out'"
	fi
done 2>/dev/null
equal "opening a file is refused" "open: refused" "$("$LIMPID" selftest-sandbox open)"
equal "what it needs is allowed" "nothing: allowed" "$("$LIMPID" selftest-sandbox nothing)"

start_limpid tail tail --all --json
main=$LIMPID_PID
check "the decoder runs" until_true 20 decode_of $main
decode=$(decode_of $main)
until_true 5 test "$(status "$decode" Seccomp)" = 2
equal "it is not root" no "$([ "$(status "$decode" Uid)" = 0 ] && echo yes || echo no)"
equal "its group is not root's" no "$([ "$(status "$decode" Gid)" = 0 ] && echo yes || echo no)"
equal "it has no other groups" "" "$(awk '$1 == "Groups:" { $1 = ""; print }' "/proc/$decode/status" | tr -d ' ')"
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	equal "$set is empty" 0000000000000000 "$(status "$decode" $set)"
done
equal "no_new_privs is set" 1 "$(status "$decode" NoNewPrivs)"
equal "a seccomp filter is on" 2 "$(status "$decode" Seccomp)"
equal "it holds only what it needs: output, ipc, the ring's and its own epoll" \
	"/dev/null $TMP/tail.err $TMP/tail.out $TMP/tail.out anon_inode:[eventpoll] anon_inode:[eventpoll] socket" \
	"$(for f in "/proc/$decode/fd/"*; do readlink "$f" | sed 's/socket:.*/socket/'; done | LC_ALL=C sort | paste -sd' ')"
equal "nobody may attach to it or read its memory" 0 "$(stat -c %u "/proc/$decode/mem")"

# bits NAME...: the sum of these capabilities
bits() {
	local n sum=0
	declare -A bit=([DAC_READ_SEARCH]=2 [KILL]=5 [SETGID]=6 [SETUID]=7 [SETPCAP]=8 [SYS_PTRACE]=19 [SYS_ADMIN]=21 [PERFMON]=38 [BPF]=39
		[CHECKPOINT_RESTORE]=40)
	for n in "$@"; do sum=$((sum | 1 << bit[$n])); done
	echo $sum
}
wanted=$(bits DAC_READ_SEARCH KILL SETGID SETUID SETPCAP SYS_PTRACE PERFMON BPF CHECKPOINT_RESTORE)
equal "tap keeps no capability but those of docs/processes.md" 0 $((0x$(status $main CapEff) & ~wanted))
equal "nor can what it starts" 0 $((0x$(status $main CapBnd) & ~wanted))
equal "and not by a program's file either" 1 "$(status $main NoNewPrivs)"
LIMPID_UPROBE_MULTI=0 start_limpid old tail
check "where uprobe_multi is missing it runs too" until_true 20 decode_of "$LIMPID_PID"
equal "and keeps SYS_ADMIN for that" "$(bits SYS_ADMIN)" $((0x$(status "$LIMPID_PID" CapEff) & ~wanted))
end_process "$LIMPID_PID"

# --- a decoder that dies ---------------------------------------------------------------------------------
port=$(free_port)
python3 -m http.server "$port" --bind 127.0.0.1 --directory tests/e2e/world >/dev/null 2>&1 &
on_exit end_process $!
until_true 10 curl -sf "http://127.0.0.1:$port/"
seen() { grep -c "\"target\":\"/$1\"" "$TMP/tail.out"; }
curl -s "http://127.0.0.1:$port/before" >/dev/null
check "an exchange is seen" until_true 5 seen before
kill -SEGV "$decode"
replaced() { local now; now=$(decode_of $main) && [ "$now" != "$decode" ]; }
check "a dead decoder is replaced" until_true 10 replaced
until_true 5 eval '[ "$(status "$(decode_of $main)" Seccomp)" = 2 ]'
fetch_and_see() { curl -s "http://127.0.0.1:$port/after" >/dev/null; sleep 1; [ "$(seen after)" -gt 0 ]; }
check "and the next one goes on" until_true 10 fetch_and_see
equal "it is said once" 1 "$(grep -c 'the decoder was killed by signal 11' "$TMP/tail.err")"
equal "the new one is confined like the first" "2 0000000000000000" \
	"$(status "$(decode_of $main)" Seccomp) $(status "$(decode_of $main)" CapEff)"

decode=$(decode_of $main)
kill -INT $main
check "Ctrl-C ends it within five seconds" until_true 5 not_running $main
check "and nothing of it stays" until_true 2 not_running "$decode"
check "and it says how much there was" \
	grep -Eq ' [1-9][0-9]* exchanges, [1-9][0-9]* shown; [1-9][0-9]* bytes captured, ' "$TMP/tail.err"

start_limpid orphan tail --all
main=$LIMPID_PID
until_true 20 decode_of $main
decode=$(decode_of $main)
kill -9 $main
check "a decoder whose parent was killed ends too" until_true 5 not_running "$decode"
