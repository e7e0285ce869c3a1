#!/usr/bin/env bash
# 82-go-6.1 - the probes on Go programs on the kernel of a fresh Debian 12, in a virtual machine.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vm.sh"
. "$(dirname "$0")/tls/lib.sh"
command -v go >/dev/null || {
	skip "$(basename "$0")" "no Go toolchain"
	exit 0
}
if ! build_programs || ! go_peer plain "$(GOTOOLCHAIN=local go env GOVERSION | sed s/go//)" 0; then
	not_ok "the test programs are built"
	exit 1
fi
vm_need "Go programs on kernel 6.1"
cp "$peer" "$TMP/gopeer"
vm_program "$TMP/watch"
vm_program "$TMP/gopeer"
cp "$TMP"/{cert,key}.pem "$vm_root/"
vm_run <<'GUEST'
wait_for() { # PATTERN FILE
	for i in $($b seq 600); do $b grep -q "$1" "$2" 2>/dev/null && return; $b sleep 0.1; done
}
/bin/gopeer server 443 /cert.pem /key.pem >/tmp/server 2>&1 &
wait_for listening /tmp/server
/bin/watch -p 443 >/tmp/watch 2>&1 &
watch=$!
wait_for ready /tmp/watch
/bin/gopeer client -n 20 443
/bin/gopeer client -n 5 -c 10 -s 3000 -r 20000 443
/bin/gopeer client -s 300000 -r 300000 443
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
grep -a '^watch: ' "$TMP/console" | sed 's/^/# /'
equal "$(vm_version) has no uprobe_multi" "ready perf uprobes" "$(grep ^ready "$TMP/watched")"
check "the Go program is attached there" grep -q "^lib .* go .* attached .*/gopeer " "$TMP/watched"
equal "both ends of twelve connections came through" 24 "$(grep -c . "$TMP/peers")"
check "their plaintext is captured byte for byte, once" captured "$TMP/peers" "$TMP/watched"
equal "nothing was lost" "loss unmapped 0 ring 0 fault 0" "$(grep ^loss "$TMP/watched")"
echo "1..$n_tests"
