# What one engine does under systemd and cgroup v2, with $driver and $runtime. Sourced by guest.sh.

# scenarios all|core|short
scenarios() {
  check "the engine starts" configure_engine
  [ -n "$(wharf images -q busybox)" ] ||
    check "import makes an image" wharf import -c 'CMD ["sh"]' /payload/busybox.tar busybox
  check "a first container runs" equal hello wharf run --rm busybox echo hello
  eventually equal "" pgrep conmon >/dev/null
  traces >"$STATE/traces-before"
  facts
  limits
  [ "$1" = short ] || {
    processes
    out_of_memory
    pausing
    stopping
    crash
  }
  [ "$1" = all ] && {
    placement
    devices
    networking
    volumes
    restarts
  }
  wharf ps -aq | xargs -r wharf rm -fv >/dev/null
  check "nothing is left after rm" eventually no_traces
}

facts() {
  check "info: cgroup v2" equal 2 wharf info -f '{{.CgroupVersion}}'
  check "info: the cgroup driver" equal "$driver" wharf info -f '{{.CgroupDriver}}'
  check "info: the runtime" equal "$runtime" wharf info -f '{{.DefaultRuntime}}'
  check "info: limits of memory, CPU and processes are supported" equal "true true true true" \
    wharf info -f '{{.MemoryLimit}} {{.CpuCfsQuota}} {{.PidsLimit}} {{.CPUSet}}'
  check "info: no warning" equal null wharf info -f '{{json .Warnings}}'
  check "a container has a cgroup namespace of its own" equal 0::/ wharf run --rm busybox cat /proc/self/cgroup
  check "it sees cgroup2, read-only" equal "cgroup2 ro" \
    wharf run --rm busybox awk '$2 == "/sys/fs/cgroup" {split($4, o, ","); print $3, o[1]}' /proc/mounts
  check "with --privileged it is writable" equal rw \
    wharf run --rm --privileged busybox awk '$2 == "/sys/fs/cgroup" {split($4, o, ","); print o[1]}' /proc/mounts
}

limits() {
  check "run with limits" wharf run -d --name limited --memory 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 \
    --cpu-shares 512 --cpuset-cpus 0 --pids-limit 40 busybox sleep 100000
  local folder file wanted
  while read -r file wanted; do
    check "the container sees $file" equal "$wanted" wharf exec limited cat "/sys/fs/cgroup/$file"
  done <<'FILES'
memory.max 67108864
memory.swap.max 33554432
memory.low 33554432
cpu.max 50000 100000
cpu.weight 20
cpuset.cpus.effective 0
pids.max 40
FILES
  folder=$(cgroup_of limited)
  if [ "$driver" = systemd ]; then
    check "its cgroup is a scope in system.slice" equal "$(scope_folder system.slice limited)" echo "$folder"
    # crun keeps the limits below the scope, where systemd does not write.
    [ "$runtime" = crun ] || check "systemd knows the limits" equal "67108864 500ms 40" \
      sh -c "systemctl show -p MemoryMax,TasksMax,CPUQuotaPerSecUSec --value wharf-$(id_of limited).scope | sort -rn | xargs"
  else
    check "its cgroup is below wharf" equal "/sys/fs/cgroup/wharf/$(id_of limited)" echo "$folder"
  fi
  check "systemctl daemon-reload leaves them" systemctl daemon-reload
  check "the same memory limit after it" equal 67108864 cat "$folder/memory.max"
  check "the same CPU limit after it" equal "50000 100000" cat "$folder/cpu.max"
  update "$folder"
  api GET "/containers/limited/stats?stream=false" >"$STATE/stats"
  check "stats: the memory's limit" contains '"limit":67108864' cat "$STATE/stats"
  check "stats: memory is in use" sh -c "grep -qE '\"memory_stats\":\{\"usage\":[1-9]' $STATE/stats || { cat $STATE/stats; false; }"
  check "stats: CPU time" sh -c "grep -qE '\"total_usage\":[1-9]' $STATE/stats || { cat $STATE/stats; false; }"
  check "stats: processes" sh -c "grep -qE '\"pids_stats\":\{\"current\":1,\"limit\":40' $STATE/stats || { cat $STATE/stats; false; }"
  wharf rm -f limited >/dev/null

  check "--pids-limit is enforced" contains "can't fork" \
    wharf run --rm --pids-limit 10 busybox sh -c 'for i in $(seq 20); do sleep 5 & done'
  wharf run -d --name spinning --cpus 0.2 busybox sh -c 'while :; do :; done' >/dev/null
  check "--cpus is enforced" eventually throttled "$(cgroup_of spinning)"
  check "a container at its CPU limit uses no more" uses_at_most 30 "$(cgroup_of spinning)"
  wharf rm -f spinning >/dev/null
}

