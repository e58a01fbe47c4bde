#!/usr/bin/env bash
# What Wine can show of Windows: `tox -e wine` runs every step below, `tox -e wine -- --complete` with all that can be
# run there, `tox -e wine -- pulse conformance --impl X` or `tox -e wine -- python FILE` one command, and
# `tox -e wine -- libraries [OPTION…]` the suite on libraries of others. tox gives WINE_CACHE, a folder that is kept,
# WINE_FOLDER, one of this run, and WINE_RESULTS, the folder of the results.
set -euo pipefail
cd "$(dirname "$0")/.."

command=()
case ${1-} in
  "" | --complete | libraries) ;;
  pulse) command=(-m "$@") ;;
  python) command=("${@:2}") ;;
  *) echo "tox -e wine: the command is 'pulse …', 'python …', 'libraries' or '--complete', not '$1'" >&2; exit 2 ;;
esac

export WINEPREFIX=$WINE_FOLDER/prefix WINEARCH=win64 WINEDEBUG=-all
export PYTHONDONTWRITEBYTECODE=1
PATH=$PATH:/usr/lib/wine
unset TMPDIR # Windows has it as TEMP

# `wineserver -k` finds its server by a lock that the server loses as soon as a program looks at the file. So everything
# that has this prefix in its environment is ended. Nothing in the prefix is needed any more.
end_wine() {
  local prefix=$WINEPREFIX environment
  export -n WINEPREFIX # not of grep itself
  for environment in $(grep -lszxF "WINEPREFIX=$prefix" /proc/[0-9]*/environ); do
    environment=${environment#/proc/}
    kill -KILL "${environment%/environ}" 2>/dev/null || true
  done
  if [ -s "$prefix/wineserver" ]; then # Debian's Wine: the name of the server's folder
    rm -rf "/tmp/$(cat "$prefix/wineserver")"
  fi
  rm -rf "$prefix"
}

running=""
finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM
  [ -z "$running" ] || kill "$running" 2>/dev/null || true
  end_wine
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# In the background, so that an interrupt is seen at once.
within() { # SECONDS COMMAND...
  local code=0
  timeout --kill-after=10 "$@" </dev/null &
  running=$!
  wait "$running" || code=$?
  running=""
  return "$code"
}

# A console program of Wine wants a pipe, not a file, as its output.
windows_python() { # SECONDS ARGUMENTS...
  local seconds=$1
  shift
  within "$seconds" bash -c 'set -o pipefail; "$@" 2>&1 | cat' bash wine64 "$python" -P "$@"
}

times=""
failed=0
step() { # SECONDS NAME ARGUMENTS...
  local seconds=$1 name=$2 started=$SECONDS code=0
  shift 2
  printf '\n=== %s\n' "$name"
  windows_python "$seconds" "$@" || code=$?
  if [ "$code" -eq 4 ]; then # nothing was found, and not enough was measured
    printf '\n=== %s, once more: it was inconclusive\n' "$name"
    code=0
    windows_python "$seconds" "$@" || code=$?
  fi
  [ "$code" -ne 124 ] || echo "$name: stopped after $seconds s" >&2
  [ "$code" -eq 0 ] || failed=1
  times+=$(printf '%4d s  exit code %d  %s' $((SECONDS - started)) "$code" "$name")$'\n'
}

missing=()
command -v wine64 >/dev/null || missing+=(wine64)
command -v x86_64-w64-mingw32-gcc >/dev/null || missing+=(gcc-mingw-w64-x86-64-win32)
[ "${1-}" != libraries ] || command -v npm >/dev/null || missing+=(npm)
[ "${#missing[@]}" -eq 0 ] || scripts/apt-install "${missing[@]}"

python -m pip --quiet wheel --no-deps --no-build-isolation --wheel-dir "$WINE_FOLDER/wheels" ./pulse .
python=$(timeout 600 python scripts/wine_python.py "$WINE_CACHE" "$WINE_FOLDER"/wheels/*.whl)
refused=$(dirname "$python")/refused-starts.log # by scripts/wine/sitecustomize.py
rm -f "$refused"

# What Wine starts beside its server would hold a pipe open for as long as it lives, so it is started without one.
mkdir -p "$WINEPREFIX"
{
  wineserver -p
  within 120 wine64 reg add 'HKCU\Software\Wine' /v Version /d win10 /f
} >"$WINE_FOLDER/start.log" 2>&1 || { cat "$WINE_FOLDER/start.log" >&2; exit 1; }

# npm and pip fetch nothing there: the libraries are set up here, and judged there.
judge_libraries() { # OPTIONS...
  local folder=$WINE_FOLDER/libraries node manifest
  node=$(timeout 300 python scripts/wine_libraries.py "$WINE_CACHE" "$folder")
  export WINEPATH="Z:${node//\//\\}"
  for manifest in atomicwrites/implementation atomicwrites/serve write-file-atomic/implementation; do
    step 600 "conformance of $manifest" -m pulse conformance --impl "Z:$folder/$manifest.toml" \
      --report "$WINE_RESULTS/$manifest" "$@"
  done
}

if [ "${#command[@]}" -gt 0 ]; then
  windows_python 3600 "${command[@]}"
  exit
fi

rm -rf "$WINE_RESULTS"
if [ "${1-}" = libraries ]; then
  judge_libraries "${@:2}"
else
  # What does not depend on the system proves nothing more here than on Linux, and takes minutes. So its tests are left
  # out, and of clauses and loads that are not about Windows some cases and some scenarios are enough.
  pure=() suite=() load=() way=()
  if [ "${1-}" != --complete ]; then
    pure=(tests/pulse/integrations tests/pulse/test_{fake_filesystems,rank,schema,status,values}.py)
    pure+=(tests/pulse/panel/test_{board,guard,javascript,metrics,protocol,samples}.py tests/pulse/watch/test_words.py)
    suite=(--quick --whole "WIN-*" --whole "VIS-*" --whole "MET-*")
    load=(-k "two-by-two-plain or kill")
    way=(--quick)
  fi
  step 900 "tests" -m pytest -n logical --dist worksteal -p no:cacheprovider "${pure[@]/#/--ignore=}" \
    tests/pulse tests/conformance/suite/helpers/test_{code_page,file_holder}.py \
    tests/conformance/oracle/test_{document,snapshot}.py \
    tests/conformance/suite/support tests/conformance/reporting/test_results.py tests/conformance/system \
    tests/stress/record/test_clock.py tests/stress/test_main.py tests/stress/judge/test_starvation.py \
    tests/stress/clients/test_file_reader{,_windows}.py
  step 900 "conformance of the reference" -m pulse conformance "${suite[@]}" --report "$WINE_RESULTS/conformance"
  step 600 "under load" -m pulse stress suite "${load[@]}" --report "$WINE_RESULTS/stress"
  step 600 "mutants that only Windows can tell" -m conformance.selfcheck --only-here --clause '*'
  step 300 "a reader that keeps its handle" -m conformance.selfcheck file-kept-open
  step 300 "a writer that waits in another way" -m pulse conformance --impl variant:waits-grow "${way[@]}" \
    --clause 'WIN-0*'
  step 300 "a reader that opens in another way" -m pulse conformance --impl variant:reads-by-handle "${way[@]}" \
    --clause WIN-05 --clause 'RDR-1*'
fi

printf '\n%s\nresults: %s\n' "$times" "$WINE_RESULTS"
if [ -s "$refused" ]; then
  echo "processes that Wine failed to start, each started again: $(wc -l <"$refused")"
  cat "$refused"
fi
exit "$failed"
