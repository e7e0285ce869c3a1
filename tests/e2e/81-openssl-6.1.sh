#!/usr/bin/env bash
# 81-openssl-6.1 - TLS probes on the kernel of a fresh Debian 12, which has no uprobe_multi, in a virtual machine.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vm.sh"
. "$(dirname "$0")/tls/lib.sh"
build_programs || {
	not_ok "the test programs are built"
	exit 1
}
vm_need "TLS probes on kernel 6.1"
vm_program "$TMP/watch"
vm_program "$TMP/peer"
vm_library /usr/lib/x86_64-linux-gnu/libssl.so.3
cp "$TMP"/{cert,key}.pem "$vm_root/"
vm_run <<'GUEST'
wait_for() { # PATTERN FILE
	for i in $($b seq 400); do $b grep -q "$1" "$2" 2>/dev/null && return; $b sleep 0.1; done
}
/bin/watch -p 443 >/tmp/watch 2>&1 &
watch=$!
wait_for ready /tmp/watch
$b sleep 60 | /bin/peer server 443 /cert.pem /key.pem >/tmp/server 2>&1 &
wait_for listening /tmp/server
wait_for libssl /tmp/watch
/bin/peer client -n 20 443
/bin/peer client -x -s 300000 -r 300000 443
/bin/peer client -N -n 2 -s 300000 -r 300000 443
/bin/peer client -R -P -n 10 443
$b sleep 1
$b kill $watch
wait $watch
$b cat /tmp/watch
$b grep ^peer /tmp/server
GUEST
if [ $? != 0 ]; then
	not_ok "the virtual machine did not come to its end"
	vm_show
	exit 1
fi
grep -a ^peer "$TMP/console" >"$TMP/peers"
grep -aE '^(ready|lib|conn|loss) ' "$TMP/console" >"$TMP/watched"
equal "$(vm_version) has no uprobe_multi" "ready perf uprobes" "$(grep ^ready "$TMP/watched")"
check "libssl is attached there" grep -q "^lib .* attached .*libssl.so.3 .*ssl_read_internal.*(push)" "$TMP/watched"
equal "both ends of four connections came through" 8 "$(grep -c . "$TMP/peers")"
check "their plaintext is captured byte for byte, once" captured "$TMP/peers" "$TMP/watched"
equal "nothing was lost" "loss unmapped 0 ring 0 fault 0" "$(grep ^loss "$TMP/watched")"
