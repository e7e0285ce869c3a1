# shellcheck shell=bash
# GnuTLS, mbedTLS, wolfSSL and NSS of two Debian releases, by the library parts of ../others.
from=$rows/../others
talk=$(c_talk others -I$from $from/gnutls.c $from/mbedtls.c $from/wolfssl.c $from/nss.c -ldl)

# other NAME LIBRARY VERSION FILE SUITE PACKAGE...
other() {
	local root lib run=("$talk")
	if ! root=$(fetched "${@:5}"); then
		left_out "$1" "$2 $3"
		return
	fi
	lib=$root/usr/lib/x86_64-linux-gnu
	# A suite's own C library comes with its loader.
	[ "$5" = bookworm ] || run=("$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$talk")
	both "$1" "$2 $3" "C" TLS_LIBRARY="$2" TLS_FILE="$4" LD_LIBRARY_PATH="$lib" "${run[@]}"
}
other gnutls37 gnutls 3.7 libgnutls.so.30 bookworm libgnutls30
other gnutls38 gnutls 3.8 libgnutls.so.30 trixie libgnutls30t64 libc6 libp11-kit0 libidn2-0 libunistring5 libtasn1-6 \
	libhogweed6t64 libnettle8t64 libgmp10 libffi8
other mbedtls228 mbedtls 2.28 libmbedtls.so.14 bookworm libmbedtls14 libmbedcrypto7 libmbedx509-1
other mbedtls36 mbedtls 3.6 libmbedtls.so.21 trixie libmbedtls21 libmbedcrypto16 libmbedx509-7 libc6
other wolfssl55 wolfssl 5.5 libwolfssl.so.35 bookworm libwolfssl35
other wolfssl57 wolfssl 5.7 libwolfssl.so.42 trixie libwolfssl42t64 libc6
other nss387 nss 3.87 libssl3.so bookworm libnss3 libnspr4 libsqlite3-0
other nss3110 nss 3.110 libssl3.so trixie libnss3 libnspr4 libsqlite3-0 libc6 zlib1g
