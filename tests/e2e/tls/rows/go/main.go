// SPDX-License-Identifier: Apache-2.0

// One end of the conversation of ../script.py by net/http: rows client|server.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
)

type step struct {
	seq, connection, method, target string
	send, answer, status            int
}

func body(target string, n int) []byte {
	unit := target + " "
	return []byte(strings.Repeat(unit, n/len(unit)+1)[:n])
}

func die(what ...interface{}) {
	fmt.Fprintln(os.Stderr, what...)
	os.Exit(1)
}

func must(err error) {
	if err != nil {
		die(err)
	}
}

func script() (order []string, steps map[string][]step) {
	f, err := os.Open(os.Getenv("SCRIPT"))
	must(err)
	steps = map[string][]step{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var s step
		_, err := fmt.Sscan(lines.Text(), &s.seq, &s.connection, &s.method, &s.target, &s.send, &s.answer, &s.status)
		must(err)
		if steps[s.connection] == nil {
			order = append(order, s.connection)
		}
		steps[s.connection] = append(steps[s.connection], s)
	}
	return
}

func (s step) request() *http.Request {
	var payload io.Reader
	if s.method == "POST" || s.method == "PUT" {
		payload = bytes.NewReader(body(s.target, s.send))
	}
	r, err := http.NewRequest(s.method, "https://127.0.0.1:"+os.Getenv("PORT")+s.target, payload)
	must(err)
	r.Header.Set("X-Row", os.Getenv("ROW"))
	r.Header.Set("X-Seq", s.seq)
	return r
}

func (s step) check(a *http.Response, err error) {
	must(err)
	got, err := io.ReadAll(a.Body)
	must(err)
	a.Body.Close()
	if a.StatusCode != s.status || a.Header.Get("X-Echo") != s.seq || !bytes.Equal(got, body(s.target, s.answer)) {
		die(s.seq, "a wrong answer:", a.Status, a.Header, len(got))
	}
}

var config = &tls.Config{InsecureSkipVerify: true}

func talk(steps []step) {
	if steps[0].connection == "pipe" { // net/http does not pipeline
		c, err := tls.Dial("tcp", "127.0.0.1:"+os.Getenv("PORT"), config)
		must(err)
		var out bytes.Buffer
		var requests []*http.Request
		for _, s := range steps {
			requests = append(requests, s.request())
			must(requests[len(requests)-1].Write(&out))
		}
		_, err = c.Write(out.Bytes())
		must(err)
		in := bufio.NewReader(c)
		for i, s := range steps {
			s.check(http.ReadResponse(in, requests[i]))
		}
		c.Close()
		return
	}
	transport := &http.Transport{TLSClientConfig: config, MaxConnsPerHost: 1, DisableCompression: true}
	for _, s := range steps {
		s.check((&http.Client{Transport: transport}).Do(s.request()))
	}
	transport.CloseIdleConnections()
}

func client() {
	var wait sync.WaitGroup
	order, steps := script()
	for _, name := range order {
		if !strings.HasPrefix(name, "conc") {
			talk(steps[name])
			continue
		}
		wait.Add(1)
		go func(steps []step) {
			talk(steps)
			wait.Done()
		}(steps[name])
	}
	wait.Wait()
}

func serve(w http.ResponseWriter, r *http.Request) {
	query, _ := url.ParseQuery(r.URL.RawQuery)
	answer, _ := strconv.Atoi(query.Get("answer"))
	status, _ := strconv.Atoi(query.Get("status"))
	got, err := io.ReadAll(r.Body)
	if err != nil || query.Get("send") != strconv.Itoa(len(got)) || !bytes.Equal(got, body(r.RequestURI, len(got))) {
		die(r.RequestURI, "a wrong request:", len(got), err)
	}
	w.Header().Set("X-Echo", r.Header.Get("X-Seq"))
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", query.Get("answer"))
	w.WriteHeader(status)
	w.Write(body(r.RequestURI, answer))
}

func main() {
	if os.Args[1] == "client" {
		client()
		return
	}
	s := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: http.HandlerFunc(serve),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}} // HTTP/1.1 only
	die(s.ListenAndServeTLS(os.Getenv("CERT"), os.Getenv("KEY")))
}
