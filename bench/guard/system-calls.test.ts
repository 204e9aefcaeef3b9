import { expect, test } from "bun:test";
import { countCalls } from "./system-calls.ts";

test("countCalls() counts by name, and files that may be written to", () => {
  const log = [
    '101 openat(AT_FDCWD, "/a", O_RDONLY|O_CLOEXEC) = 5',
    '102 openat(AT_FDCWD, "/b", O_WRONLY|O_CREAT, 0644) = 6',
    '101 mkdir("/c", 0700) = 0',
  ].join("\n");
  expect(countCalls(log)).toEqual({ "files written": 1, mkdir: 1, openat: 2 });
});

test("countCalls() joins a call that another thread interrupted", () => {
  const log = [
    '101 openat(AT_FDCWD, "/a", O_WRONLY <unfinished ...>',
    "102 vfork( <unfinished ...>",
    "101 <... openat resumed>) = 5</a>",
    "102 <... vfork resumed>) = 77",
  ].join("\n");
  expect(countCalls(log)).toEqual({ "files written": 1, openat: 1, vfork: 1 });
});

test("countCalls() passes over what failed, and what depends on time", () => {
  const log = [
    '101 rmdir("/cgroup") = -1 EBUSY (Device or resource busy)',
    '101 rmdir("/cgroup") = 0',
    "101 futex(0x1, FUTEX_WAKE_PRIVATE, 1) = 1",
    "101 epoll_ctl(3, EPOLL_CTL_ADD, 4, 0x1) = 0",
    "101 +++ exited with 0 +++",
  ].join("\n");
  expect(countCalls(log)).toEqual({ rmdir: 1 });
});

test("countCalls() passes over processes that end, moves that are announced, and the database's checkpoints", () => {
  const log = [
    '103 openat(AT_FDCWD</>, "/proc/self/cgroup", O_RDONLY) = 5</proc/77/cgroup>',
    '103 openat(AT_FDCWD</>, "/cg/pids/a/cgroup.procs", O_WRONLY) = 6</cg/pids/a/cgroup.procs>',
    "103 ftruncate(6</cg/pids/a/cgroup.procs>, 0) = 0",
    '101 openat(AT_FDCWD</>, "/proc/77/stat", O_RDONLY) = 5</proc/77/stat>',
    '101 openat(AT_FDCWD</>, "/proc/sys/kernel/pid_max", O_RDONLY) = 5</proc/sys/kernel/pid_max>',
    '101 pwrite64(7</data/wharf.db>, ""..., 4096, 8192) = 4096',
    '101 pwrite64(8</data/wharf.db-wal>, ""..., 4096, 8192) = 4096',
    "101 fsync(7</data/wharf.db>) = 0",
  ].join("\n");
  expect(countCalls(log)).toEqual({ openat: 1, pwrite64: 1 });
});

test("countCalls() counts the database's transactions by their first lock", () => {
  const lock = (file: string, type: string): string =>
    `101 fcntl(9</data/${file}>, F_SETLK, {l_type=${type}, l_whence=SEEK_SET, l_start=124, l_len=1}) = 0`;
  const log = [
    lock("wharf.db-shm", "F_RDLCK"),
    lock("wharf.db-shm", "F_WRLCK"),
    lock("wharf.db-shm", "F_UNLCK"),
    lock("wharf.db", "F_RDLCK"),
    "101 fcntl(9</data/wharf.db-shm>, F_GETFD) = 0",
  ].join("\n");
  expect(countCalls(log)).toEqual({ "database transactions": 1 });
});
