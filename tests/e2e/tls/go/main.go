// SPDX-License-Identifier: Apache-2.0

// Both ends of the TLS tests of Go programs, for every Go from 1.17 on.
//
//	gopeer server [-wrap] [-stack] PORT CERT KEY    until killed
//	gopeer client [-n N] [-s BYTES] [-r BYTES] [-c CONNECTIONS] [-wrap] [-stack] [-pipe] [-wait] PORT
//	gopeer http-server PORT CERT KEY
//	gopeer http-client [-n N] [-c CLIENTS] [-h2] [-s BYTES] PORT
//
// A client asks N times with BYTES for BYTES, on each connection.  Each end says at its end what its connection moved:
//
//	peer PID LOCALPORT REMOTEPORT sent BYTES SHA256 received BYTES SHA256
//
// -wrap: below TLS is a net.Conn of our own.  -stack: reads go to a buffer on a goroutine's stack, which grows meanwhile.
// -pipe: all is asked before any answer is read, by another goroutine.  -wait: for a line on standard input after the first answer.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"flag"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

type wrapped struct {
	inner net.Conn
	note  string
}

func (w *wrapped) Read(b []byte) (int, error)         { return w.inner.Read(b) }
func (w *wrapped) Write(b []byte) (int, error)        { return w.inner.Write(b) }
func (w *wrapped) Close() error                       { return w.inner.Close() }
func (w *wrapped) LocalAddr() net.Addr                { return w.inner.LocalAddr() }
func (w *wrapped) RemoteAddr() net.Addr               { return w.inner.RemoteAddr() }
func (w *wrapped) SetDeadline(t time.Time) error      { return w.inner.SetDeadline(t) }
func (w *wrapped) SetReadDeadline(t time.Time) error  { return w.inner.SetReadDeadline(t) }
func (w *wrapped) SetWriteDeadline(t time.Time) error { return w.inner.SetWriteDeadline(t) }

// What the program gave to and took from its TLS connection.
type counted struct {
	*tls.Conn
	onStack         bool
	sent, received  int64
	sentSum, recSum hash.Hash
}

func newCounted(c *tls.Conn, onStack bool) *counted {
	return &counted{Conn: c, onStack: onStack, sentSum: sha256.New(), recSum: sha256.New()}
}

// The buffer is not handed to an interface, so it stays on the stack.
func (c *counted) readOnStack(p []byte) (int, error) {
	var buf [512]byte
	want := len(p)
	if want > len(buf) {
		want = len(buf)
	}
	n, err := c.Conn.Read(buf[:want])
	copy(p, buf[:n])
	return n, err
}

// On a goroutine of its own, whose stack is still small.
func (c *counted) readOnNewStack(p []byte) (n int, err error) {
	done := make(chan struct{})
	go func() {
		n, err = c.readOnStack(p)
		close(done)
	}()
	<-done
	return n, err
}

func (c *counted) Read(p []byte) (n int, err error) {
	if c.onStack {
		n, err = c.readOnNewStack(p)
	} else {
		n, err = c.Conn.Read(p)
	}
	c.received += int64(n)
	c.recSum.Write(p[:n])
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent += int64(n)
	c.sentSum.Write(p[:n])
	return n, err
}

var output sync.Mutex

func (c *counted) tell() {
	output.Lock()
	defer output.Unlock()
	fmt.Printf("peer %d %d %d sent %d %x received %d %x\n", os.Getpid(),
		c.LocalAddr().(*net.TCPAddr).Port, c.RemoteAddr().(*net.TCPAddr).Port,
		c.sent, c.sentSum.Sum(nil), c.received, c.recSum.Sum(nil))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gopeer:", err)
	os.Exit(1)
}

func fill(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7) + byte(i>>8) + seed
	}
	return b
}

// --- bytes ---------------------------------------------------------------------------------------------

func serveOne(c *counted) {
	var head [8]byte
	defer c.Close()
	defer c.tell()
	for {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		ask := int64(binary.BigEndian.Uint32(head[:4]))
		answer := int(binary.BigEndian.Uint32(head[4:]))
		if _, err := io.CopyN(io.Discard, c, ask); err != nil {
			return
		}
		if _, err := c.Write(fill(answer, 2)); err != nil {
			return
		}
	}
}

func server(args []string) {
	fs := flag.NewFlagSet("server", flag.ExitOnError)
	wrap := fs.Bool("wrap", false, "")
	stack := fs.Bool("stack", false, "")
	fs.Parse(args)
	cert, err := tls.LoadX509KeyPair(fs.Arg(1), fs.Arg(2))
	if err != nil {
		fail(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+fs.Arg(0))
	if err != nil {
		fail(err)
	}
	fmt.Println("listening")
	for {
		conn, err := l.Accept()
		if err != nil {
			fail(err)
		}
		if *wrap {
			conn = &wrapped{conn, "ours"}
		}
		go serveOne(newCounted(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}), *stack))
	}
}

