#!/usr/bin/env bash
# 82-kernel-tls-6.1 - OpenSSL that leaves encryption to the kernel (SSL_OP_ENABLE_KTLS), on the kernel of a fresh Debian 12 in a
# virtual machine: with probes in libssl its bytes are captured once, and without them all the same.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vm.sh"
. "$(dirname "$0")/tls/lib.sh"
build_programs || {
	not_ok "the test programs are built"
	exit 1
}
vm_need "kernel TLS on kernel 6.1"
vm_program "$TMP/watch"
vm_program "$TMP/peer"
vm_library /usr/lib/x86_64-linux-gnu/libssl.so.3
cp "$TMP"/{cert,key}.pem "$vm_root/"
mkdir -p "$vm_root/modules"
for module in gf128mul ghash-generic ctr gcm tls; do
	find "$CACHE/kernel-6.1" -name "$module.ko" -exec cp {} "$vm_root/modules/" \;
done
vm_run <<'GUEST'
wait_for() { # PATTERN FILE
	for i in $($b seq 600); do $b grep -q "$1" "$2" 2>/dev/null && return; $b sleep 0.1; done
}
for module in gf128mul ghash-generic ctr gcm tls; do $b insmod /modules/$module.ko; done
begin() { # NAME PORT [WATCH-OPTION]
	/bin/watch $3 -p $2 >/tmp/$1 2>&1 &
	watch=$!
	wait_for ready /tmp/$1
}
end() { # NAME
	$b sleep 1
	$b kill $watch
	wait $watch
	$b sed "s/^/$1 /" /tmp/$1
}
begin probed 443
$b sleep 120 | /bin/peer server -K 443 /cert.pem /key.pem >/tmp/server 2>&1 &
wait_for listening /tmp/server
wait_for libssl /tmp/probed
/bin/peer client -K -n 20 443
/bin/peer client -K -x -s 300000 -r 300000 443
/bin/peer client -K -2 -n 2 -s 300000 -r 300000 443
/bin/peer client -K -2 -N -n 2 -s 300000 -r 300000 443
/bin/peer client -K -P -n 10 443
end probed
begin bare 444 -k
$b sleep 120 | /bin/peer server -K -2 444 /cert.pem /key.pem >/tmp/server2 2>&1 &
wait_for listening /tmp/server2
/bin/peer client -K -2 -n 20 444
/bin/peer client -K -2 -x -n 2 -s 300000 -r 300000 444
/bin/peer client -K -2 -N -n 2 -s 300000 -r 300000 444
end bare
$b sleep 120 | /bin/peer server -K -2 -F 445 /cert.pem /key.pem >/tmp/server3 2>&1 &
wait_for listening /tmp/server3
begin files 445
wait_for libssl /tmp/files
/bin/peer client -K -2 -n 3 -s 100 -r 100000 445
end files
$b cat /tmp/server /tmp/server2 /tmp/server3
GUEST
if [ $? != 0 ]; then
	not_ok "the virtual machine did not come to its end"
	vm_show
	exit 1
fi
# part NAME PORT: what was moved on that port, and what was captured of it
part() {
	grep -aE "^peer [0-9]+ ($2 [0-9]+|[0-9]+ $2) " "$TMP/console" >"$TMP/peers"
	sed -n "s/^$1 //p" "$TMP/console" >"$TMP/watched"
}
part probed 443
check "libssl is attached" grep -q "^lib .* attached .*libssl.so.3" "$TMP/watched"
equal "both ends of five connections left encryption to the kernel ($(vm_version))" 10 "$(grep -c . "$TMP/peers")"
check "with probes their plaintext is captured byte for byte, once" captured "$TMP/peers" "$TMP/watched"
equal "nothing was lost" "loss unmapped 0 ring 0 fault 0" "$(grep ^loss "$TMP/watched")"
part bare 444
equal "both ends of three connections left decryption to it as well" 6 "$(grep -c . "$TMP/peers")"
equal "watching began" "ready" "$(grep -o ^ready "$TMP/watched" || cat "$TMP/watched")"
check "without probes their plaintext is captured byte for byte" captured "$TMP/peers" "$TMP/watched"
equal "no library was attached" 0 "$(grep -c ^lib "$TMP/watched")"
part files 445
equal "answers came by SSL_sendfile" 2 "$(grep -c . "$TMP/peers")"
check "what SSL_sendfile sends is captured, too" captured "$TMP/peers" "$TMP/watched"
