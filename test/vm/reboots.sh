# Real reboots: one as `reboot` does it, one as a power cut. Sourced by guest.sh.

make_lasting() { # make_lasting: what both boots look at
  wharf run -d --name always --restart always -p 127.0.0.1:8090:80 -v starts:/data busybox \
    sh -c 'echo start >>/data/starts; httpd -f -p 80 -h /etc' >/dev/null
  wharf run -d --name unless --restart unless-stopped --memory 64m busybox sleep 100000 >/dev/null
  wharf run -d --name stopped --restart unless-stopped busybox sleep 100000 >/dev/null
  wharf stop -t 0 stopped >/dev/null
  wharf run -d --name stopped-always --restart always busybox sleep 100000 >/dev/null
  wharf stop -t 0 stopped-always >/dev/null
  wharf run -d --name plain busybox sh -c 'trap "exit 6" TERM; while :; do sleep 0.1; done' >/dev/null
  wharf run --name ended busybox sh -c 'echo last words; exit 7'
  wharf run -d --name paused --restart always busybox sleep 100000 >/dev/null
  wharf pause paused >/dev/null
  wharf create --name fresh busybox sh -c 'echo fresh' >/dev/null
  cp /proc/sys/kernel/random/boot_id "$STATE/boot-id"
}

before_reboot() {
  driver=systemd runtime=crun
  check "before the reboot: the engine starts" configure_engine
  [ -n "$(wharf images -q busybox)" ] || wharf import -c 'CMD ["sh"]' /payload/busybox.tar busybox >/dev/null
  wharf ps -aq | xargs -r wharf rm -fv >/dev/null
  make_lasting
  check "before the reboot: all is as wanted" equal "$(printf '%s\n' \
    "always running" "ended exited" "fresh created" "paused paused" "plain running" "stopped exited" \
    "stopped-always exited" "unless running")" states
}

states() { wharf ps -a --format '{{.Names}} {{.State}}' | sort; }

# after_boot WORDS EXIT_OF_PLAIN STARTS
after_boot() {
  driver=systemd runtime=crun
  check "$1: the guest has booted anew" not_the_boot "$(cat "$STATE/boot-id")"
  check "$1: systemd starts the engine" eventually engine_answers
  check "$1: --restart always runs" eventually equal running inspect always '{{.State.Status}}'
  check "$1: --restart unless-stopped runs" eventually equal running inspect unless '{{.State.Status}}'
  check "$1: what was stopped stays stopped" equal "exited 137" inspect stopped '{{.State.Status}} {{.State.ExitCode}}'
  check "$1: stopped, but --restart always: runs, as docker says" eventually equal running inspect stopped-always '{{.State.Status}}'
  check "$1: a paused one with --restart always runs" eventually equal "running false" inspect paused '{{.State.Status}} {{.State.Paused}}'
  check "$1: without a policy it has ended" equal "exited $2" inspect plain '{{.State.Status}} {{.State.ExitCode}}'
  check "$1: an old exit code is kept" equal "exited 7" inspect ended '{{.State.Status}} {{.State.ExitCode}}'
  check "$1: and its log" equal "last words" wharf logs ended
  check "$1: a created one is still to be started" equal created inspect fresh '{{.State.Status}}'
  check "$1: the volume has each start" eventually equal "$3" sh -c 'wharf exec always cat /data/starts | wc -l'
  check "$1: the published port" eventually contains root: curl -sS --max-time 20 http://127.0.0.1:8090/passwd
  check "$1: the limits" equal 67108864 wharf exec unless cat /sys/fs/cgroup/memory.max
  check "$1: the stopped one starts" wharf start plain
  check "$1: the image is whole" equal works wharf run --rm busybox echo works
}

not_the_boot() { [ "$(cat /proc/sys/kernel/random/boot_id)" != "$1" ]; }

after_reboot() { after_boot "after reboot" 6 2; }

before_power_cut() {
  cp /proc/sys/kernel/random/boot_id "$STATE/boot-id"
  sync -f "$STATE/boot-id" "$STATE/boot"
  # Nobody writes these back before the cut but the engine itself.
  wharf tag busybox second:latest
  wharf import /payload/busybox.tar third >/dev/null
  wharf run --name late busybox sh -c 'exit 11'
  check "before the power cut: the late container has ended" equal "exited 11" inspect late '{{.State.Status}} {{.State.ExitCode}}'
}

after_power_cut() {
  after_boot "after a power cut" 255 3
  check "after a power cut: the container that ended just before it" equal "exited 11" inspect late '{{.State.Status}} {{.State.ExitCode}}'
  check "after a power cut: the image that was imported just before it" equal whole wharf run --rm third echo whole
  check "after a power cut: the tag that was set just before it" equal tagged wharf run --rm second echo tagged
  wharf ps -aq | xargs -r wharf rm -fv >/dev/null
  check "after a power cut: nothing of the boots before it is left" eventually equal "" sh -c \
    "ls -A /run/wharf/runtime/processes; grep -F /var/lib/wharf/ /proc/mounts; ls -A /var/lib/wharf/containers"
}
