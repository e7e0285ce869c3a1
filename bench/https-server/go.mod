module https-server

go 1.17
