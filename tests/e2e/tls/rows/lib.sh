# shellcheck shell=bash
# lib.sh - how a row is declared and run; README.md in this folder says it for those who add one.
# $mark is three characters before the command name of each row, $work is where the rows' files are, $conversation what is said (script.py).

# Each row by its name and side: what it runs, which library it must be said to use, what it is, why it is not read.
declare -a row_ids=()
declare -A row_command=() row_library=() row_text=() row_reason=() row_skipped=()
reason=

# row SIDE NAME LIBRARY TEXT [VARIABLE=VALUE...] COMMAND...
row() {
	local name=$2 id=$2-$1 library=$3 text=$4 set=() i
	shift 4
	[ ${#name} -le 10 ] || { note "row $name: its name is longer than 10"; exit 2; } # the kernel keeps 15
	while [[ $1 =~ ^[A-Z_]+= ]]; do
		set+=("$1")
		shift
	done
	local command=("$@") linked=no
	for ((i = 0; i < ${#command[@]}; i++)); do
		[[ ${command[i]} != @* ]] || { command[i]=$(linked "$id" "${command[i]#@}"); linked=yes; }
	done
	[ $linked = yes ] || command[0]=$(linked "$id" "${command[0]}")
	row_ids+=("$id")
	row_command[$id]=$(printf '%q ' "${set[@]}" "${command[@]}")
	row_library[$id]=$library
	row_text[$id]=$text
	row_reason[$id]=$reason
}
client() { row client "$@"; }
server() { row server "$@"; }
both() { # the command is given one more argument, client or server
	row client "$@" client
	row server "$@" server
}

# unread REASON client|server|both ...: a row of which nothing can be read yet, and the code that says why
unread() {
	reason=$1
	shift
	"$@"
	reason=
}

# left_out NAME LIBRARY: a row that this machine cannot run
left_out() { row_skipped[$1]=$2; }

# linked ID PROGRAM: prints a name for the program under which its process is that row's: comm is what was executed.  $mark
# is this run's, as another one may go on on the same machine.
linked() {
	local name=$work/exe/$mark${1%-*}-${1: -6:1}
	ln -sfn "$2" "$name"
	echo "$name"
}

# c_talk LIBRARY [COMPILER-ARGUMENT...]: builds talk.c with io_LIBRARY.c and prints the program
c_talk() {
	local library=$1
	shift
	gcc -O2 -Wall -Wextra -D_GNU_SOURCE $rows/talk.c "$rows/io_$library.c" -o "$work/talk-$library" -lpthread "$@" >&2 &&
		echo "$work/talk-$library"
}

# fetched SUITE PACKAGE...: unpacks packages of another Debian suite and prints the directory
fetched() { tests/lib/fetch-debs "$@" 2>"$work/fetch.err"; }

listening() { [ -n "$(ss -Hltn "sport = :$1")" ]; }
seen() { grep -q "\"x-row\": \"$1\", \"x-seq\": \"warm\"" "$work/flows"; }

# run_as ID SCRIPT [timeout SECONDS]: the row's command as it was declared, with PORT in the environment
run_as() {
	eval "exec ${*:3} env ROW=$1 SCRIPT=$2 ${row_command[$1]}"
}

# A probe comes some milliseconds after a library's file is mapped for the first time on a machine.  The proof is about
# what is read and not how soon, so one exchange goes ahead until Limpid shows one: at most five times.
run_client() { # run_client ID
	local id=$1 i
	echo "$reference" >"$work/out/$id.port"
	for i in 1 2 3 4 5; do
		(PORT=$reference run_as "$id" "$work/warm" timeout 60) || return
		[ -z "${row_reason[$id]}" ] || break
		! until_true 3 seen "$id" || break
	done
	(PORT=$reference run_as "$id" "$conversation" timeout 100)
}

run_server() { # run_server ID
	local id=$1 port pid i rc
	port=$(free_port)
	echo "$port" >"$work/out/$id.port"
	(PORT=$port CERT=$work/cert.pem KEY=$work/key.pem run_as "$id" "$conversation") &
	pid=$!
	echo $pid >>"$work/pids"
	until_true 20 listening "$port" || { echo "it does not listen"; return 1; }
	for i in 1 2 3 4 5; do
		PORT=$port SCRIPT=$work/warm ROW=$id LOG=$work/log timeout 60 $py $rows/talk.py client || return
		[ -z "${row_reason[$id]}" ] || break
		! until_true 3 seen "$id" || break
	done
	PORT=$port SCRIPT=$conversation ROW=$id LOG=$work/log timeout 100 $py $rows/talk.py client
	rc=$?
	sleep 0.2
	end_process $pid
	return $rc
}

run_row() { # run_row ID: what it says goes to $work/out/ID, its exit status to ID.rc
	if [ "${1##*-}" = client ]; then run_client "$1"; else run_server "$1"; fi >"$work/out/$1" 2>&1
	echo $? >"$work/out/$1.rc"
}
