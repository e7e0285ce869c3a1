#!/usr/bin/env bash
# 80-kernel-6.1 - the checks of 10-syscalls.sh on the kernel of a fresh Debian 12, in a virtual machine.
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
vm_run <<<'/bin/capture_check --quick'
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
