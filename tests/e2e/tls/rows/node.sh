# shellcheck shell=bash
# Node has an OpenSSL of its own inside (Debian's: the system's) and moves the ciphertext itself.
if node=$(command -v node); then
	server node "openssl 3.0" "Node.js, https (memory BIO)" "$node" $rows/node/talk.js server
else
	left_out node "openssl 3.0"
fi
