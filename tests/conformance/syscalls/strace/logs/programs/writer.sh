# Three programs make one write.
cd "$1" || exit 1
printf '{"epoch":1}\n' > status.json.tmp
sync status.json.tmp
mv -f status.json.tmp status.json
