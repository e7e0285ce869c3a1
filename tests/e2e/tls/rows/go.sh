# shellcheck shell=bash
# Go's crypto/tls and net/http, by the machine's own Go.
if command -v go >/dev/null && key=$(cat $rows/go/*.go $rows/go/go.mod | sha256sum | cut -c 1-12) &&
	mkdir -p "$CACHE/go" && program=$(realpath "$CACHE/go")/rows-$(GOTOOLCHAIN=local go env GOVERSION)-$key &&
	{ [ -x "$program" ] || (cd $rows/go && GOENV=off GOFLAGS='' GOTOOLCHAIN=local CGO_ENABLED=0 go build -o "$program.new" . &&
		mv "$program.new" "$program") >&2; }; then
	both go "go" "Go, net/http" "$program"
else
	left_out go "go"
fi
