#!/usr/bin/env bash
# 80-kernel-6.1 - the checks of 10-syscalls.sh on the kernel of a fresh Debian 12, in a virtual machine: those that
# tests/kernels/matrix.sh leaves out.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/vm.sh"
make -s build/tests/capture_check >"$TMP/make.log" 2>&1 || {
	not_ok "the checker builds"
	sed 's/^/# /' "$TMP/make.log"
	exit 1
}
vm_need "the checks on kernel 6.1"
vm_program build/tests/capture_check
left_out=$(build/tests/capture_check --list | awk '{print $1}' | grep -vwf <(sed -n 's/^GROUPS_HERE=.*:-\(.*\)}$/\1/p' tests/kernels/matrix.sh | tr ' ' '\n'))
# shellcheck disable=SC2086 # words
vm_run <<<"/bin/capture_check --quick$(printf ' --only %s' $left_out)"
ended=$?
grep -aE '^(ok|not ok|#) ' "$TMP/console"
# shellcheck disable=SC2034 # lib.sh goes on counting from here
n_tests=$(grep -acE '^(ok|not ok) ' "$TMP/console")
if [ $ended = 0 ]; then
	ok "the checker comes to its end on $(vm_version)"
else
	not_ok "the virtual machine did not come to its end"
	vm_show
fi
