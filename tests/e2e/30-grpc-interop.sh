#!/usr/bin/env bash
# Our gRPC against grpcio, which shares no code with it: their client and our hub, our agent and their server.
. "$(dirname "$0")/lib.sh"

PEER=build/san/e2e/grpc_peer
PY=/usr/bin/python3 # Debian's, which has grpcio
export PYTHONPATH=$TMP PYTHONDONTWRITEBYTECODE=1
foreign() { $PY tests/e2e/grpc_foreign.py "$@"; }
# serve FILE COMMAND...: in the background until the end of the test; its port goes to $port.
serve() {
	local out=$1
	shift
	mkfifo "$out.in"
	"$@" <"$out.in" >"$out" 2>"$out.err" &
	on_exit end_process $!
	# shellcheck disable=SC2034 # it only has to stay open until we end
	exec {keep}>"$out.in"
	until_true 20 grep -q '^port ' "$out" || return 1
	port=$(awk '/^port/ { print $2 }' "$out")
}
has() { grep -qxF "$2" "$1"; }
count() { grep -cxF "$2" "$1"; }

check "the helper program builds" make -s --no-print-directory $PEER
check "the contract is compiled for Python" protoc --proto_path=api --python_out="$TMP" limpid.proto
check "Python has grpcio" $PY -c 'import grpc, google.protobuf'

# --- their client, our hub -----------------------------------------------------------------------------------------
serve "$TMP/hub" $PEER hub || { not_ok "the hub starts"; exit 1; }
timeout 300 $PY tests/e2e/grpc_foreign.py client "$port" >"$TMP/client" 2>"$TMP/client.err" ||
	{ note "the client failed:"; tail -n 5 "$TMP/client.err" | sed 's/^/# /'; }
sed 's/^/# /' "$TMP/client"
equal "an exchange is welcomed, twice" 2 "$(count "$TMP/client" "welcome 0")"
check "settings arrive" has "$TMP/client" "settings 4711"
check "500 flows are acknowledged" has "$TMP/client" "ack 1"
check "a flow of 5 MiB is acknowledged" has "$TMP/client" "ack 2"
check "the hub saw the 5 MiB" has "$TMP/hub" "flow http1 /py 5242880"
equal "the hub saw every small flow" 1000 "$(count "$TMP/hub" "flow http1 /py 10")"
check "the hub saw the containers" has "$TMP/hub" "containers 1 web"
check "a half-closed exchange ends with 0" has "$TMP/client" "left 0 code 0"
check "an unknown method gives 12" has "$TMP/client" "unknown 12"
check "so do 50 of them at once" has "$TMP/client" "unknown50 50"
check "a deadline gives 4" has "$TMP/client" "deadline 4"
check "the hub notices the deadline" until_true 5 has "$TMP/hub" "gone deadline"
check "a cancelled call gives 1" has "$TMP/client" "cancel 1"
check "the hub notices the cancelling" until_true 5 has "$TMP/hub" "gone cancel"
check "a batch before hello gives 13 and says why" has "$TMP/client" \
	"turn 13 detail the first message of an agent has to be its hello"
check "gzip gives 12" has "$TMP/client" "gzip 12"

# --- our client, their server --------------------------------------------------------------------------------------
serve "$TMP/server" $PY tests/e2e/grpc_foreign.py server || { not_ok "the server starts"; exit 1; }
peer() { timeout 160 $PEER "$@" >"$TMP/peer" 2>"$TMP/peer.err" || cat "$TMP/peer.err"; sed 's/^/# /' "$TMP/peer"; }
peer agent "$port" 100
check "our agent's batches are stored" grep -q '^stored' "$TMP/peer"
equal "all of them" "stored 1 of 1, settings 1" "$(grep '^stored' "$TMP/peer" | sed 's/stored \([0-9]*\) of \1,/stored 1 of 1,/')"
check "our agent gets settings" has "$TMP/peer" "settings 815"
check "their hub saw our hello" has "$TMP/server" "hello h"
check "their hub saw our containers" has "$TMP/server" "containers web"
equal "their hub saw all flows" 100 "$(awk '/^batch/ { n += $4 } END { print n }' "$TMP/server")"
check "their hub saw the 5 MiB and the text" grep -q 'target /café body 5242880' "$TMP/server"
peer call "$port" /t.T/Echo 5242880 0
check "5 MiB come back" has "$TMP/peer" "status 0 bytes 5242880 text "
peer call "$port" /t.T/Echo 0 10000
check "so does an empty message" has "$TMP/peer" "status 0 bytes 0 text "
peer call "$port" /t.T/Nope 10 0
check "an unknown method is 12 here too" grep -q '^status 12 ' "$TMP/peer"
peer call "$port" /t.T/Fail 10 0
check "status and text arrive" has "$TMP/peer" "status 7 bytes 0 text no ✓ entry 100%"
peer call "$port" /t.T/Slow 10 300
check "our deadline is kept" grep -q '^status 4 ' "$TMP/peer"
check "the server notices" until_true 5 has "$TMP/server" "slow ended early"
peer call "$port" /t.T/Drip 10 0 cancel
check "a call is cancelled in the middle" has "$TMP/peer" "status 1 bytes 4 text enough"
check "the server notices that too" until_true 5 has "$TMP/server" "drip ended"
check "nothing was found by the sanitizers" sh -c "! grep -l 'ERROR: \|runtime error' $TMP/*.err"
