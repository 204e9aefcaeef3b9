#!/usr/bin/env bash
# npm run test:vm: the core scenarios in a small Debian 12 guest with systemd and cgroup v2 only, and through real
# reboots. The guest runs in qemu without acceleration: twenty minutes of an idle machine, far more of a busy one.
# WHARF_TEST_VM_ONLY=systemd-crun,reboot runs a part of it.
# Ends with the plain line "N passed, N failed, N skipped". Leaves only $WHARF_TEST_CACHE behind.
set -u
cd "$(dirname "$0")/.."
. scripts/lib/common.sh
need_root "npm run test:vm"
need_node
need_debian
export WHARF_TEST_CACHE=${WHARF_TEST_CACHE:-/var/cache/wharf-test}
GUEST_PACKAGES=(
  linux-image-cloud-amd64 systemd-sysv dbus udev kmod runc crun conmon nftables iproute2 catatonit procps
  busybox-static golang-github-containers-common curl
)
TIME_LIMIT_SECONDS=${WHARF_TEST_VM_SECONDS:-5400}

# make_guest_disk DISK KERNEL: the root file system of the guest as an ext4 image, and the kernel that boots it.
make_guest_disk() {
  local disk=$1 kernel=$2 tar=$WHARF_TEST_CACHE/vm.tar folder unit status=0
  [ -s "$disk" ] && [ -s "$kernel" ] && return 0
  make_debian_tar "$tar" "${GUEST_PACKAGES[@]}"
  folder=$(mktemp -d /var/tmp/wharf-vm-root-XXXXXX)
  {
    tar -C "$folder" --numeric-owner -xf "$tar" &&
      cp "$folder"/boot/vmlinuz-* "$kernel.new" &&
      rm -rf "$folder"/boot/* &&
      cp -r test/vm/root/. "$folder/" &&
      chown -R 0:0 "$folder"/etc/systemd/system "$folder"/etc/fstab "$folder"/etc/hostname &&
      mkdir -p "$folder/payload" "$folder/etc/systemd/system/multi-user.target.wants" &&
      ln -s ../wharf-test.service "$folder/etc/systemd/system/multi-user.target.wants/" &&
      # An empty machine id would make every boot a first boot, which sets all units up anew.
      echo 7762 6172 6674 6573 7400 0000 0000 0001 | tr -d ' ' >"$folder/etc/machine-id" &&
      for unit in getty@tty1.service serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer \
        dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-hwdb-update.service; do
        ln -sf /dev/null "$folder/etc/systemd/system/$unit"
      done &&
      truncate -s 2500M "$disk.new" &&
      mkfs.ext4 -q -F -L root -d "$folder" "$disk.new"
  } || status=$?
  rm -rf "$folder"
  [ $status = 0 ] || fail "Cannot make the disk of the guest: see above"
  mv "$kernel.new" "$kernel"
  mv "$disk.new" "$disk"
  rm -f "$tar"
}

say "Set-up: packages"
install_packages "${IMAGE_PACKAGES[@]}" "qemu-system-x86:runs the guest" "e2fsprogs:makes the guest's disks"
say "Set-up: build"
build_wharf
say "Set-up: the guest (kept in $WHARF_TEST_CACHE)"
make_busybox_tar "$WHARF_TEST_CACHE/busybox.tar"
edition=$({ echo "${GUEST_PACKAGES[*]}"; find test/vm/root -type f | sort | xargs cat; } | sha256sum | cut -c1-12)
disk=$WHARF_TEST_CACHE/vm-$edition.ext4 kernel=$WHARF_TEST_CACHE/vm-$edition.vmlinuz
[ -s "$disk" ] || rm -f "$WHARF_TEST_CACHE"/vm-*
make_guest_disk "$disk" "$kernel"

work=$(mktemp -d /var/tmp/wharf-vm-XXXXXX)
qemu=
trap '[ -z "$qemu" ] || kill "$qemu" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/payload"
cp dist/wharf "$WHARF_TEST_CACHE/busybox.tar" test/vm/*.sh test/vm/*.service "$work/payload/"
truncate -s "$(($(du -sm "$work/payload" | cut -f1) + 40))M" "$work/payload.ext4"
mkfs.ext4 -q -F -L payload -O ^has_journal -d "$work/payload" "$work/payload.ext4" || fail "Cannot make the disk with the tests"
rm -rf "$work/payload"
touch "$work/console"

say "The guest: systemd, cgroup v2, three boots"
# NVMe because Debian's cloud kernel has it built in: the guest boots without an initramfs. With snapshot=on all
# writes go to a file that qemu has already unlinked; they outlive resets of the guest, but not qemu.
TMPDIR=$work timeout "$TIME_LIMIT_SECONDS" nice -n 10 qemu-system-x86_64 \
  -accel tcg,thread=multi -machine q35 -cpu max -smp 2 -m 2048 \
  -nodefaults -no-user-config -nographic -nic none -device virtio-rng-pci -serial "file:$work/console" \
  -drive "if=none,id=root,format=raw,file=$disk,snapshot=on" -device nvme,drive=root,serial=root \
  -drive "if=none,id=payload,format=raw,file=$work/payload.ext4,readonly=on" -device nvme,drive=payload,serial=payload \
  -kernel "$kernel" -append "root=/dev/nvme0n1 rootwait rw console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off \
systemd.show_status=false wharf.only=${WHARF_TEST_VM_ONLY:-}" >"$work/qemu.log" 2>&1 &
qemu=$!
tail --pid=$qemu -n +1 -f "$work/console" | stdbuf -oL tr -d '\r' | grep --line-buffered -aE '^(ok|FAIL|SKIP|BOOT|    ) '
wait $qemu
status=$?
qemu=

count() { tr -d '\r' <"$work/console" | grep -acE "^$1 "; }
passed=$(count ok) failed=$(count FAIL) skipped=$(count SKIP)
if ! grep -aq '^DONE' "$work/console"; then
  failed=$((failed + 1))
  printf 'FAIL The guest did not come to its end (qemu: %s)\n' "$status"
fi
if [ "$failed" != 0 ]; then
  cat "$work/qemu.log"
  say "The guest's console and the engine's log, their last 200 lines:"
  tr -d '\r' <"$work/console" | grep -avE '^(ok|BOOT) ' | tail -200
fi
[ -z "${WHARF_TEST_VM_LOG:-}" ] || tr -d '\r' <"$work/console" >"$WHARF_TEST_VM_LOG"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