update() { # update CGROUP
  check "update" wharf update --memory 128m --memory-swap 160m --memory-reservation 16m --cpus 0.25 \
    --cpu-shares 300 --cpuset-cpus 0 --pids-limit 50 limited
  check "update reaches memory.max" equal 134217728 cat "$1/memory.max"
  check "update reaches memory.swap.max" equal 33554432 cat "$1/memory.swap.max"
  check "update reaches memory.low" equal 16777216 cat "$1/memory.low"
  check "update reaches cpu.max" equal "25000 100000" cat "$1/cpu.max"
  check "update reaches cpu.weight, made from shares" equal 12 cat "$1/cpu.weight"
  check "update reaches pids.max" equal 50 cat "$1/pids.max"
  systemctl daemon-reload
  check "what was updated stays over a daemon-reload" equal "134217728 50" sh -c "cat $1/memory.max $1/pids.max | xargs"
  check "update takes the limit of processes away" wharf update --pids-limit -1 limited
  check "pids.max is max" equal max cat "$1/pids.max"
  check "update of swap alone" wharf update --memory-swap -1 limited
  check "memory.swap.max is max" equal max cat "$1/memory.swap.max"
  check "real-time CPU is refused" contains "does not support CPU real-time scheduler" wharf update --cpu-rt-runtime 1000 limited
  disk=$(lsblk -dno NAME,MAJ:MIN,TYPE | awk '$3 == "disk" {print $1, $2; exit}')
  api POST /containers/limited/update "{\"BlkioDeviceReadBps\":[{\"Path\":\"/dev/${disk% *}\",\"Rate\":1048576}]}" >/dev/null
  check "update reaches io.max" contains "${disk#* } rbps=1048576" cat "$1/io.max"
  wharf update --memory 64m --memory-swap 96m --memory-reservation 32m --pids-limit 40 limited >/dev/null
}

scope_folder() { # scope_folder SLICES NAME
  echo "/sys/fs/cgroup/$1/wharf-$(id_of "$2").scope$([ "$runtime" = crun ] && echo /container)"
}

throttled() { [ "$(awk '$1 == "nr_throttled" {print $2}' "$1/cpu.stat")" -gt 3 ]; }

uses_at_most() { # uses_at_most PERCENT CGROUP, over two seconds
  local before after start end percent
  start=$(date +%s%N) before=$(awk '$1 == "usage_usec" {print $2}' "$2/cpu.stat")
  sleep 2
  end=$(date +%s%N) after=$(awk '$1 == "usage_usec" {print $2}' "$2/cpu.stat")
  percent=$(((after - before) * 100000 / (end - start)))
  [ $percent -le "$1" ] || { echo "it used $percent %"; return 1; }
}

