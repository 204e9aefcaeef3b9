#!/usr/bin/env bash
# Docker 28 with compose and buildx, podman 5 and buildah from Debian sid, in a root of their own; nothing is installed on
# the host.
#   peers.sh make    make the root when missing (about a minute, 1 GB), print where it is
#   peers.sh start   the same, start dockerd in it, print its socket
#   peers.sh run CMD run a command in the root, with the host's network, /tmp and sockets
#   peers.sh stop    stop that dockerd and remove its bridge
# PEERS=DIR says where (default /var/tmp/wharf-bench-peers), PEERS_RELEASE=bookworm takes that release's instead of sid's
# (default DIR: the same with -bookworm). Removing DIR is safe after `stop`.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/common.sh
RELEASE=${PEERS_RELEASE:-sid}
DEFAULT=/var/tmp/wharf-bench-peers
[ "$RELEASE" = sid ] || DEFAULT=$DEFAULT-$RELEASE
PEERS=${PEERS:-$DEFAULT}
RUN=/run/wharf-bench-peers
BRIDGE=wbpeers0

PACKAGES=docker.io,docker-cli,docker-compose,docker-buildx,podman,buildah,crun,runc,conmon,containerd,netavark,aardvark-dns
PACKAGES=$PACKAGES,iptables,nftables,iproute2,ca-certificates,procps,mount,patchelf
# bookworm's docker.io has the client in it, and neither compose 2 nor buildx
[ "$RELEASE" = bookworm ] &&
  PACKAGES=$(tr ',' '\n' <<<"$PACKAGES" | grep -vxE 'docker-(cli|compose|buildx)' | paste -sd,)

make_root() {
  [ -x "$PEERS/usr/bin/patchelf" ] && return 0
  install_packages "mmdebstrap:makes the peers' root"
  rm -rf --one-file-system "$PEERS.new"
  mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' --include="$PACKAGES" \
    "$RELEASE" "$PEERS.new" "$(debian_mirror)" >&2
  [ ! -d "$PEERS" ] || mv "$PEERS" "$PEERS.old"
  mv "$PEERS.new" "$PEERS"
  rm -rf --one-file-system "$PEERS.old"
}

inside() { # inside CMD ARG...: with that root, in a private mount namespace
  mkdir -p "$RUN" "$PEERS$RUN" "$PEERS/data"
  unshare -m --propagation private bash -c '
    root=$1 run=$2; shift 2
    mount --bind "$root" "$root"
    for dir in proc sys dev; do mount --rbind /$dir "$root/$dir"; done
    mount --bind /tmp "$root/tmp"; mount --bind "$run" "$root$run"
    cd "$root"; mkdir -p run/host; pivot_root . run/host # under a mere chroot `docker exec` finds itself at the root of the host
    exec chroot . sh -c "umount -l /run/host; exec \"\$@\"" sh "$@"' peers "$PEERS" "$RUN" "$@"
}

answers() { curl -fs --unix-socket $RUN/docker.sock http://docker/_ping >/dev/null 2>&1; }

case ${1:-} in
  make)
    need_root "bench/peers.sh"
    make_root
    echo "$PEERS"
    ;;
  start)
    need_root "bench/peers.sh"
    make_root
    if ! answers; then
      ip link show $BRIDGE >/dev/null 2>&1 || ip link add $BRIDGE type bridge
      ip addr replace 172.30.255.1/24 dev $BRIDGE
      ip link set $BRIDGE up
      mkdir -p $RUN
      # dockerd turns the FORWARD policy to DROP; `stop` puts back what was there.
      iptables -S FORWARD 2>/dev/null | head -1 >$RUN/forward-policy || true
      export -f inside
      export PEERS RUN
      setsid bash -c 'inside bash -c "echo \$\$ >'$RUN'/dockerd.pid; exec dockerd -H unix://'$RUN'/docker.sock --data-root /data/docker --exec-root '$RUN'/exec --pidfile '$RUN'/docker.pid --bridge '$BRIDGE' --group root"' >$RUN/dockerd.log 2>&1 </dev/null &
      for _ in $(seq 200); do answers && break; sleep 0.1; done
      answers || fail "dockerd does not answer: $(tail -1 $RUN/dockerd.log)"
    fi
    echo "unix://$RUN/docker.sock"
    ;;
  run)
    shift
    make_root
    inside "$@"
    ;;
  stop)
    [ -f $RUN/dockerd.pid ] && kill "$(cat $RUN/dockerd.pid)" 2>/dev/null || true
    for _ in $(seq 100); do [ -e $RUN/docker.pid ] || break; sleep 0.1; done
    rm -f $RUN/dockerd.pid
    ip link del $BRIDGE 2>/dev/null || true
    [ -s $RUN/forward-policy ] && iptables $(sed 's/^-P/-P/' $RUN/forward-policy) 2>/dev/null || true
    ;;
  *)
    sed -n '2,10p' "$0"
    exit 1
    ;;
esac
