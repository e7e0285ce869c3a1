#!/usr/bin/env bash
# The page in a real browser, on a real hub that a feeder sends flows to; pictures of it go to build/screens.
. "$(dirname "$0")/lib.sh"
for need in node /usr/bin/chromium protoc; do
	command -v "$need" >/dev/null || { skip "the page in a browser" "$need is missing: tools/bootstrap test"; exit 0; }
done
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
# Bounded: a browser that hangs must not hold up what comes after it.
timeout --kill-after=10 1200 node tests/web/page.mjs "$TMP"
status=$?
[ $status -lt 124 ] || not_ok "the tests of the page end in time"
exit $status
