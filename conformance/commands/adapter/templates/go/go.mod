module mine

go 1.22
