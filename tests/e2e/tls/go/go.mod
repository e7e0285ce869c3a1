module limpid.test/gopeer

go 1.17
