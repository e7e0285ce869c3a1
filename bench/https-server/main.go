// SPDX-License-Identifier: Apache-2.0

// main ADDRESS CERT KEY: net/http over crypto/tls, one processor, 1 KiB for every path, keep-alive, no HTTP/2.
package main

import (
	"crypto/tls"
	"net/http"
	"os"
	"runtime"
	"strings"
)

func main() {
	runtime.GOMAXPROCS(1)
	body := []byte(strings.Repeat("0123456789abcdef", 64))
	s := http.Server{
		Addr: os.Args[1],
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Write(body)
		}),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	panic(s.ListenAndServeTLS(os.Args[2], os.Args[3]))
}
