#!/bin/sh
# FLT-01 … FLT-08, VIS-01, PWR-02: errors at system calls, by strace. Usage: fault.sh MANIFEST CALLS INJECTION…
# For example: fault.sh peers/rust/atomic-write-file.toml fsync fsync:error=EIO
replace="python3 $(dirname "$0")/replace.py $1"
calls=$2
shift 2
for injection in "$@"; do set -- "$@" -e "inject=$injection" && shift; done
folder=$(mktemp -d)
temps=$(mktemp -d) # what some make there
log=$(mktemp)
printf old > "$folder/status.json" && chmod 0606 "$folder/status.json"
printf new | TMPDIR=$temps strace -f -y -qq -o "$log" -e trace="$calls" "$@" $replace "$folder/status.json"
grep INJECTED "$log" | cut -c 1-160
echo "the target: $(cat "$folder/status.json" 2>&1 | cut -c 1-60); left: $(ls -A "$folder" "$temps" |
  grep -vxF -e status.json -e "$folder:" -e "$temps:" | tr '\n' ' ')"
