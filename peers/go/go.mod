module pulse-peers

go 1.25

require (
	github.com/google/renameio/v2 v2.0.2
	github.com/natefinch/atomic v1.0.1
)