type plan struct {
	n, ask, answer     int
	wrap, stack, pipes bool
	wait               *bufio.Reader
	port               string
}

func (p *plan) request() []byte {
	b := make([]byte, 8, 8+p.ask)
	binary.BigEndian.PutUint32(b[:4], uint32(p.ask))
	binary.BigEndian.PutUint32(b[4:], uint32(p.answer))
	return append(b, fill(p.ask, 1)...)
}

func (p *plan) run() error {
	conn, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		return err
	}
	if p.wrap {
		conn = &wrapped{conn, "ours"}
	}
	c := newCounted(tls.Client(conn, &tls.Config{InsecureSkipVerify: true}), p.stack)
	defer c.Close()
	if p.pipes {
		asked := make(chan error, 1)
		go func() {
			for i := 0; i < p.n; i++ {
				if _, err := c.Write(p.request()); err != nil {
					asked <- err
					return
				}
			}
			asked <- nil
		}()
		if _, err := io.CopyN(io.Discard, c, int64(p.n*p.answer)); err != nil {
			return err
		}
		if err := <-asked; err != nil {
			return err
		}
	} else {
		for i := 0; i < p.n; i++ {
			if _, err := c.Write(p.request()); err != nil {
				return err
			}
			if _, err := io.CopyN(io.Discard, c, int64(p.answer)); err != nil {
				return err
			}
			if i == 0 && p.wait != nil {
				fmt.Println("waiting")
				p.wait.ReadString('\n')
				c.sent, c.received = 0, 0
				c.sentSum, c.recSum = sha256.New(), sha256.New()
			}
		}
	}
	c.tell()
	return nil
}

func client(args []string) {
	var p plan
	fs := flag.NewFlagSet("client", flag.ExitOnError)
	fs.IntVar(&p.n, "n", 1, "")
	fs.IntVar(&p.ask, "s", 100, "")
	fs.IntVar(&p.answer, "r", 1000, "")
	conns := fs.Int("c", 1, "")
	fs.BoolVar(&p.wrap, "wrap", false, "")
	fs.BoolVar(&p.stack, "stack", false, "")
	fs.BoolVar(&p.pipes, "pipe", false, "")
	wait := fs.Bool("wait", false, "")
	fs.Parse(args)
	p.port = fs.Arg(0)
	if *wait {
		p.wait = bufio.NewReader(os.Stdin)
	}
	var all sync.WaitGroup
	for i := 0; i < *conns; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := p.run(); err != nil {
				fail(err)
			}
		}()
	}
	all.Wait()
}

// --- HTTP ----------------------------------------------------------------------------------------------

func httpServer(args []string) {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d", r.Proto, r.URL.Path, len(body))
	})
	fmt.Println("listening")
	fail(http.ListenAndServeTLS("127.0.0.1:"+args[0], args[1], args[2], nil))
}

func httpClient(args []string) {
	fs := flag.NewFlagSet("http-client", flag.ExitOnError)
	n := fs.Int("n", 1, "")
	clients := fs.Int("c", 1, "")
	h2 := fs.Bool("h2", false, "")
	size := fs.Int("s", 0, "")
	fs.Parse(args)
	var all sync.WaitGroup
	for i := 0; i < *clients; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			c := http.Client{Transport: &http.Transport{
				TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
				ForceAttemptHTTP2: *h2,
			}}
			for k := 0; k < *n; k++ {
				url := fmt.Sprintf("https://127.0.0.1:%s/%d/%d", fs.Arg(0), i, k)
				r, err := c.Post(url, "text/plain", bytes.NewReader(fill(*size, 'a')))
				if err != nil {
					fail(err)
				}
				body, _ := io.ReadAll(r.Body)
				r.Body.Close()
				output.Lock()
				fmt.Println("answer", string(body))
				output.Unlock()
			}
			time.Sleep(300 * time.Millisecond) // until both ends have read all: windows go on being opened
			c.CloseIdleConnections()
		}(i)
	}
	all.Wait()
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: gopeer server|client|http-server|http-client ...")
		os.Exit(2)
	}
	switch os.Args[1] {
	case "server":
		server(os.Args[2:])
	case "client":
		client(os.Args[2:])
	case "http-server":
		httpServer(os.Args[2:])
	case "http-client":
		httpClient(os.Args[2:])
	}
}
