# sh implementation.sh replace PATH: replaces the file with the bytes of standard input. Exit code 0: done; 1: failed,
# nothing changed. Needs GNU coreutils for `mv -T`, `sync FILE` and `--reference`. Clause ids are those of SPEC.md.
set -u

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

[ $# -eq 2 ] && [ "$1" = replace ] || fail 'usage: sh implementation.sh replace PATH'
case $2 in
    */*) path=$2 ;;
    *) path=./$2 ;;
esac
folder=${path%/*}/

# mktemp creates the file exclusively; its short name fits beside a target with the longest possible name (MET-05).
temp=$(mktemp "$folder.XXXXXXXXXXXX") || exit 1
trap 'rm -f "$temp"' EXIT
trap 'exit 130' HUP INT TERM

# cat goes on after a short write, and reports a full disk (VIS-06, FLT-10). A rename before the sync could reach
# the disk before the bytes do (PWR-01).
cat >"$temp" && sync "$temp" || exit 1
if [ -f "$path" ] && [ ! -L "$path" ]; then
    chown --reference="$path" "$temp" 2>/dev/null # only root may give a file away (MET-03)
    chmod --reference="$path" "$temp" || exit 1
else
    chmod "$(printf '%o' $((0666 & ~$(umask))))" "$temp" || exit 1
fi

# -T: a folder at the target is an error, and not a folder to move the temp into (MET-08).
mv -f -T "$temp" "$path" || exit 1
trap - EXIT
sync "$folder" || exit 1
