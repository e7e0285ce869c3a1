// SPDX-License-Identifier: Apache-2.0

// main serve PORT | talk URL: gorilla's WebSocket, deflated without context takeover.
package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"

	"github.com/gorilla/websocket"
)

func serve(port string) error {
	up := websocket.Upgrader{EnableCompression: true}
	http.HandleFunc("/chat", func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, data, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, data) != nil {
				return
			}
		}
	})
	fmt.Println("listening")
	return http.ListenAndServe("0.0.0.0:"+port, nil)
}

func talk(url string) error {
	d := websocket.Dialer{EnableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	c, _, err := d.Dial(url, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	for i := 0; i < 5; i++ {
		text := fmt.Sprintf(`{"type":"price","symbol":"ABC","value":%d}`, i)
		if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			return err
		}
		if _, got, err := c.ReadMessage(); err != nil || string(got) != text {
			return fmt.Errorf("%q, %v", got, err)
		}
	}
	if err := c.WriteMessage(websocket.TextMessage, []byte("close me")); err != nil {
		return err
	}
	_, _, err = c.ReadMessage()
	if e, ok := err.(*websocket.CloseError); ok && e.Code == 4001 {
		return nil
	}
	return c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1001, "enough"))
}

func main() {
	var err error
	if os.Args[1] == "serve" {
		err = serve(os.Args[2])
	} else {
		err = talk(os.Args[2])
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
