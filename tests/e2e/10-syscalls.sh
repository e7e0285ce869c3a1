#!/usr/bin/env bash
# 10-syscalls - what the kernel side reports of TCP sockets, compared byte for byte with what was moved, by
# each system call; filters, losses, life of connections and processes (tests/bpf/).
. "$(dirname "$0")/lib.sh"
need_root
make -s build/tests/capture_check >"$TMP/make.log" 2>&1 || {
	not_ok "the checker builds"
	sed 's/^/# /' "$TMP/make.log"
	exit 1
}
cp build/tests/capture_check "$TMP" && chmod 755 "$TMP" "$TMP/capture_check"

# Its own lines come first; the numbers go on after them.
timeout 600 "$TMP/capture_check" >"$TMP/tap"
rc=$?
grep -v '^1\.\.' "$TMP/tap"
# shellcheck disable=SC2034 # lib.sh goes on counting from here
n_tests=$(grep -cE '^(not )?ok ' "$TMP/tap")
equal "the checker comes to its end" 0 "$((rc > 1 ? rc : 0))"

unprivileged() { setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set "$1" --inh-caps -all "$TMP/capture_check" --open; }
said=$(unprivileged -all)
case $said in
*'needs the capabilities CAP_BPF and CAP_PERFMON: run it as root'*) ok "without root, it says what is missing" ;;
*) not_ok "without root, it says: $said" ;;
esac
if setpriv --ambient-caps +bpf --inh-caps +bpf --bounding-set +bpf true 2>/dev/null; then
	said=$(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all,+bpf --ambient-caps +bpf "$TMP/capture_check" --open)
	case $said in
	*'needs the capability CAP_PERFMON'*) ok "with one of two capabilities, it says which is missing" ;;
	*) not_ok "with CAP_BPF only, it says: $said" ;;
	esac
	check "CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE are enough for an ordinary user" \
		setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all,+bpf,+perfmon,+sys_ptrace \
		--ambient-caps +bpf,+perfmon,+sys_ptrace "$TMP/capture_check" --open
fi
