#!/usr/bin/env bash
# Twenty tabs on one hub, under load and over its death.
. "$(dirname "$0")/lib.sh"
for need in node /usr/bin/chromium protoc; do
	command -v "$need" >/dev/null || { skip "twenty tabs" "$need is missing: tools/bootstrap test"; exit 0; }
done
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
make -s build/bench/feed-bin >"$TMP/make.log" 2>&1 || { not_ok "the generator is built"; sed 's/^/# /' "$TMP/make.log"; exit 1; }
timeout --kill-after=10 1200 node tests/web/tabs.mjs "$TMP" build/bench/feed-bin
status=$?
[ $status -lt 124 ] || not_ok "the tests of many tabs end in time"
exit $status
