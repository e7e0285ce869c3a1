#!/usr/bin/env bash
# The detail of a flow in a real browser: ways of looking at bodies, copies, comparing, raw bytes.
. "$(dirname "$0")/lib.sh"
for need in node /usr/bin/chromium protoc; do
	command -v "$need" >/dev/null || { skip "the detail in a browser" "$need is missing: tools/bootstrap test"; exit 0; }
done
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
timeout --kill-after=10 1200 node tests/web/detail.mjs "$TMP"
status=$?
[ $status -lt 124 ] || not_ok "the tests of the detail end in time"
exit $status
