module limpid/tests/websocket

go 1.17

require github.com/gorilla/websocket v1.5.0
