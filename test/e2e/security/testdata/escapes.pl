# Attempts of root in a default container to get out of it, x86-64. A line each on standard output:
#   name <tab> worked|refused <tab> detail
# An attempt that the kernel looked into at all (EINVAL, EFAULT, EBADF for arguments made wrong on purpose) counts
# as worked: seccomp and capabilities are to refuse before that.
use strict;
use warnings;
use Errno qw(EPERM EACCES ENOSYS EROFS ENOENT ENODEV ENXIO EAFNOSUPPORT EPROTONOSUPPORT ESOCKTNOSUPPORT);
use Fcntl;
use Socket;

my %REFUSED = map { $_ => 1 } EPERM, EACCES, ENOSYS, EROFS;
$| = 1;

sub report {
    my ($name, $worked, $detail) = @_;
    $detail =~ s/\s+/ /g;
    print join("\t", $name, $worked ? "worked" : "refused", $detail), "\n";
}

# A system call: refused when it says so.
sub call {
    my ($name, $number, @arguments) = @_;
    $! = 0;
    my $result = syscall($number, @arguments);
    my $errno = $! + 0;
    report($name, $result >= 0 || !$REFUSED{$errno}, $result >= 0 ? "returned $result" : "$!");
    return $result;
}

# As `call`, in a child that ends with it.
sub call_in_child {
    my ($name, @rest) = @_;
    my $pid = fork();
    if (!$pid) { call($name, @rest); exit 0; }
    waitpid($pid, 0);
}

sub write_to {
    my ($name, $path, $text) = @_;
    my $file;
    if (!sysopen($file, $path, O_WRONLY)) { report($name, 0, "$path: $!"); return; }
    my $written = syswrite($file, $text);
    report($name, defined $written, defined $written ? "$path: written" : "$path: $!");
    close $file;
}

sub read_from {
    my ($name, $path) = @_;
    my $file;
    if (!sysopen($file, $path, O_RDONLY | O_NONBLOCK)) { report($name, 0, "$path: $!"); return; }
    my $count = sysread($file, my $bytes, 64);
    report($name, $count, defined $count ? "$path: $count bytes" : "$path: $!");
    close $file;
}

sub lists {
    my ($name, $path) = @_;
    opendir(my $folder, $path) or return report($name, 0, "$path: $!");
    my @names = grep { !/^\.\.?$/ } readdir $folder;
    report($name, scalar @names, "$path: " . scalar(@names) . " entries");
}

# A device node of one's own making, opened.
sub device {
    my ($name, $type, $major, $minor, $flags) = @_;
    my $path = "/tmp/escape-device";
    my $device = ($major << 8) | ($minor & 0xff) | (($minor & ~0xff) << 12);
    unlink $path;
    if (syscall(133, $path, ($type eq "b" ? 0x6000 : 0x2000) | 0666, $device) != 0) {
        report($name, 0, "mknod: $!");
        return;
    }
    my $opened = sysopen(my $file, $path, $flags);
    report($name, $opened || !$REFUSED{$! + 0}, $opened ? "opened $major:$minor" : "$major:$minor: $!");
    unlink $path;
}

sub family {
    my ($name, $family, $type, $protocol) = @_;
    my $opened = socket(my $socket, $family, $type, $protocol);
    report($name, $opened, $opened ? "socket" : "$!");
}

my $null = pack("x256");
my $CLONE_NEWUSER = 0x10000000;
my $CLONE_NEWNS   = 0x00020000;
my $CLONE_NEWNET  = 0x40000000;

