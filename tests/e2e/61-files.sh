#!/usr/bin/env bash
# Files out of the page and into it, presentation mode, the clock, what Limpid costs, several agents; pictures go to build/screens.
. "$(dirname "$0")/lib.sh"
for need in node /usr/bin/chromium protoc; do
	command -v "$need" >/dev/null || { skip "files in a browser" "$need is missing: tools/bootstrap test"; exit 0; }
done
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
# Bounded: a browser that hangs must not hold up what comes after it.
timeout --kill-after=10 1200 node tests/web/files.mjs "$TMP"
status=$?
[ $status -lt 124 ] || not_ok "the tests of files end in time"
exit $status
