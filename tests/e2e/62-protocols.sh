#!/usr/bin/env bash
# gRPC, Redis, conversations and transactions in a real browser; pictures go to build/screens.
. "$(dirname "$0")/lib.sh"
for need in node /usr/bin/chromium protoc; do
	command -v "$need" >/dev/null || { skip "protocols in a browser" "$need is missing: tools/bootstrap test"; exit 0; }
done
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
timeout --kill-after=10 400 node tests/web/protocols.mjs "$TMP"
status=$?
[ $status -lt 124 ] || not_ok "the tests of protocols end in time"
exit $status
