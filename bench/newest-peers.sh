#!/bin/bash
# newest-peers.sh [FOLDER]: Debian sid's mold and lld, with the libraries that they need, in a folder (default:
# build/bench/peers), where the benches find them; each is run through a loader of its own. Nothing of the system
# changes. Needs apt.
set -eu
cd "$(dirname "$0")/.."
folder=$(mkdir -p "${1:-build/bench/peers}" && cd "${1:-build/bench/peers}" && pwd)
mkdir -p "$folder/lists/partial" "$folder/debs" "$folder/root"
cd "$folder"
if [ ! -e ready ]; then
  mirror=$(grep -m1 -h '^URIs:' /etc/apt/sources.list.d/debian.sources | awk '{print $2}')
  echo "deb [trusted=yes] $mirror sid main" >sid.list
  apt=(-o "Dir::Etc::SourceList=$folder/sid.list" -o "Dir::Etc::SourceParts=/dev/null" -o "Dir::State::Lists=$folder/lists"
    -o "Dir::State::status=/dev/null" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
  apt-get -qq "${apt[@]}" update
  lld=$(apt-cache "${apt[@]}" search --names-only '^lld-[0-9]+$' | cut -d' ' -f1 | sort -V | tail -n 1)
  without=(--no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances)
  packages=$(apt-cache "${apt[@]}" depends --recurse "${without[@]}" mold "$lld" | grep -E '^[a-z0-9]' |
    grep -vE '^(debconf|perl|libc6-|gcc-)' | sort -u)
  (cd debs && for package in $packages; do apt-get -qq "${apt[@]}" download "$package" >/dev/null 2>&1 || true; done)
  for package in debs/*.deb; do dpkg -x "$package" root; done
  loader=$(find root -name ld-linux-x86-64.so.2 | head -n 1)
  libraries=$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/lib/x86_64-linux-gnu
  wrap() { printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$folder/$loader" "$libraries" "$2" >"$1"; chmod +x "$1"; }
  wrap mold "$(readlink -f root/usr/bin/mold)"
  wrap ld.lld "--argv0 ld.lld $(find "$folder/root" -path '*llvm*/bin/lld' | head -n 1)"
  touch ready
fi
for name in mold ld.lld; do echo "$name $("./$name" --version | head -n 1)"; done
