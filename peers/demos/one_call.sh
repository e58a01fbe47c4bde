#!/bin/sh
# FLT-05 and others: an error at the first call of a kind on a file in the target's folder, by strace; mode serve.
# Usage: one_call.sh MANIFEST CALL ERROR, for example: one_call.sh peers/rust/atomicwrites.toml close EIO
replace="python3 $(dirname "$0")/replace.py $1"
folder=$(mktemp -d)
log=$(mktemp)
printf old > "$folder/status.json"
printf new | UNDER="strace -y -qq -o $log -e trace=$2" $replace "$folder/status.json" > /dev/null
number=$(grep -nF "$folder/" "$log" | head -1 | cut -d: -f1)
printf newer | UNDER="strace -y -qq -o $log -e trace=$2 -e inject=$2:error=$3:when=$number" $replace "$folder/status.json"
grep INJECTED "$log" | cut -c 1-160
echo "the target: $(cat "$folder/status.json" 2>&1 | cut -c 1-60); left: $(ls -A "$folder" | grep -vx status.json | tr '\n' ' ')"
