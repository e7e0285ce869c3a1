// SPDX-License-Identifier: Apache-2.0
// Go's HTTP/2: a server that echoes, in the clear and by TLS, and clients.
//
//	serve PLAIN TLS CERT KEY     listens on both ports
//	get URL...                   one after the other, on one connection
//	loop URL SECONDS             one request every 100 ms on one connection, with what changes and what stays
//	cancel URL                   takes a request back
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func client() *http.Client {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: p,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}}
}

func ask(c *http.Client, url string, n int) {
	r, err := http.NewRequest("POST", url, strings.NewReader(fmt.Sprintf("body %d", n)))
	must(err)
	r.Header.Set("X-Stays", "the same")
	r.Header.Set("X-N", strconv.Itoa(n))
	a, err := c.Do(r)
	must(err)
	_, err = io.Copy(io.Discard, a.Body)
	must(err)
	must(a.Body.Close())
	if a.ProtoMajor != 2 {
		must(fmt.Errorf("spoke %s", a.Proto))
	}
}

func serve(args []string) {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-N", r.Header.Get("X-N"))
		_, _ = io.Copy(w, r.Body)
	})
	go func() { must((&http.Server{Addr: ":" + args[0], Handler: h, Protocols: p}).ListenAndServe()) }()
	fmt.Println("listening")
	must((&http.Server{Addr: ":" + args[1], Handler: h, Protocols: p}).ListenAndServeTLS(args[2], args[3]))
}

func main() {
	args := os.Args[2:]
	switch os.Args[1] {
	case "serve":
		serve(args)
	case "get":
		c := client()
		for i, url := range args {
			ask(c, url, i)
		}
	case "loop":
		c := client()
		seconds, err := strconv.Atoi(args[1])
		must(err)
		for i := 0; i < seconds*10; i++ {
			ask(c, args[0], i)
			time.Sleep(100 * time.Millisecond)
		}
	case "cancel":
		ctx, stop := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer stop()
		r, err := http.NewRequestWithContext(ctx, "POST", args[0], &endless{})
		must(err)
		_, err = client().Do(r)
		if err == nil {
			must(fmt.Errorf("it was answered"))
		}
		time.Sleep(time.Second) // RST_STREAM is written by somebody else
	}
}

// A body that does not end.
type endless struct{ said bool }

func (e *endless) Read(p []byte) (int, error) {
	if e.said {
		time.Sleep(100 * time.Millisecond)
	}
	e.said = true
	p[0] = 'x'
	return 1, nil
}
