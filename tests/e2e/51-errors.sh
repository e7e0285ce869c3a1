#!/usr/bin/env bash
# What can go wrong on a user's machine: each is one clear line that says what to do.
. "$(dirname "$0")/lib.sh"
need_root

chmod 755 "$TMP"
HTTP=$(free_port) GRPC=$(free_port)
HUB=(--http "127.0.0.1:$HTTP" --grpc "127.0.0.1:$GRPC")

# refused TEXT STATUS PATTERN COMMAND...: ends with STATUS and says one line that matches.
refused() {
	local text=$1 status=$2 pattern=$3 rc
	shift 3
	timeout 20 "$@" >"$TMP/refused.out" 2>&1 </dev/null
	rc=$?
	if [ $rc = "$status" ] && grep -qE "$pattern" "$TMP/refused.out" &&
		[ "$(grep -cE '(error|warning): ' "$TMP/refused.out")" -le 1 ]; then
		ok "$text"
	else
		not_ok "$text: exit $rc"
		sed 's/^/# /' "$TMP/refused.out"
	fi
}

# --- privileges and kernel ----------------------------------------------------------------------------------
cp "$LIMPID" "$TMP/limpid"
chmod 755 "$TMP/limpid"
refused "without root it says how to run it" 1 'error: capturing needs .*CAP_BPF.*: run it as root, for example with sudo$' \
	setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/limpid" tail
refused "a missing capability is named" 1 'error: capturing needs CAP_BPF, CAP_PERFMON: ' \
	setpriv --bounding-set -sys_admin,-bpf,-perfmon --inh-caps=-all "$LIMPID" "${HUB[@]}"
refused "so is one that giving up root needs" 1 'error: capturing needs CAP_SETUID, CAP_SETGID: ' \
	setpriv --bounding-set -setuid,-setgid --inh-caps=-all "$LIMPID" tail
no_btf=(unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh)
refused "a kernel without BTF is named, with what to use" 1 'error: .*/sys/kernel/btf/vmlinux is missing; use a kernel' \
	"${no_btf[@]}" "$LIMPID" tail
refused "doctor says the same" 1 '^PROBLEM +btf ' "${no_btf[@]}" "$LIMPID" doctor

# --- Docker is not there --------------------------------------------------------------------------------------
start_limpid tail tail --all --docker /nonexistent/docker.sock
python3 -m http.server "$HTTP" --bind 127.0.0.1 --directory tests/e2e/world >/dev/null 2>&1 &
web=$!
on_exit end_process $web
until_true 20 grep -q 'capturing' "$TMP/tail.err"
until_true 10 curl -sf "http://127.0.0.1:$HTTP/"
curl -s "http://127.0.0.1:$HTTP/here" >/dev/null
check "without Docker, processes of the host are captured" until_true 5 grep -q 'GET /here' "$TMP/tail.out"
equal "and it says so, once" 1 "$(grep -c 'warning: Docker does not answer at /nonexistent/docker.sock; .*captured all the same' "$TMP/tail.err")"
end_process "$LIMPID_PID"
"$LIMPID" doctor --json --docker /nonexistent/docker.sock >"$TMP/doctor.json"
equal "doctor succeeds without Docker" 0 $?
equal "and notes it" 1 "$(jq '.facts[] | select(.key == "docker") | .level' "$TMP/doctor.json")"
check "doctor lists kernel, capture and privileges as good" \
	jq -e '[.facts[] | select(.key | IN("kernel", "btf", "capture", "privileges")) | .level] == [0, 0, 0, 0]' "$TMP/doctor.json"

# --- ports --------------------------------------------------------------------------------------------------------
refused "a page's port in use is named" 1 "error: .*127.0.0.1:$HTTP.*(use|taken|another --http)" \
	"$LIMPID" --http "127.0.0.1:$HTTP" --grpc "127.0.0.1:$GRPC" --db "$TMP/a/l.db"
refused "an agents' port in use is named" 1 "error: .*127.0.0.1:$HTTP.*(use|taken|another --grpc)" \
	"$LIMPID" --http "127.0.0.1:$GRPC" --grpc "127.0.0.1:$HTTP" --db "$TMP/a/l.db"
refused "also by limpid hub" 1 "error: .*127.0.0.1:$HTTP" \
	"$LIMPID" hub --http "127.0.0.1:$HTTP" --grpc "127.0.0.1:$GRPC" --db "$TMP/a/l.db"
end_process $web
refused "a page open to the network needs a word" 1 'error: .*--allow-remote' \
	"$LIMPID" --http "0.0.0.0:$HTTP" --grpc "127.0.0.1:$GRPC" --db "$TMP/a/l.db"
refused "an address that is none is a mistake of usage" 2 "error: --http: '1:2:3' is not ADDRESS:PORT" "$LIMPID" --http 1:2:3

# --- the database ---------------------------------------------------------------------------------------------------
mkdir "$TMP/closed" "$TMP/corrupt"
refused "a directory that may not be written is named, and for whom" 1 \
	"error: .*$TMP/closed/l.db.*--db \(the hub runs as the user (nobody|limpid)\)" "$LIMPID" "${HUB[@]}" --db "$TMP/closed/l.db"
