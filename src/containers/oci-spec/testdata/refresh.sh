#!/usr/bin/env bash
# Asks a running dockerd for the config.json that it makes of each combination of flags, and stores it with
# what `docker inspect` shows of the container: refresh.sh SOCKET STATE-DIR IMAGE
#   STATE-DIR is containerd's io.containerd.runtime.v2.task/moby; IMAGE has /bin/sleep.
set -eu
socket=$1 state=$2 image=$3
here=$(cd "$(dirname "$0")" && pwd)
engine() { docker -H "$socket" "$@"; }
record() { # record NAME FLAG...
  local name=$1 id
  shift
  id=$(engine create --name "wharf-$name" "$@" "$image" sleep 300)
  engine start "$id" >/dev/null
  engine inspect "$id" | python3 -c '
import json, sys
name, config, image = sys.argv[1:]
inspect = json.load(sys.stdin)[0]
spec = json.load(open(config))
seccomp = spec["linux"].get("seccomp")
if seccomp and name != "default": seccomp["syscalls"] = len(seccomp["syscalls"])
text = json.dumps({"Config": inspect["Config"], "HostConfig": inspect["HostConfig"], "spec": spec}, indent=1, sort_keys=True)
print(text.replace(inspect["Id"], "<id>"))
' "$name" "$state/$id/config.json" "$image" >"$here/$name.json"
  engine rm -f "$id" >/dev/null
}
record default
record privileged --privileged
record caps --cap-drop ALL --cap-add NET_ADMIN --cap-add CHOWN --security-opt no-new-privileges
record caps-all --cap-add ALL --cap-drop MKNOD
record limits --memory 64m --memory-swap 128m --memory-reservation 32m --cpus 1.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 77 --blkio-weight 300 --oom-score-adj 100 --oom-kill-disable
record cpu --cpu-period 50000 --cpu-quota 25000 --memory 32m --memory-swap -1 --memory-swappiness 10
record namespaces --pid host --ipc host --uts host --network host --cgroupns host
record private --ipc private --cgroupns private --hostname web --domainname example.org
record devices --device /dev/null:/dev/xnull:r --device-cgroup-rule 'c 10:* rw' --device /dev/zero
record mounts --read-only --tmpfs /scratch:size=1m,mode=700 --shm-size 5m -v /tmp:/data:ro --mount type=tmpfs,target=/t,tmpfs-size=4096 --mount type=bind,src=/var,target=/var2,bind-propagation=private
record user --user 1000:1001 --group-add 44 --workdir /work --env A=b --tty --interactive --init --ulimit nofile=100:200 --ulimit core=0 --sysctl net.core.somaxconn=99
record unconfined --security-opt seccomp=unconfined --security-opt systempaths=unconfined --security-opt apparmor=unconfined
