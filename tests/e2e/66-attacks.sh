#!/usr/bin/env bash
# Captured attacks on the page: script in every text of every protocol, names, filters and notes; all of it stays text.
. "$(dirname "$0")/lib.sh"
for need in node /usr/bin/chromium protoc; do
	command -v "$need" >/dev/null || { skip "attacks on the page" "$need is missing: tools/bootstrap test"; exit 0; }
done
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
timeout --kill-after=10 1200 node tests/web/attacks.mjs "$TMP"
status=$?
[ $status -lt 124 ] || not_ok "the attacks end in time"
exit $status