processes() {
  check "the exit code of run" exits 7 wharf run --rm busybox sh -c 'exit 7'
  check "127 for an unknown command" exits 127 wharf run --rm busybox no-such-command
  check "126 for one that cannot be invoked" exits 126 wharf run --rm busybox /etc
  wharf run -d --name worker busybox sleep 100000 >/dev/null
  local folder
  folder=$(cgroup_of worker)
  check "exec" equal inside wharf exec worker echo inside
  check "the exit code of exec" exits 3 wharf exec worker sh -c 'exit 3'
  check "exec: 127 for an unknown command" exits 127 wharf exec worker no-such-command
  wharf exec -d worker sleep 77777
  check "an exec's process is in the container's cgroup" eventually same_cgroup 'sleep 77777' "$folder"
  check "top shows both" contains "sleep 77777" wharf top worker
  check "exec -t has a terminal" contains /dev/pts/ script -qec 'wharf exec -t worker tty' /dev/null
  check "kill ends all of it" wharf kill worker
  check "the exec's process is gone as well" eventually equal "" pgrep -f 'sleep 77777'
  check "137 after kill" equal "exited 137 false" inspect worker '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}'
  wharf run -d --name initial --init busybox sleep 100000 >/dev/null
  check "--init is process 1" contains init wharf exec initial cat /proc/1/cmdline
  wharf rm -f worker initial >/dev/null
  check "the cgroup is gone" eventually test ! -e "$folder"
}

same_cgroup() { # same_cgroup COMMAND CGROUP
  local pid
  pid=$(pgrep -f "^$1") && equal "$2" echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")"
}

out_of_memory() {
  check "137 for a container out of memory" exits 137 \
    wharf run --name greedy --memory 24m --memory-swap 24m busybox dd if=/dev/zero of=/dev/null bs=64M
  check "OOMKilled" equal "137 true" inspect greedy '{{.State.ExitCode}} {{.State.OOMKilled}}'
  check "a child out of memory does not end the container" wharf run -d --name parent --memory 24m --memory-swap 24m \
    busybox sh -c 'dd if=/dev/zero of=/dev/null bs=64M; echo "child ended with $?"; exec sleep 100000'
  check "its parent sees 137" eventually contains "child ended with 137" wharf logs parent
  wharf stop -t 0 parent >/dev/null
  check "OOMKilled after such a child" equal true inspect parent '{{.State.OOMKilled}}'
  check "there was an oom event" contains "container oom" wharf events --since 10m --until 0s --filter event=oom
  check "a container may start again after it" wharf start parent
  wharf rm -f greedy parent >/dev/null
}

pausing() {
  wharf run -d --name pausing busybox sh -c 'while :; do echo tick; sleep 0.2; done' >/dev/null
  local folder
  folder=$(cgroup_of pausing)
  check "pause" wharf pause pausing
  check "the state is paused" equal paused inspect pausing '{{.State.Status}}'
  check "the kernel has frozen it" contains "frozen 1" cat "$folder/cgroup.events"
  check "exec into it is refused" contains "is paused" wharf exec pausing true
  crash_engine
  check "a new engine takes it over" start_engine
  check "paused as it was" equal "true paused" inspect pausing '{{.State.Paused}} {{.State.Status}}'
  check "unpause" wharf unpause pausing
  check "the kernel has thawed it" contains "frozen 0" cat "$folder/cgroup.events"
  check "it runs again" equal again wharf exec pausing echo again
  wharf pause pausing >/dev/null
  check "stop of a paused container" wharf stop -t 1 pausing
  wharf start pausing >/dev/null
  wharf pause pausing >/dev/null
  check "rm -f of a paused container" wharf rm -f pausing
}

stopping() {
  wharf run -d --name polite busybox sh -c 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null
  eventually contains ready wharf logs polite
  check "stop" wharf stop -t 30 polite
  check "the process saw SIGTERM" equal "exited 5" inspect polite '{{.State.Status}} {{.State.ExitCode}}'
  check "its last words are in the log" contains bye wharf logs polite
  wharf run -d --name deaf busybox sleep 100000 >/dev/null
  check "stop kills after its time" wharf stop -t 1 deaf
  check "137 after that" equal 137 inspect deaf '{{.State.ExitCode}}'
  check "restart" wharf restart -t 0 polite
  check "running after restart" equal running inspect polite '{{.State.Status}}'
  wharf rm -f polite deaf >/dev/null
}

