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
# The rest of the family: tests/lib/tls-libs gets it.
family() { # family NAME: sets $root
	root=$(tests/lib/tls-libs "$1" 2>"$work/libs.err")
}
if family sid; then
	lib=$root/usr/lib/x86_64-linux-gnu
	both openssl36 "openssl 3.6" "C" "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$talk"
else
	left_out openssl36 "openssl 3.6"
fi
if family wheel; then
	libs=$root/psycopg2_binary.libs
	both wheel "openssl 3" "C; libssl-HASH.so.3 of a Python wheel" TLS_SSL="$(echo "$libs"/libssl-*)" TLS_CRYPTO="$(echo "$libs"/libcrypto-*)" "$talk"
else
	left_out wheel "openssl 3"
fi
if family musl && libs=$root/psycopg2_binary.libs && family musl-libc &&
	tests/lib/musl-cc "$root" -O2 -D_GNU_SOURCE $rows/talk.c $rows/io_openssl.c -o "$work/talk-musl" >&2; then
	both musl "openssl 3" "C on musl; the wheel's libssl for musl" TLS_SSL="$(echo "$libs"/libssl-*)" TLS_CRYPTO="$(echo "$libs"/libcrypto-*)" \
		"$root/usr/lib/x86_64-linux-musl/libc.so" "$work/talk-musl"
else
	left_out musl "openssl 3"
fi
opt=$(mktemp -d /opt/limpid-test.XXXXXX)
on_exit rm -rf "$opt"
chmod a+rx "$opt"
cp -L /usr/lib/x86_64-linux-gnu/libssl.so.3 "$opt/transport.so.9"
both opt "openssl 3" "C; a copy in /opt under another name" TLS_SSL="$opt/transport.so.9" "$talk"
both linked "openssl" "C with libssl.a, symbols in .symtab only" "$(c_talk openssl_in -Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -ldl)"
if family boringssl; then
	lib=$root/usr/lib/x86_64-linux-gnu/android
	both boringssl "openssl BoringSSL" "C" TLS_SSL="$lib/libssl.so.0" TLS_CRYPTO="$lib/libcrypto.so.0" "$talk"
else
	left_out boringssl "openssl BoringSSL"
fi
if family libressl; then
	both libressl "openssl LibreSSL" "C" TLS_SSL="$root/libssl.so" TLS_CRYPTO="$root/libcrypto.so" "$talk"
else
	left_out libressl "openssl LibreSSL"
fi
