#!/usr/bin/env bash
# Views of protocols, and what belongs with a flow, in a real browser; pictures go to build/screens.
. "$(dirname "$0")/lib.sh"
for need in node /usr/bin/chromium protoc; do
	command -v "$need" >/dev/null || { skip "the views in a browser" "$need is missing: tools/bootstrap test"; exit 0; }
done
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
timeout --kill-after=10 1200 node tests/web/views.mjs "$TMP"
status=$?
[ $status -lt 124 ] || not_ok "the tests of the views end in time"
exit $status