crash() {
  wharf run -d --name survivor -p 127.0.0.1:8081:80 busybox sh -c 'httpd -p 80 -h /etc; i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done' >/dev/null
  wharf run -d --name ending -i busybox sh -c 'mkfifo /go; read x </go; exit 42' >/dev/null
  wharf run -d --name starving --memory 24m --memory-swap 24m busybox sh -c 'mkfifo /go; read x </go; exec dd if=/dev/zero of=/dev/null bs=64M' >/dev/null
  local pid ending starving
  pid=$(pid_of survivor) ending=$(pid_of ending) starving=$(pid_of starving)
  eventually test -p "/proc/$ending/root/go"
  eventually test -p "/proc/$starving/root/go"
  crash_engine
  check "kill -9 of the engine leaves the containers" test -d "/proc/$pid"
  check "the published port goes on meanwhile" contains root: curl -sS --max-time 20 http://127.0.0.1:8081/passwd
  echo >"/proc/$ending/root/go"
  echo >"/proc/$starving/root/go"
  check "two containers end meanwhile" eventually equal gone sh -c "test -d /proc/$ending || test -d /proc/$starving || echo gone"
  check "a new engine starts" start_engine
  check "it has the survivor, the same process" equal "$pid" pid_of survivor
  check "exec in the survivor" equal 0 wharf exec survivor sh -c 'echo $?'
  check "the exit code that nobody saw" eventually equal "exited 42" inspect ending '{{.State.Status}} {{.State.ExitCode}}'
  check "the lack of memory that nobody saw" eventually equal "137 true" inspect starving '{{.State.ExitCode}} {{.State.OOMKilled}}'
  check "the survivor's log has no gap" no_gap survivor
  check "the published port" contains root: curl -sS --max-time 20 http://127.0.0.1:8081/passwd
  check "stop of the survivor" wharf stop -t 0 survivor
  check "137, as the new engine saw it" equal 137 inspect survivor '{{.State.ExitCode}}'
  wharf rm -f survivor ending starving >/dev/null
}

no_gap() { wharf logs "$1" | awk '{if ($2 != NR) {print "line " NR " is " $0; exit 1}} END {if (NR < 10) exit 1}'; }

placement() {
  if [ "$driver" = systemd ]; then
    wharf run -d --name placed --cgroup-parent test-inner.slice busybox sleep 100000 >/dev/null
    check "--cgroup-parent with a slice" equal "$(scope_folder test.slice/test-inner.slice placed)" cgroup_of placed
    check "a parent that is no slice is refused" contains "slice" wharf create --name misplaced --cgroup-parent /some/where busybox
  else
    wharf run -d --name placed --cgroup-parent /test/inner busybox sleep 100000 >/dev/null
    check "--cgroup-parent with a path" equal "/sys/fs/cgroup/test/inner/$(id_of placed)" cgroup_of placed
  fi
  check "stats there" contains '"total_usage":' api GET '/containers/placed/stats?stream=false&one-shot=true'
  wharf rm -f placed misplaced >/dev/null 2>&1
  rmdir /sys/fs/cgroup/test/inner /sys/fs/cgroup/test 2>/dev/null
  check "--cgroupns host shows the real path" contains "$([ "$driver" = systemd ] && echo 0::/system.slice/wharf- || echo 0::/wharf/)" \
    wharf run --rm --cgroupns host busybox cat /proc/self/cgroup
  check "a nested cgroup in a privileged container" wharf run --rm --privileged busybox sh -c \
    'mkdir /sys/fs/cgroup/inner && echo $$ >/sys/fs/cgroup/inner/cgroup.procs && echo +pids >/sys/fs/cgroup/cgroup.subtree_control'
  check "--device-read-bps" contains "rbps=1048576" \
    wharf run --rm --device-read-bps /dev/nvme0n1:1mb busybox cat /sys/fs/cgroup/io.max
  check "--oom-score-adj" equal 321 wharf run --rm --oom-score-adj 321 busybox cat /proc/self/oom_score_adj
  check "--ulimit" equal 4321 wharf run --rm --ulimit nofile=4321 busybox sh -c 'ulimit -n'
}

