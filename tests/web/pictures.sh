#!/usr/bin/env bash
# Pictures of every view and state, dark and light, in two sizes: build/pictures.
. "$(dirname "$0")/../e2e/lib.sh"
for need in node /usr/bin/chromium protoc; do
	command -v "$need" >/dev/null || { skip "pictures of the page" "$need is missing: tools/bootstrap test"; exit 0; }
done
[ -d web/node_modules/playwright-core ] || make -s build/web/node_modules.stamp
timeout --kill-after=10 1500 node tests/web/gallery.mjs "$TMP"
status=$?
[ $status -lt 124 ] || not_ok "the pictures are taken in time"
exit $status
