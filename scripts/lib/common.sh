# Shared by quickstart.sh and test.sh: what a fresh Debian machine needs, and roots made from Debian packages.
# Sourced, not run. Needs bash; sets nothing outside its functions.

fail() { # fail SENTENCE: one clear line, exit 1
  printf '%s\n' "$*" >&2
  exit 1
}

say() { printf '\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '%s\n' "$*"; }

need_root() { # need_root WHAT
  [ "$(id -u)" = 0 ] || fail "$1 needs root (namespaces, mounts, nftables): run it with sudo or as root"
}

need_node() {
  command -v node >/dev/null || fail "Node.js 20 or newer is missing: install it, then run this again"
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || fail "Node.js $major is too old: install 20 or newer"
}

need_debian() {
  command -v apt-get >/dev/null || fail "Debian's apt-get is missing: this script knows Debian 12 and its relatives"
}

# install_packages "package:why" ...: installs those that are missing, naming each; no service is started.
install_packages() {
  local entry package missing=()
  for entry in "$@"; do
    package=${entry%%:*}
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed && continue
    missing+=("$package")
    printf '  %-32s %s\n' "$package" "${entry#*:}"
  done
  [ ${#missing[@]} = 0 ] && return 0
  local log policy=/usr/sbin/policy-rc.d made_policy=
  log=$(mktemp)
  # invoke-rc.d and deb-systemd-invoke ask this file before they start anything.
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made_policy=1
  fi
  local status=0
  { DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}" ||
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"; }; } \
    >"$log" 2>&1 </dev/null || status=$?
  [ -n "$made_policy" ] && rm -f $policy
  if [ $status != 0 ]; then
    local reason
    reason=$(grep -E '^E: ' "$log" | head -1)
    rm -f "$log"
    fail "Cannot install ${missing[*]}: ${reason:-apt-get failed with status $status}"
  fi
  rm -f "$log"
}

# What the engine runs on; the same list as in ARCHITECTURE.md.
ENGINE_PACKAGES=(
  "crun:OCI runtime, starts containers"
  "runc:OCI runtime, taken where crun's self-test fails"
  "conmon:holds a container's terminal and log, outlives the engine"
  "nftables:published ports and address translation"
  "iproute2:looking at links and addresses by hand"
  "catatonit:the init of --init"
  "procps:ps, for wharf top"
  "golang-github-containers-common:the default seccomp profile"
)
STORAGE_PACKAGES=(
  "fuse-overlayfs:the storage driver of that name"
  "xz-utils:archives packed by xz"
  "bzip2:archives packed by bzip2"
  "btrfs-progs:a file system for the tests of storage driver btrfs"
)
IMAGE_PACKAGES=(
  "busybox-static:the image busybox"
  "mmdebstrap:makes Debian root file systems"
  "curl:fetches the page that a container serves"
  "ca-certificates:certificates for Debian's mirror over https"
)

# debian_mirror: the archive this machine installs from, so that an image comes from the same place.
debian_mirror() {
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] && awk '/^URIs:/ && /debian\/?$/ {print $2; found = 1; exit} END {exit !found}' "$file" && return
  done
  awk '/^deb / {for (i = 2; i <= NF; i++) if ($i ~ /^https?:.*debian\/?$/) {print $i; found = 1; exit}} END {exit !found}' \
    /etc/apt/sources.list 2>/dev/null && return
  echo http://deb.debian.org/debian
}

# make_debian_tar FILE [PACKAGE...]: a minimal Debian 12 root with those packages, as a tar; kept when there.
make_debian_tar() {
  local file=$1 mirror
  shift
  [ -s "$file" ] && return 0
  mirror=$(debian_mirror)
  mkdir -p "$(dirname "$file")"
  # --aptopt: machines pinned to a snapshot of the archive serve Release files past their date.
  # /tmp inside the target may not be writable by apt's sandbox user, so apt stays root.
  mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='APT::Sandbox::User "root"' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --format=tar "${@/#/--include=}" bookworm "$file.new" "$mirror" 2>"$file.log" ||
    fail "Cannot make a Debian root with ${*:-no extra packages}: $(grep -E '^E: ' "$file.log" | head -1) (all of it: $file.log)"
  mv "$file.new" "$file"
  rm -f "$file.log"
}

# make_busybox_tar FILE: busybox with a link for each of its tools.
make_busybox_tar() {
  local file=$1 dir tool
  [ -s "$file" ] && return 0
  mkdir -p "$(dirname "$file")"
  dir=$(mktemp -d)
  mkdir -p "$dir"/{bin,dev,etc,home,proc,root,sys,tmp,usr/bin,usr/sbin,sbin,var}
  chmod 755 "$dir" # mktemp's 700 would become the mode of the container's /
  chmod 1777 "$dir/tmp"
  chmod 700 "$dir/root"
  cp /bin/busybox "$dir/bin/busybox"
  for tool in $(/bin/busybox --list); do [ "$tool" = busybox ] || ln "$dir/bin/busybox" "$dir/bin/$tool"; done
  printf 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$dir/etc/passwd"
  printf 'root:x:0:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n' >"$dir/etc/group"
  tar -C "$dir" --sort=name --numeric-owner --owner=0 --group=0 -cf "$file.new" .
  rm -rf "$dir"
  mv "$file.new" "$file"
}

# unpack_debian_program PACKAGE DIRECTORY [PACKAGE...]: a Debian package, and more beside it, unpacked, not installed: none
# of their services exist here.
unpack_debian_program() {
  local package=$1 directory=$2 work deb
  local packages=("$package" "${@:3}")
  [ -d "$directory" ] && return 0
  work=$(mktemp -d)
  # apt drops root's rights to download, and needs to write there
  chmod 777 "$work"
  (cd "$work" && { apt-get download -q "${packages[@]}" || { apt-get update -q && apt-get download -q "${packages[@]}"; }; }) >"$work/log" 2>&1 ||
    fail "Cannot download Debian's ${packages[*]}: $(grep -E '^E: ' "$work/log" | head -1)"
  mkdir -p "$(dirname "$directory")"
  rm -rf "$directory.new"
  for deb in "$work"/*.deb; do
    dpkg -x "$deb" "$directory.new" || fail "Cannot unpack $(basename "$deb")"
  done
  mv "$directory.new" "$directory"
  rm -rf "$work"
}

# unpack_sid_programs DIRECTORY PACKAGE=VERSION...: programs that Debian's stable release lacks or has older, from sid, each
# unpacked to DIRECTORY/PACKAGE where its version begins so; kept when there. This machine's own package lists stay as they
# are. Returns 1, and says why, where one cannot be had: what would use it goes without.
unpack_sid_programs() {
  local directory=$1 entry missing=() work deb
  shift
  for entry in "$@"; do [ -d "$directory/${entry%%=*}" ] || missing+=("$entry"); done
  [ ${#missing[@]} = 0 ] && return 0
  work=$(mktemp -d)
  chmod 777 "$work"
  mkdir -p "$work"/{lists/partial,cache/archives/partial,debs}
  echo "deb $(debian_mirror) sid main" >"$work/sources.list"
  local apt=(timeout 180 apt-get -q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Acquire::Check-Valid-Until=false
    -o Acquire::Languages=none -o Acquire::http::Timeout=20 -o APT::Sandbox::User=root)
  if ! ("${apt[@]}" update && cd "$work/debs" && "${apt[@]}" download "${missing[@]%%=*}") >"$work/log" 2>&1; then
    echo "  not to be had from Debian sid: ${missing[*]%%=*}: $(grep -E '^E: ' "$work/log" | head -1)"
    rm -rf "$work"
    return 1
  fi
  for entry in "${missing[@]}"; do
    deb=("$work/debs/${entry%%=*}"_*.deb)
    local version
    version=$(dpkg-deb -f "${deb[0]}" Version)
    if [[ $version != "${entry#*=}"* ]]; then
      echo "  Debian sid has ${entry%%=*} $version, not ${entry#*=}: left out"
      continue
    fi
    mkdir -p "$directory"
    rm -rf "$directory/${entry%%=*}.new"
    dpkg -x "${deb[0]}" "$directory/${entry%%=*}.new" && mv "$directory/${entry%%=*}.new" "$directory/${entry%%=*}"
  done
  rm -rf "$work"
}

# build_wharf: npm packages as locked, then dist/wharf; each only when its inputs have changed.
build_wharf() {
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund --loglevel=error || fail "npm ci failed: the npm registry must be reachable"
    touch node_modules/.package-lock.json
  fi
  if [ ! -x dist/wharf ] || [ -n "$(find src scripts/build.ts package-lock.json -newer dist/wharf -print -quit)" ]; then
    npm run --silent build || fail "The build failed: see above"
  fi
}
