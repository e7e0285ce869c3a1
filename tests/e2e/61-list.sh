#!/usr/bin/env bash
# What people do with the list: columns, order, marks, several rows, completion, saved filters, searches; pictures go to build/screens.
. "$(dirname "$0")/lib.sh"
for need in node /usr/bin/chromium protoc; do
	command -v "$need" >/dev/null || { skip "the list in a browser" "$need is missing: tools/bootstrap test"; exit 0; }
done
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
# Bounded: a browser that hangs must not hold up what comes after it.
timeout --kill-after=10 1200 node tests/web/listing.mjs "$TMP"
status=$?
[ $status -lt 124 ] || not_ok "the tests of the list end in time"
exit $status
