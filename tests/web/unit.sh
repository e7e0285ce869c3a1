#!/usr/bin/env bash
# unit.sh [FILE...] - the page's logic without a browser: type check, lint, node:test.  TAP.
set -u
cd "$(dirname "$0")/../.." || exit 2
web=$PWD/web
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
[ -d "$web/node_modules/esbuild" ] || make -s build/web/node_modules.stamp >&2 || exit 1

n=0 why=
tap() { # tap STATUS TEXT: one line
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

"$web/node_modules/.bin/tsc" --noEmit -p "$web/tsconfig.json" >&2
tap $? "the page's types are sound"

# What the content security policy forbids, and what makes captured bytes dangerous.
! grep -rnE '\b(innerHTML|outerHTML|insertAdjacentHTML|srcdoc|document\.write|dangerouslySetInnerHTML)\b|new (Worker|Function)\b|\beval\(' "$web/src" >&2
tap $? "nothing in the page turns text into markup or code"
! grep -rnE '(https?:)?//[a-z0-9.-]+\.[a-z]{2,}' "$web/src" --include='*.ts' --include='*.tsx' --include='*.css' --include='*.html' | grep -v 'http://www.w3.org/2000/svg' >&2
tap $? "the page names no other host"
! grep -n '"resolved"' "$web/package-lock.json" >&2
tap $? "the lock file names no registry"

files=("$@")
[ ${#files[@]} -gt 0 ] || files=(tests/web/unit/*.test.mjs)
"$web/node_modules/.bin/esbuild" "${files[@]}" --bundle --platform=node --format=esm --outdir="$tmp" --out-extension:.js=.mjs --log-level=warning || {
	tap 1 "the tests of the page's logic build"
	exit 1
}
# One test file after the other, each line of its TAP renumbered into ours.
for t in "$tmp"/*.mjs; do
	while IFS= read -r line; do
		case $line in
		'ok '*) tap 0 "${line#* - }" && why='' ;;
		'not ok '*) tap 1 "${line#* - }" && why=1 ;;
		TAP* | '# '* | 1..*) ;;
		*) [ -z "$why" ] || printf '#%s\n' "$line" ;;
		esac
	done < <(node --test-reporter=tap "$t" 2>&1)
done
echo "1..$n"
