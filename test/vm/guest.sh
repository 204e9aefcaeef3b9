#!/bin/bash
# Started by systemd at each boot of the guest; prints "ok NAME", "FAIL NAME" or "SKIP NAME" on the console.
set -u
cd "$(dirname "$0")"
. ./lib.sh
. ./scenarios.sh
. ./reboots.sh
mkdir -p "$STATE"
boot=$(($(cat "$STATE/boot" 2>/dev/null || echo 0) + 1))
echo $boot >"$STATE/boot"
only=$(sed -nE 's/.*wharf\.only=(\S*).*/\1/p' /proc/cmdline)
wanted() { [ -z "$only" ] || [[ ,$only, = *,$1,* ]]; }

say_log() { # the engine's log, for whoever looks into a failure
  journalctl -u wharf.service -b --no-pager -o cat 2>/dev/null | grep -avE ' (info|INFO) ' | sed 's/^/LOG /'
}

finish() {
  say_log
  echo DONE
  systemctl poweroff
  exit 0
}

echo # behind what the firmware wrote
echo "BOOT $boot after $(cut -d' ' -f1 /proc/uptime) s"
case $boot in
  1)
    prepare_guest
    for pair in cgroupfs-crun systemd-crun systemd-runc cgroupfs-runc; do
      wanted $pair || continue
      driver=${pair%-*} runtime=${pair#*-}
      case $pair in
        *-crun) scenarios all ;;
        systemd-runc) scenarios core ;;
        cgroupfs-runc) scenarios short ;;
      esac
    done
    wanted reboot || finish
    before_reboot
    say_log
    systemctl reboot
    ;;
  2)
    after_reboot
    before_power_cut
    say_log
    # The machine is gone at once: nothing is stopped, nothing unmounted, nothing written back.
    echo 1 >/proc/sys/kernel/sysrq
    echo b >/proc/sysrq-trigger
    ;;
  *)
    after_power_cut
    finish
    ;;
esac
