# Sourced. bootstrap RELEASE FOLDER PACKAGES: a minimal Debian in a folder, unless it is there. The mirror is the one
# that this system's own lists name.
bootstrap() {
  local release=$1 folder=$2 packages=$3 mirror
  [ -e "$folder/.complete" ] && return
  command -v debootstrap >/dev/null || {
    echo "debootstrap is not installed" >&2
    return 1
  }
  mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[.*\] \)\?\(http[^ ]*\) .*/\2/p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1 || true)
  rm -rf "$folder"
  mkdir -p "$folder"
  debootstrap --variant=minbase ${packages:+--include="$packages"} "$release" "$folder" ${mirror:+"$mirror"} >"$folder.log" 2>&1 || {
    tail "$folder.log" >&2
    return 1
  }
  touch "$folder/.complete"
}
