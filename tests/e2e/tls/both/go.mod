module limpid.test/both

go 1.17
