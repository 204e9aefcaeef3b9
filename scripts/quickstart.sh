#!/usr/bin/env bash
# npm run quickstart             a running engine, two images, a web server in a container; again: seconds, no change
# npm run quickstart -- --stop   takes everything down, keeps the data
# npm run quickstart -- --purge  removes the data too
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/common.sh
. scripts/lib/take-down.sh

DIR=${WHARF_QUICKSTART_DIR:-$HOME/wharf-quickstart}
BRIDGE=${WHARF_QUICKSTART_BRIDGE:-wharfqs0}
PORT=${WHARF_QUICKSTART_PORT:-8080}
CONTEXT=${WHARF_QUICKSTART_CONTEXT:-quickstart}
SOCKET=$DIR/wharf.sock
export WHARF_AUTOSTART=0 DOCKER_HOST="unix://$SOCKET"
unset DOCKER_CONTEXT
W=dist/wharf

engine_answers() { [ -S "$SOCKET" ] && curl -fs --max-time 5 --unix-socket "$SOCKET" http://wharf/_ping >/dev/null 2>&1; }

engine_pid() { # the pid file's process, only when it is our daemon
  local pid
  pid=$(cat "$DIR/wharf.pid" 2>/dev/null) || return 1
  grep -qz -- "$DIR/data" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

start_engine() { # 1 when it does not start
  engine_answers && return 0
  mkdir -p "$DIR"
  setsid "$W" daemon -H "unix://$SOCKET" --data-root "$DIR/data" --exec-root "$DIR/run" \
    --pidfile "$DIR/wharf.pid" --bridge "$BRIDGE" --config-file "$DIR/daemon.json" \
    >>"$DIR/daemon.log" 2>&1 </dev/null &
  for _ in $(seq 200); do
    engine_answers && return 0
    kill -0 $! 2>/dev/null || break
    sleep 0.05
  done
  return 1
}

cannot_start() { fail "The engine did not start: $(tail -1 "$DIR/daemon.log") (all of it: $DIR/daemon.log)"; }

end_daemon() { # 1 when it does not end by itself
  local pid
  pid=$(engine_pid) || return 0
  kill "$pid"
  for _ in $(seq 400); do
    [ -d "/proc/$pid" ] || return 0
    sleep 0.05
  done
  return 1
}

stop_engine() {
  # containers outlive an engine that was killed: its successor knows how to stop them
  [ -z "$(processes_naming "$DIR/run/")" ] || start_engine || cannot_start
  if engine_answers; then
    for id in $("$W" ps -q); do "$W" stop -t 5 "$id" >/dev/null; done
  fi
  end_daemon || fail "The engine does not stop: see $DIR/daemon.log"
  rm -f "$SOCKET" "$DIR/wharf.pid"
}

purge_engine() {
  # the engine removes its things best; what is left of one that cannot is taken down by hand
  if engine_answers; then
    "$W" ps -aq | while read -r id; do "$W" rm -f "$id" >/dev/null || true; done
  fi
  end_daemon || true
  take_down "$DIR" "$BRIDGE"
  DOCKER_HOST= "$W" context rm -f "$CONTEXT" >/dev/null 2>&1 || true
  rm -rf --one-file-system "$DIR"
}

has_image() { "$W" image inspect "$1" >/dev/null 2>&1; }

case ${1:-} in
  --stop | --purge)
    need_root "npm run quickstart -- $1"
    [ -d "$DIR" ] || { echo "Nothing to do: $DIR does not exist"; exit 0; }
    [ -x $W ] || build_wharf
    if [ "$1" = --purge ]; then
      purge_engine
      echo "Stopped, and removed $DIR and the context $CONTEXT"
    else
      stop_engine
      echo "Stopped. The data is kept in $DIR: 'npm run quickstart' goes on with it, '-- --purge' removes it"
    fi
    exit 0
    ;;
  "") ;;
  *) fail "Unknown option $1: use --stop, --purge or none" ;;
esac

need_root "npm run quickstart"
need_node
need_debian
say "1. Packages"
install_packages "${ENGINE_PACKAGES[@]}" "${IMAGE_PACKAGES[@]}"
say "2. Build dist/wharf"
build_wharf
say "3. Start the engine on unix://$SOCKET"
mkdir -p "$DIR"
[ -e "$DIR/daemon.json" ] || echo '{}' >"$DIR/daemon.json"
start_engine || cannot_start
if ! DOCKER_HOST= "$W" context inspect "$CONTEXT" >/dev/null 2>&1; then
  DOCKER_HOST= "$W" context create "$CONTEXT" --description "Wharf's quickstart engine" --docker "host=unix://$SOCKET" >/dev/null
fi

say "4. Images, made from Debian's packages"
if ! has_image busybox:latest; then
  make_busybox_tar "$DIR/roots/busybox.tar"
  "$W" image import -c 'CMD ["sh"]' "$DIR/roots/busybox.tar" busybox:latest >/dev/null
fi
if ! has_image debian:12; then
  make_debian_tar "$DIR/roots/debian.tar"
  "$W" image import -c 'CMD ["bash"]' "$DIR/roots/debian.tar" debian:12 >/dev/null
fi
if ! has_image nginx:debian; then
  make_debian_tar "$DIR/roots/nginx.tar" nginx-light
  "$W" image import -c 'EXPOSE 80' -c 'STOPSIGNAL SIGQUIT' -c 'CMD ["nginx", "-g", "daemon off;"]' \
    "$DIR/roots/nginx.tar" nginx:debian >/dev/null
fi
"$W" images

say "5. wharf run --rm busybox echo hello"
"$W" run --rm busybox echo hello

say "6. nginx in a container, its page through port $PORT"
case $("$W" ps -a --filter name='^quickstart-web$' --format '{{.State}}') in
  running) ;;
  "") "$W" run -d --name quickstart-web -p "$PORT:80" nginx:debian >/dev/null ;;
  *) "$W" start quickstart-web >/dev/null ;;
esac
page=$(curl -fs --retry 20 --retry-all-errors --retry-delay 0 --retry-max-time 10 "http://127.0.0.1:$PORT/") ||
  fail "nginx does not answer on port $PORT: see 'wharf logs quickstart-web'"
printf '%s\n' "$page" | sed -n '1,12p'
cat <<EOF

It runs. What to try next:

  export DOCKER_CONTEXT=$CONTEXT PATH="$PWD/dist:\$PATH"
  wharf ps
  wharf exec -it quickstart-web bash
  wharf logs quickstart-web
  wharf run --rm -it debian:12
  docker ps                       # the docker CLI uses the same context

Stop it: npm run quickstart -- --stop     Remove its data too: npm run quickstart -- --purge
EOF
