// SPDX-License-Identifier: Apache-2.0

// both URL HOST PORT: asks once through Go's crypto/tls (/go) and once through the OpenSSL that is linked into it (/openssl),
// each time that a line comes on standard input.
package main

/*
#cgo LDFLAGS: -l:libssl.a -l:libcrypto.a -ldl -lpthread
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Bytes of the answer; -1: it failed.
static int ask(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	char buf[4096];
	int fd, n, sum = 0;

	if (getaddrinfo(host, port, &hints, &ai))
		return -1;
	fd = socket(ai->ai_family, SOCK_STREAM, 0);
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) || !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1)
		return -1;
	n = snprintf(buf, sizeof(buf), "GET /openssl HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
	if (SSL_write(ssl, buf, n) != n)
		return -1;
	while ((n = SSL_read(ssl, buf, sizeof(buf))) > 0)
		sum += n;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	freeaddrinfo(ai);
	return sum;
}
*/
import "C"

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	host, port := os.Args[1], os.Args[2]
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for in.Scan() {
		r, err := client.Get("https://" + host + ":" + port + "/go")
		if err != nil {
			fmt.Println("go failed:", err)
			continue
		}
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if n := C.ask(C.CString(host), C.CString(port)); n <= 0 {
			fmt.Println("openssl failed")
			continue
		}
		fmt.Println("done")
	}
}