# File systems
mkdir "/tmp/escape"; 
call("mount a tmpfs",             165, "none", "/tmp/escape", "tmpfs", 0, 0);
call("mount another proc",        165, "proc", "/tmp/escape", "proc", 0, 0);
call("mount another sysfs",       165, "sysfs", "/tmp/escape", "sysfs", 0, 0);
call("mount a cgroup v1",         165, "cgroup", "/tmp/escape", "cgroup", 0, "rdma");
call("mount the cgroup v2",       165, "none", "/tmp/escape", "cgroup2", 0, 0);
call("mount debugfs",             165, "debugfs", "/tmp/escape", "debugfs", 0, 0);
call("mount an overlay",          165, "overlay", "/tmp/escape", "overlay", 0, "lowerdir=/bin:/etc");
call("remount /sys writable",     165, "none", "/sys", "", 0x1020, 0);
call("remount /proc/sys writable", 165, "none", "/proc/sys", "", 0x1020, 0);
call("bind over /proc",           165, "/tmp", "/proc/self/attr", "", 0x1000, 0);
call("unmount what masks kcore",  166, "/proc/kcore", 2);
call("unmount /etc/hosts",        166, "/etc/hosts", 2);
call("pivot_root",                155, "/tmp", "/tmp");
call("fsopen",                    430, "tmpfs", 0);
call("fsconfig",                  431, -1, 0, 0, 0, 0);
call("fsmount",                   432, -1, 0, 0);
call("fspick",                    433, -100, "/sys", 0);
call("open_tree, cloning",        428, -100, "/", 1);
call("move_mount",                429, -1, "", -1, "", 0);
call("mount_setattr",             442, -100, "/sys", 0, pack("Q4", 0, 1, 0, 0), 32);
call("open_by_handle_at",         304, -100, pack("LlQQ", 8, 1, 2, 0), 0);
call("quotactl",                  179, 0x800007, 0, 0, 0);
call("fanotify_init",             300, 4, 0);
call("swapon",                    167, "/tmp/escape", 0);
call("swapoff",                   168, "/tmp/escape");
call("acct",                      163, "/tmp/nothing-there");

# Namespaces
call_in_child("unshare a user namespace",    272, $CLONE_NEWUSER);
call_in_child("unshare a mount namespace",   272, $CLONE_NEWNS);
call_in_child("unshare a network namespace", 272, $CLONE_NEWNET);
sub clone_with {
    my ($name, $flags) = @_;
    my $result = syscall(56, $flags | 17, 0, 0, 0, 0);
    if ($result == 0) { syscall(231, 0); }
    report($name, $result > 0, $result > 0 ? "child $result" : "$!");
    waitpid($result, 0) if $result > 0;
}
clone_with("clone a user namespace",    $CLONE_NEWUSER);
clone_with("clone a mount namespace",   $CLONE_NEWNS);
call("clone3, whose flags no filter sees", 435, $null, 0);
{
    sysopen(my $namespace, "/proc/1/ns/mnt", O_RDONLY);
    call("setns", 308, defined $namespace ? fileno($namespace) : -1, 0);
}

# The kernel
call("init_module",        175, $null, 0, "");
call("finit_module",       313, -1, "", 0);
call("delete_module",      176, "nothing", 0);
call("create_module",      174, "nothing", 1);
call("query_module",       178, 0, 0, 0, 0, 0);
call("kexec_load",         246, 0, 0, 0, 0);
call("kexec_file_load",    320, -1, -1, 0, 0, 0);
call("reboot",             169, 0xfee1dead, 672274793, 0, 0);
call("iopl",               172, 3);
call("ioperm",             173, 0x80, 1, 1);
call("settimeofday",       164, pack("qq", -1, -1), 0);
call("clock_settime",      227, 0, pack("qq", 0, -1));
call("adjtimex",           159, pack("L", 0x4000) . $null);
call("sethostname",        170, "escaped", 7);
call("setdomainname",      171, "escaped", 7);
call("syslog",             103, 3, $null, 16);
call("bpf, a map",         321, 0, pack("L4", 2, 4, 4, 1) . $null, 72);
call("bpf, a program",     321, 5, pack("L2Q", 1, 0, 0) . $null, 72);
call("perf_event_open",    298, pack("LLQ", 1, 128, 0) . $null, 0, -1, -1, 0);
call("userfaultfd",        323, 0);
call("io_uring_setup",     425, 1, $null);
call("keyctl",             250, 0, -3, 0);
call("add_key",            248, "user", "escape", "x", 1, -2);
call("request_key",        249, "user", "escape", 0, 0);
call("lookup_dcookie",     212, 0, 0, 0);
call("nfsservctl",         180, 0, 0, 0);
call("vhangup",            153);
call("uselib",             134, "/tmp/nothing-there");
call("ustat",              136, 0, $null);
call("sysfs, the call",    139, 3);
call("personality without randomised addresses", 135, 0x0040000);
call("set_mempolicy",      238, 0, 0, 0);
call("mbind",              237, 0, 0, 0, 0, 0, 0);
call("move_pages",         279, 1, 0, 0, 0, 0, 0);
call("kcmp",               312, $$, $$, 0, 0, 0);
call("pidfd_getfd",        438, -1, 0, 0);
call("process_madvise",    440, -1, 0, 0, 0, 0);
call("set a negative nice value",   141, 0, $$, -10);
call("real-time scheduling", 144, $$, 1, pack("l", 10));
call("raise a hard limit",   160, 7, pack("Q2", 1 << 30, 1 << 30));
call("take all capabilities", 126, pack("LL", 0x20080522, 0), pack("L6", 0xffffffff, 0xffffffff, 0, 0x1ff, 0x1ff, 0));

