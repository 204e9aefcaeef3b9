#!/usr/bin/env bash
# npm test: set-up, checks, unit tests, root tests, end-to-end tests. `--long` runs the counts that take hours.
# Ends with the plain line "N passed, N failed, N skipped". Leaves only $WHARF_TEST_CACHE behind.
set -u
cd "$(dirname "$0")/.."
. scripts/lib/common.sh
need_root "npm test"
need_node
need_debian
export WHARF_AUTOSTART=0 WHARF_TEST_CACHE=${WHARF_TEST_CACHE:-/var/cache/wharf-test}
[ "${1:-}" = --long ] && export WHARF_TEST_LONG=1

say "Set-up: packages"
install_packages "${ENGINE_PACKAGES[@]}" "${STORAGE_PACKAGES[@]}" "${IMAGE_PACKAGES[@]}" \
  "python3-docker:the Python SDK as a client of the end-to-end tests" \
  "openssh-client:ssh:// hosts in the end-to-end tests" \
  "openssl:certificates for the TLS tests" \
  "strace:counts the system calls of a run, which have a budget"
say "Set-up: build"
build_wharf
say "Set-up: test images (kept in $WHARF_TEST_CACHE)"
make_busybox_tar "$WHARF_TEST_CACHE/busybox.tar"
unpack_debian_program docker-registry "$WHARF_TEST_CACHE/docker-registry"
unpack_debian_program ufw "$WHARF_TEST_CACHE/ufw"
# whose client builds by "POST /build?version=2" where it is 20.10: in Debian 12
unpack_debian_program docker.io "$WHARF_TEST_CACHE/docker.io"
# libraries have other names in other releases: the tests skip clients that are not there
(unpack_debian_program skopeo "$WHARF_TEST_CACHE/registry-clients" \
  podman buildah libgpgme11 libassuan0 libsubid4 libdevmapper1.02.1) || true
(unpack_debian_program docker.io "$WHARF_TEST_CACHE/dockerd" containerd libdevmapper1.02.1) || true
# the unmodified compose and buildx, of the versions that our answers are compared with: their tests skip without them
(unpack_sid_programs "$WHARF_TEST_CACHE" docker-compose=2.40. docker-buildx=0.) || true
{ make_debian_tar "$WHARF_TEST_CACHE/debian.tar" && make_debian_tar "$WHARF_TEST_CACHE/nginx.tar" nginx-light; } &
debian=$!
make_debian_tar "$WHARF_TEST_CACHE/programs.tar" nginx-light redis-server redis-tools postgresql openssh-server procps
wait $debian || fail "The images debian:12 and nginx could not be made: see above"

log=$(mktemp)
surface=$(mktemp -d)
trap 'rm -rf "$log" "$surface"' EXIT
passed=0 failed=0 skipped=0
add() { # add PASSED FAILED SKIPPED
  passed=$((passed + ${1:-0})) failed=$((failed + ${2:-0})) skipped=$((skipped + ${3:-0}))
}

say "Checks, unit tests and root tests"
node_modules/.bin/bun scripts/ok.ts --root 2>&1 | tee "$log"
read -r p f s < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" | tail -1)
if [ -n "${p:-}" ]; then add "$p" "$f" "$s"; else add 0 1 0; fi

say "End-to-end tests"
WHARF_TEST_SURFACE=$surface node_modules/.bin/bun scripts/e2e.ts 2>&1 | tee "$log"
p= f= s=
read -r p f s < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" | tail -1)
if [ -n "${p:-}" ]; then add "$p" "$f" "$s"; else add 0 1 0; fi

say "Docker's surface: what is there, and what the tests above used"
if node_modules/.bin/bun scripts/surface.ts --exercised "$surface"; then add 1 0 0; else add 0 1 0; fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
