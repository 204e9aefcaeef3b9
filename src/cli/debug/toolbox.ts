import { accessSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { FailedPreconditionError, NotFoundError } from "#base/errors.ts";
import { tarHeader } from "#base/tar/header.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import type { Cli } from "#cli/cli.ts";
import type { ProgressMessage } from "#cli/output/progress.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { hasInterpreter } from "./elf.ts";

/** The executable that the image's other names point at. */
const PROGRAM = "bin/busybox";

/**
 * The toolbox image on the engine, made of this machine's busybox when it is not there yet. Its tag
 * is the executable's digest: another busybox makes another image.
 *
 * @returns Its reference.
 * @throws {FailedPreconditionError} There is no busybox here that runs without libraries.
 */
export async function ensureToolbox(cli: Cli, engine: EngineClient): Promise<string> {
  const program = readBusybox(cli.env["PATH"] ?? "");
  const digest = new Bun.CryptoHasher("sha256").update(program).digest("hex");
  const reference = `wharf-toolbox:${digest.slice(0, 12)}`;
  if (await hasImage(engine, reference)) return reference;
  const messages = engine.messages<ProgressMessage>("POST", "/images/create", {
    query: {
      fromSrc: "-",
      repo: reference,
      changes: ['LABEL wharf.toolbox="busybox"', 'CMD ["sh"]'],
    },
    stream: writeTar(members(program)),
    contentType: "application/x-tar",
  });
  for await (const { error } of messages) {
    if (error) throw new FailedPreconditionError(`Cannot make ${reference}: ${error}`);
  }
  return reference;
}

async function hasImage(engine: EngineClient, reference: string): Promise<boolean> {
  try {
    await engine.send("GET", `/images/${reference}/json`);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}

function readBusybox(path: string): Uint8Array {
  const missing = (reason: string): FailedPreconditionError =>
    new FailedPreconditionError(
      `Cannot make a toolbox: ${reason}; install Debian's busybox-static, or name an image with --image`,
    );
  const file = path
    .split(delimiter)
    .map((directory) => join(directory, "busybox"))
    .find(isThere);
  if (file === undefined) throw missing("there is no busybox in PATH");
  const program = readFileSync(file);
  if (hasInterpreter(program)) throw missing(`${file} needs libraries`);
  return program;
}

function isThere(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}

function* members(program: Uint8Array): Generator<TarMember> {
  for (const name of ["bin", "etc", "proc", "root", "sys", "tmp"]) {
    const mode = name === "tmp" ? 0o1777 : 0o755;
    yield { header: tarHeader({ name: `${name}/`, type: "directory", mode }) };
  }
  const passwd = Buffer.from("root:x:0:0:root:/root:/bin/sh\n");
  yield {
    header: tarHeader({ name: "etc/passwd", type: "file", sizeBytes: passwd.length }),
    body: passwd,
  };
  yield {
    header: tarHeader({ name: PROGRAM, type: "file", mode: 0o755, sizeBytes: program.length }),
    body: program,
  };
  for (const name of APPLETS) {
    yield { header: tarHeader({ name: `bin/${name}`, type: "symlink", linkName: "busybox" }) };
  }
}

/** The names that a toolbox is used by; `busybox NAME` reaches the rest. */
const APPLETS: readonly string[] = `
[ adduser arping ash awk base64 basename bc bunzip2 bzcat bzip2 cat chgrp chmod chown chroot cksum clear cmp cp cpio
cttyhack cut date dd df diff dirname dmesg dnsdomainname dos2unix du echo ed egrep env expand expr factor fallocate false
fgrep find fold free fuser getopt grep groups gunzip gzip head hexdump hostname id ifconfig install ip ipcalc ipcs kill
killall last less link ln logger ls lsof lsscsi lzcat lzma md5sum mesg microcom mkdir mkfifo mknod mktemp more mount mv nc
netstat nice nl nohup nproc nslookup od paste patch pgrep pidof ping ping6 pkill pmap printenv printf ps pstree pwd
readlink realpath renice reset rev rm rmdir route sed seq setsid sh sha1sum sha256sum sha3sum sha512sum shred shuf sleep
sort split ss stat strings stty sum sync sysctl tac tail tar taskset tee telnet test tftp time timeout top touch tr
traceroute traceroute6 true truncate tty umount uname uniq unlink unlzma unxz unzip uptime usleep uudecode uuencode vi
watch wc wget which who whoami xargs xxd xz xzcat yes zcat`
  .trim()
  .split(/\s+/);
