#!/usr/bin/env bash
# Docker's current engine and client from Debian sid, in a root of their own; nothing is installed on the host.
#   peers.sh start   make the root when missing (about a minute, 1 GB), start dockerd, print its socket
#   peers.sh run CMD run a command in the root, with the host's network, /tmp and sockets
#   peers.sh stop    stop that dockerd and remove its bridge
# PEERS=DIR says where (default /var/tmp/wharf-bench-peers). Removing DIR is safe after `stop`.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/common.sh
PEERS=${PEERS:-/var/tmp/wharf-bench-peers}
RUN=/run/wharf-bench-peers
BRIDGE=wbpeers0

make_root() {
  [ -x "$PEERS/usr/bin/docker" ] && return 0
  install_packages "mmdebstrap:makes the peers' root"
  mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=docker.io,docker-cli,runc,crun,containerd,buildah,iptables,iproute2,ca-certificates,procps \
    sid "$PEERS.new" "$(debian_mirror)"
  mv "$PEERS.new" "$PEERS"
}

inside() { # inside CMD ARG...: chrooted, in a private mount namespace
  mkdir -p "$RUN" "$PEERS$RUN" "$PEERS/data"
  unshare -m --propagation private bash -c '
    root=$1 run=$2; shift 2
    mount --bind "$root" "$root"
    for dir in proc sys dev; do mount --rbind /$dir "$root/$dir"; done
    mount --bind /tmp "$root/tmp"; mount --bind "$run" "$root$run"
    exec chroot "$root" "$@"' peers "$PEERS" "$RUN" "$@"
}

answers() { curl -fs --unix-socket $RUN/docker.sock http://docker/_ping >/dev/null 2>&1; }

case ${1:-} in
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
    sed -n '2,7p' "$0"
    exit 1
    ;;
esac
