module pulse.example/status

go 1.22
