# What the scenarios are written with. Sourced by guest.sh.

STATE=/var/lib/wharf-test
SOCKET=/run/wharf.sock
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin WHARF_AUTOSTART=0
# Emulation is some ten times slower than the real machine, more when that has other work.
PATIENCE_SECONDS=600

driver=cgroupfs runtime=crun
label() { echo "[$driver $runtime] $*"; }

# check NAME COMMAND...: passes when the command succeeds; its output is shown when it does not.
check() {
  local name output start
  name=$(label "$1")
  start=$(date +%s)
  shift
  if output=$("$@" 2>&1); then
    echo "ok $name"
  else
    echo "FAIL $name"
    cut -c1-600 <<<"$output" | tail -n 25 | sed 's/^/     /'
    journalctl -u wharf.service --since "@$start" --no-pager -o cat | cut -c1-600 | tail -n 8 | sed 's/^/     engine: /'
  fi
}

skip() { echo "SKIP $(label "$1"): $2"; }

# equal WANTED COMMAND...: the command's output, without spaces around, is what is wanted.
equal() {
  local wanted=$1 got status=0
  shift
  got=$("$@" 2>&1) || status=$?
  got=$(sed -z 's/^\s*//; s/\s*$//' <<<"$got")
  [ "$got" = "$wanted" ] || {
    printf '%s\n  gave   %s (exit code %s)\n  wanted %s\n' "$*" "$got" "$status" "$wanted"
    return 1
  }
}

# exits CODE COMMAND...
exits() {
  local wanted=$1 status=0 output
  shift
  output=$("$@" 2>&1) || status=$?
  [ "$status" = "$wanted" ] || {
    printf '%s\n  ended with %s, wanted %s; it said: %s\n' "$*" "$status" "$wanted" "$output"
    return 1
  }
}

# eventually COMMAND...: until it succeeds.
eventually() {
  local end=$((SECONDS + PATIENCE_SECONDS)) output
  until output=$("$@" 2>&1); do
    [ $SECONDS -lt $end ] || {
      printf 'not within %s s: %s\n%s\n' $PATIENCE_SECONDS "$*" "$output"
      return 1
    }
    sleep 0.2
  done
}

contains() { # contains WORDS COMMAND...
  local wanted=$1 output
  shift
  output=$("$@" 2>&1)
  [[ $output = *"$wanted"* ]] || {
    printf '%s\n  gave %s\n  which lacks %s\n' "$*" "$output" "$wanted"
    return 1
  }
}

api() { # api METHOD PATH [BODY]
  curl -sS --fail-with-body -X "$1" --unix-socket $SOCKET "http://wharf/v1.51$2" ${3:+-H 'Content-Type: application/json' -d "$3"}
}

inspect() { wharf inspect -f "$2" "$1"; }
id_of() { inspect "$1" '{{.Id}}'; }
pid_of() { inspect "$1" '{{.State.Pid}}'; }

# cgroup_of NAME: the folder of the container's cgroup, asked of the kernel.
cgroup_of() {
  local pid
  pid=$(pid_of "$1")
  echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")"
}

engine_answers() { api GET /_ping; }
start_engine() {
  systemctl start wharf.service
  eventually engine_answers
}
engine_pid() { systemctl show -P MainPID wharf.service; }
crash_engine() {
  systemctl kill -s KILL --kill-whom=main wharf.service
  eventually equal failed systemctl show -P ActiveState wharf.service
}

# configure_engine: daemon.json for $driver and $runtime; the engine is started with it.
configure_engine() {
  systemctl stop wharf.service
  mkdir -p /etc/wharf
  printf '{"exec-opts": ["native.cgroupdriver=%s"], "default-runtime": "%s"}\n' "$driver" "$runtime" >/etc/wharf/daemon.json
  systemctl reset-failed wharf.service 2>/dev/null
  start_engine
}

# traces: everything on the guest that containers leave when they are not cleaned away.
traces() {
  find /sys/fs/cgroup -type d | grep -E '/wharf/|wharf-[0-9a-f]{8}|/[0-9a-f]{64}' | sed 's/^/cgroup /'
  systemctl list-units --all --plain --no-legend | grep -E '[0-9a-f]{64}|^wharf-[^ ]*\.scope|^test[^ ]*\.slice' | sed 's/^/unit /'
  awk '$2 ~ "^/(var/lib|run)/wharf/" {print "mount " $2}' /proc/mounts
  ip -o link | awk -F': ' '{print "link " $2}' | sed 's/@.*//'
  pgrep -a conmon | sed 's/^/process /'
  nft list ruleset | grep -E 'dport|172\.17\.0\.[2-9]' | sed 's/^/rule /'
  find /run/wharf/runtime -mindepth 2 -maxdepth 3 2>/dev/null | grep -E '[0-9a-f]{64}' | sed 's/^/file /'
}

no_traces() { equal "$(cat "$STATE/traces-before")" traces; }

prepare_guest() {
  ln -sf /payload/wharf /usr/local/bin/wharf
  cp /payload/wharf.service /etc/systemd/system/wharf.service
  systemctl daemon-reload
  systemctl enable --quiet wharf.service
}