refused "a directory that cannot be made is named" 1 "error: cannot make the directory of /proc/x/l.db: .*--db" \
	"$LIMPID" "${HUB[@]}" --db /proc/x/l.db
head -c 100000 /dev/urandom >"$TMP/corrupt/l.db"
cp "$TMP/corrupt/l.db" "$TMP/corrupt.copy"
chown -R "$(id -u limpid 2>/dev/null || id -u nobody)" "$TMP/corrupt"
start_limpid corrupt hub "${HUB[@]}" --db "$TMP/corrupt/l.db"
check "with a corrupt database the hub begins a new one" until_true 10 grep -q '#t=' "$TMP/corrupt.out"
check "says so" grep -qE "warning: the database .*/corrupt/l.db .*is kept as .*/corrupt/l.db" "$TMP/corrupt.err"
check "and keeps the old one as it was" cmp "$TMP/corrupt.copy" "$TMP"/corrupt/l.db.corrupt*
end_process "$LIMPID_PID"

# --- an agent whose hub is not there -----------------------------------------------------------------------------------
start_limpid agent agent --all -s "127.0.0.1:$GRPC"
agent=$LIMPID_PID
check "an agent that cannot reach its hub says so" \
	until_true 20 grep -q "warning: the hub at 127.0.0.1:$GRPC cannot be reached: Connection refused" "$TMP/agent.err"
sleep 3
equal "once" 1 "$(grep -c 'cannot be reached' "$TMP/agent.err")"
check "and keeps trying" kill -0 $agent
decode=$(pgrep -x -P $agent limpid-decode)
start_limpid hub hub "${HUB[@]}" --db "$TMP/late/l.db"
check "until the hub is there, and says after how long" \
	until_true 15 grep -qE "the hub at 127.0.0.1:$GRPC answers again after [0-9.]+ s" "$TMP/agent.err"
end_process "$LIMPID_PID"
check "when the hub goes away again, it says so again" until_true 15 eval '[ "$(grep -c "cannot be reached" "$TMP/agent.err")" = 2 ]'
equal "with the decoder it began with" "$decode" "$(pgrep -x -P $agent limpid-decode)"
end_process $agent
refused "flows do not leave the machine unencrypted by accident" 2 'error: flows would cross the network to hub.example unencrypted; pass --plaintext' \
	"$LIMPID" agent -s hub.example:50052
refused "a server without a port is a mistake of usage" 2 "error: 'hub' is not HOST:PORT" "$LIMPID" agent -s hub
start_limpid nowhere agent -s name.invalid:1 --plaintext
check "a name that does not resolve is said" until_true 30 grep -q 'warning: the hub at name.invalid:1 cannot be reached' "$TMP/nowhere.err"
end_process "$LIMPID_PID"

# --- usage -----------------------------------------------------------------------------------------------------------------
refused "an unknown option" 2 "^limpid tail: unrecognized option '--frob'" "$LIMPID" tail --frob
refused "an unknown command" 2 "^limpid: there is no command 'tial'" "$LIMPID" tial
refused "a wrong filter" 2 'error: the filter is wrong: ' "$LIMPID" tail 'status:500 and (path:x'
equal "is shown with the place" '                 ^' "$(tail -n 1 "$TMP/refused.out")"
refused "a token that is none" 2 'must be 32 hexadecimal digits' "$LIMPID" --token abc
for c in '' agent hub tail read record doctor version; do
	# shellcheck disable=SC2086 # no word for the command without a name
	check "limpid $c --help" "$LIMPID" $c --help
done

# --- recordings ---------------------------------------------------------------------------------------------------------------
refused "a recording that is not there" 1 'error: cannot open /nonexistent: No such file' "$LIMPID" read /nonexistent
head -c 5000 /dev/urandom >"$TMP/rubbish"
refused "a file that is none" 1 'error: .*/rubbish is neither a Limpid recording nor a pcap' "$LIMPID" read "$TMP/rubbish"
: >"$TMP/empty"
refused "an empty file" 1 'error: .*/empty is neither a Limpid recording nor a pcap' "$LIMPID" read "$TMP/empty"
refused "a recording that cannot be written" 1 'error: cannot write /nonexistent/r: No such file' "$LIMPID" record -o /nonexistent/r
python3 -m http.server "$HTTP" --bind 127.0.0.1 --directory tests/e2e/world >/dev/null 2>&1 &
web=$!
on_exit end_process $web
start_limpid record record --all -o "$TMP/rec"
until_true 20 grep -q capturing "$TMP/record.err"
until_true 10 curl -sf "http://127.0.0.1:$HTTP/"
curl -s "http://127.0.0.1:$HTTP/recorded" >/dev/null
end_process "$LIMPID_PID"
end_process $web
chmod 644 "$TMP/rec"
setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/limpid" read "$TMP/rec" --json path:/recorded >"$TMP/read.out" 2>"$TMP/read.err"
equal "a recording is read without root" '"/recorded" "404"' \
	"$(head -n 1 "$TMP/read.out" | jq -c '.request.target, .response.status' | paste -sd' ')"
head -c $(($(stat -c %s "$TMP/rec") - 5)) "$TMP/rec" >"$TMP/cut"
refused "a recording that is cut off" 1 'error: .*/cut is cut off after [0-9]* bytes' "$LIMPID" read "$TMP/cut"
