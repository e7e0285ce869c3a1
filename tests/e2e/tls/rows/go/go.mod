module limpid.test/rows

go 1.17