# On cgroup v2 the rules for devices are a BPF program.
devices() {
  local read_disk='mknod /tmp/disk b 259 0 && dd if=/tmp/disk of=/dev/null bs=512 count=1'
  check "a container may not read the disk" contains "not permitted" wharf run --rm busybox sh -c "$read_disk"
  check "--device-cgroup-rule lets it" contains "1+0 records out" \
    wharf run --rm --device-cgroup-rule 'b 259:* rm' busybox sh -c "$read_disk"
  check "--device lets it" contains "1+0 records out" \
    wharf run --rm --device /dev/nvme0n1:/dev/disk:r busybox dd if=/dev/disk of=/dev/null bs=512 count=1
  wharf run -d --name plain busybox sleep 100000 >/dev/null
  systemctl daemon-reload
  check "/dev/null works after daemon-reload" wharf exec plain sh -c 'echo >/dev/null && head -c 8 /dev/urandom >/dev/zero'
  wharf rm -f plain >/dev/null
}

networking() {
  wharf run -d --name web -p 8080:80 busybox httpd -f -p 80 -h /etc >/dev/null
  check "a published port on loopback" eventually contains root: curl -sS --max-time 20 http://127.0.0.1:8080/passwd
  check "a published port on the bridge's address" eventually contains root: curl -sS --max-time 20 http://172.17.0.1:8080/passwd
  check "a neighbour by its address" contains root: \
    wharf run --rm busybox wget -qO- "http://$(inspect web '{{.NetworkSettings.Networks.bridge.IPAddress}}')/passwd"
  check "port" contains 0.0.0.0:8080 wharf port web
  wharf rm -f web >/dev/null
  check "the port is free again" exits 7 curl -sS --max-time 20 http://127.0.0.1:8080/passwd
  if wharf network create inner 2>&1 | grep -q 'not in this version'; then
    skip "a network of one's own" "this release has none"
    return
  fi
  wharf run -d --name web --network inner busybox httpd -f -p 80 -h /etc >/dev/null
  check "a neighbour by its name" eventually contains root: wharf run --rm --network inner busybox wget -qO- http://web/passwd
  wharf rm -f web >/dev/null
  check "network rm" wharf network rm inner
}

volumes() {
  wharf run --rm -v kept:/data busybox sh -c 'echo here >/data/file'
  check "a volume keeps its files" equal here wharf run --rm -v kept:/data busybox cat /data/file
  check "a read-only bind" contains "Read-only" wharf run --rm -v /etc:/host:ro busybox touch /host/x
  check "a bind" equal wharf-guest wharf run --rm -v /etc:/host:ro busybox cat /host/hostname
  check "a tmpfs" equal tmpfs wharf run --rm --tmpfs /t:size=1m busybox awk '$2 == "/t" {print $3}' /proc/mounts
  check "volume rm" wharf volume rm kept
}

restarts() {
  wharf run -d --name again --restart on-failure:2 busybox sh -c 'exit 9' >/dev/null
  check "--restart on-failure:2 tries twice more" eventually equal "exited 9 2" \
    inspect again '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}'
  wharf run -d --name lasting --restart always busybox sleep 100000 >/dev/null
  local pid
  pid=$(pid_of lasting)
  systemctl restart wharf.service
  check "systemctl restart brings the engine back" eventually engine_answers
  check "and a container with --restart always" eventually equal running inspect lasting '{{.State.Status}}'
  check "as a new process: the engine's end stopped it" test ! -d "/proc/$pid"
  pid=$(pid_of lasting)
  kill -9 "$pid"
  check "one that is killed from outside starts again" eventually not_pid lasting "$pid"
  wharf rm -f again lasting >/dev/null
}

not_pid() { [ "$(inspect "$1" '{{.State.Status}}')" = running ] && [ "$(pid_of "$1")" != "$2" ]; }
