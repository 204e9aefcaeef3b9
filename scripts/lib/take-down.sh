# Takes down what an engine left on the host when nothing of it answers any more. Sourced, not run; needs bash.
# Everything is found by the engine's own marks: its folder, its containers' ids, its engine id.

processes_naming() { # processes_naming TEXT: pids of engines, conmons and runtimes whose command line holds it
  local directory
  for directory in /proc/[0-9]*; do
    case $(cat "$directory/comm" 2>/dev/null) in wharf | conmon | crun | runc) ;; *) continue ;; esac
    tr '\0' ' ' <"$directory/cmdline" 2>/dev/null | grep -qF -- "$1" && echo "${directory#/proc/}"
  done
  return 0
}

container_ids() { # container_ids DIR: of the engine whose data is in DIR/data and whose state is in DIR/run
  local pid
  {
    ls "$1/data/containers" "$1/run/runtime/processes" 2>/dev/null || true
    for pid in $(processes_naming "$1/run/"); do
      tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | sed -n 's/^--cid=//p'
    done
  } | grep -xE '[0-9a-f]{64}' | sort -u
}

engine_id() { # engine_id DIR BRIDGE: from its file or, when that is gone, from the bridge that no engine uses
  cat "$1/data/engine-id" 2>/dev/null && return 0
  [ -n "$(processes_naming "--bridge $2 ")" ] && return 0
  ip -o link show "$2" 2>/dev/null | sed -nE 's/.* alias wharf:([0-9a-f-]+).*/\1/p'
}

# Kills what runs in the cgroups of one container, frozen or not, and removes them, the deepest first.
remove_cgroups() { # remove_cgroups CONTAINER_ID
  local groups group pid
  groups=$(find /sys/fs/cgroup -maxdepth 4 -type d -name "*$1*" -exec find {} -depth -type d \; 2>/dev/null)
  for _ in $(seq 100); do
    for group in $groups; do
      for pid in $(cat "$group/cgroup.procs" 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
      # a frozen process dies when it thaws: freezer.state is cgroup v1's, cgroup.freeze v2's
      if [ -e "$group/freezer.state" ]; then echo THAWED >"$group/freezer.state" 2>/dev/null || true; fi
      if [ -e "$group/cgroup.freeze" ]; then echo 0 >"$group/cgroup.freeze" 2>/dev/null || true; fi
    done
    for group in $groups; do rmdir "$group" 2>/dev/null || true; done
    for group in $groups; do [ -d "$group" ] && sleep 0.05 && continue 2; done
    return 0
  done
}

mounts_below() { # mounts_below DIR: the last mounted first
  tac /proc/self/mounts | cut -d' ' -f2 | while read -r place; do
    place=$(printf '%b' "${place//\\/\\0}") # blanks stand there as \040
    case $place in "$1"/*) printf '%s\n' "$place" ;; esac
  done
}

# take_down DIR BRIDGE: kills the engine's processes and containers, and removes its cgroups, mounts, links and rules.
take_down() {
  local directory=$1 ids engine id pid link place
  ids=$(container_ids "$directory")
  # first whoever would start something again
  for pid in $(processes_naming "$directory/data"); do kill -9 "$pid" 2>/dev/null || true; done
  for id in $ids; do remove_cgroups "$id"; done
  for pid in $(processes_naming "$directory/run/"); do kill -9 "$pid" 2>/dev/null || true; done
  mounts_below "$directory" | while IFS= read -r place; do
    umount "$place" 2>/dev/null || umount -l "$place" 2>/dev/null || true
  done
  engine=$(engine_id "$directory" "$2")
  [ -n "$engine" ] || return 0
  for link in $(ip -o link show | grep -F "wharf:$engine" | sed -E 's/^[0-9]+: ([^:@]+).*/\1/'); do
    ip link delete "$link" 2>/dev/null || true # the other end of a pair is gone with the first
  done
  nft delete table inet "wharf_$(printf %s "$engine" | tr -d - | cut -c1-8)" 2>/dev/null || true
}
