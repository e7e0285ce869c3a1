# shellcheck shell=bash
# OpenSSL used from C: one program, a version a row.
talk=$(c_talk openssl -ldl)
both openssl "openssl 3.0" "C: SSL_read, SSL_write" "$talk"
both openssl-ex "openssl 3.0" "C: SSL_read_ex, SSL_write_ex" TLS_EX=1 "$talk"
if root=$(fetched bullseye libssl1.1); then
	lib=$root/usr/lib/x86_64-linux-gnu
	both openssl111 "openssl 1.1.1" "C" TLS_SSL="$lib/libssl.so.1.1" TLS_CRYPTO="$lib/libcrypto.so.1.1" "$talk"
else
	left_out openssl111 "openssl 1.1.1"
fi
# It needs the newer C library, so its loader is the program that is run.
if root=$(fetched trixie libssl3t64 libc6 zlib1g libzstd1); then
	lib=$root/usr/lib/x86_64-linux-gnu
	both openssl35 "openssl 3.5" "C" "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$talk"
else
	left_out openssl35 "openssl 3.5"
fi
