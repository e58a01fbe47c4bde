#!/bin/sh
# CON-01: two containers, each with processes 1, 2, 3 … of its own, write one target; as root. Usage: spaces.sh MANIFEST
here=$(dirname "$(readlink -f "$0")")
manifest=$(readlink -f "$1")
folder=$(mktemp -d)
for round in 1 2 3 4 5 6 7 8; do # at most: the two do not always meet
  for container in a b; do
    unshare --pid --fork --mount-proc sh -c "
      for number in $(seq -s ' ' 40); do
        echo $container | python3 '$here/replace.py' '$manifest' '$folder/status.json'
      done" >> "$folder.$container" &
  done
  wait
  grep -qvx ok "$folder.a" "$folder.b" && break
done
sort "$folder.a" "$folder.b" | sed "s|$folder|D|g" | uniq -c