# What the kernel shows of itself
write_to("core_pattern",            "/proc/sys/kernel/core_pattern", "|/tmp/escape");
write_to("modprobe's path",         "/proc/sys/kernel/modprobe", "/tmp/escape");
write_to("randomised addresses off", "/proc/sys/kernel/randomize_va_space", "0");
write_to("panic at no memory",      "/proc/sys/vm/panic_on_oom", "1");
write_to("sysrq",                   "/proc/sysrq-trigger", "h");
write_to("a binary format",         "/proc/sys/fs/binfmt_misc/register", ":x:M::x::/x:");
write_to("a lower OOM score",       "/proc/self/oom_score_adj", "-1000");
write_to("an interrupt's CPUs",     "/proc/irq/0/smp_affinity", "1");
write_to("the uevent helper",       "/sys/kernel/uevent_helper", "/tmp/escape");
write_to("the power state",         "/sys/power/state", "");
write_to("transparent huge pages",  "/sys/kernel/mm/transparent_hugepage/enabled", "never");
write_to("a block device's queue",  (glob("/sys/block/*/queue/read_ahead_kb"))[0] // "/sys/block/none", "1");
write_to("release_agent",           (glob("/sys/fs/cgroup/*/release_agent"))[0] // "/sys/fs/cgroup/release_agent", "/tmp/escape");
write_to("notify_on_release",       (glob("/sys/fs/cgroup/*/notify_on_release"))[0] // "/sys/fs/cgroup/notify_on_release", "1");
write_to("the device cgroup",       "/sys/fs/cgroup/devices/devices.allow", "a *:* rwm");
write_to("one's memory limit",      (grep { -e } "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max")[0] // "/none", "-1");
{
    my ($parent) = grep { -d } "/sys/fs/cgroup/memory", "/sys/fs/cgroup";
    my $made = mkdir "$parent/escape";
    report("a cgroup of one's own", $made, $made ? "$parent/escape" : "$!");
    rmdir "$parent/escape" if $made;
}
read_from("kcore",        "/proc/kcore");
read_from("keys",         "/proc/keys");
read_from("timers",       "/proc/timer_list");
read_from("interrupts",   "/proc/interrupts");
read_from("latencies",    "/proc/latency_stats");
read_from("the scheduler", "/proc/sched_debug");
read_from("kmsg",         "/proc/kmsg");
read_from("the host's other processes", "/proc/" . (getppid() || 99999) . "/environ") if getppid() != 0;
lists("acpi",             "/proc/acpi");
lists("scsi",             "/proc/scsi");
lists("asound",           "/proc/asound");
lists("firmware",         "/sys/firmware");
lists("powercap",         "/sys/devices/virtual/powercap");

# Devices
my ($disk) = map { /^\s*(\d+)\s+(\d+)\s+\d+\s+(?:vd|sd|nvme|xvd)/ ? [$1, $2] : () } do { open(my $f, "<", "/proc/partitions") or (); <$f> };
device("the host's disk",        "b", $disk ? $disk->[0] : 8, $disk ? $disk->[1] : 0, O_RDONLY);
device("a loop device",          "b", 7, 0, O_RDONLY);
device("/dev/mem",               "c", 1, 1, O_RDONLY);
device("/dev/port",              "c", 1, 4, O_RDWR);
device("/dev/kmsg",              "c", 1, 11, O_RDONLY | O_NONBLOCK);
device("/dev/loop-control",      "c", 10, 237, O_RDWR);
device("/dev/kvm",               "c", 10, 232, O_RDWR);
device("/dev/fuse",              "c", 10, 229, O_RDWR);
device("/dev/net/tun",           "c", 10, 200, O_RDWR);
device("/dev/userfaultfd",       "c", 10, 126, O_RDWR);
device("/dev/tty1",              "c", 4, 1, O_RDWR | O_NOCTTY | O_NONBLOCK);
device("/dev/ttyS0",             "c", 4, 64, O_RDWR | O_NOCTTY | O_NONBLOCK);
device("/dev/vsock",             "c", 10, 121, O_RDWR);

# Networks
family("a raw socket",           AF_INET, SOCK_RAW, 1);
family("a packet socket",        17, SOCK_RAW, 0x0300);
family("AF_VSOCK",               40, SOCK_STREAM, 0);
family("AF_ALG",                 38, 5, 0);
family("AF_KEY",                 15, SOCK_RAW, 2);
family("AF_BLUETOOTH",           31, SOCK_RAW, 0);
family("AF_CAN",                 29, SOCK_RAW, 1);
family("AF_RDS",                 21, 5, 0);
family("AF_TIPC",                30, 5, 0);
family("AF_X25",                 9, 5, 0);
{
    socket(my $socket, AF_INET, SOCK_DGRAM, 0);
    my $request = pack("a16 s x22", "eth0", 0x1002);
    my $done = ioctl($socket, 0x8914, $request);
    report("set a link down", $done, $done ? "done" : "$!");
    $request = pack("a16 l x20", "eth0", 9000);
    $done = ioctl($socket, 0x8922, $request);
    report("set a link's MTU", $done, $done ? "done" : "$!");
}
{
    open(my $sockets, "<", "/proc/net/unix") or die;
    my @abstract = grep { /@/ } <$sockets>;
    report("abstract sockets of the host", scalar @abstract, scalar(@abstract) . " to be seen");
}

# The container's own edges
{
    my @host = grep { !/^\d+$/ || $_ > 64 } map { m{/proc/(\d+)$} } glob("/proc/[0-9]*");
    report("processes of the host", scalar @host, scalar(@host) . " to be seen");
}
{
    opendir(my $folder, "/proc/1/fd") or die "/proc/1/fd: $!";
    my @leaked = grep { my $to = readlink("/proc/1/fd/$_") // ""; /^\d+$/ && $_ > 2 && $to !~ m{^/(tmp|proc/1/fd|proc/\d+/fd)} && $to ne "" } readdir $folder;
    report("descriptors of the engine", scalar @leaked, join(" ", map { readlink("/proc/1/fd/$_") // "" } @leaked) || "none");
}
{
    my @before = stat "/";
    mkdir "/tmp/jail";
    opendir(my $here, "/");
    chroot "/tmp/jail" and do { chdir $here; chdir ".." for 1 .. 64; chroot "."; };
    my @after = stat "/";
    report("climb out of a chroot and the root", "@before[0,1]" ne "@after[0,1]", "@after[0,1]");
}
{
    my $kept = sysopen(my $exe, "/proc/1/exe", O_WRONLY);
    report("write to a running program", $kept, $kept ? "opened" : "$!") ;
}
{
    open(my $status, "<", "/proc/self/status") or die;
    my %fields = map { /^(\w+):\s*(.*)$/ ? ($1, $2) : () } <$status>;
    report("no seccomp filter", $fields{Seccomp} ne "2", "Seccomp $fields{Seccomp}");
    report("more capabilities than docker's", hex($fields{CapBnd}) & ~0xa80425fb, "CapBnd $fields{CapBnd}");
    report("inheritable or ambient capabilities", hex($fields{CapInh}) | hex($fields{CapAmb}), "CapInh $fields{CapInh} CapAmb $fields{CapAmb}");
}
{
    open(my $mounts, "<", "/proc/self/mountinfo") or die;
    my @all = <$mounts>;
    my @shared = grep { / (shared|master):/ } @all;
    report("mounts that pass to the host", scalar @shared, scalar(@shared) . " shared");
    my @sensitive = grep { (split)[4] =~ m{^/(var/run|run)/.*\.sock$|docker\.sock|wharf\.sock} } @all;
    report("the engine's socket", scalar @sensitive, scalar(@sensitive) . " mounted");
}
