# shellcheck shell=bash
# Node has an OpenSSL of its own inside (Debian's: the system's) and moves the ciphertext itself.
if node=$(command -v node); then
	both node "openssl 3" "Node.js, https (memory BIO)" "$node" $rows/node/talk.js
else
	left_out node "openssl 3"
fi
