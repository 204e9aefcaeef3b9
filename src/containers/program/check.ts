import { closeSync, constants, openSync, readSync } from "node:fs";
import type { ContainerRecord } from "#containers/container.ts";
import { resolveInRoot } from "#containers/mounts/resolve-in-root.ts";
import { CommandNotInvocableError } from "#runtime/errors.ts";
import { formatPlatform, hostPlatform, type Platform, selectPlatform } from "#spec/platform.ts";
import { isEmulated } from "./binfmt.ts";
import { findProgram } from "./find.ts";
import { elfMachine } from "./machine.ts";

const HEADER_BYTES = 128;

/** The facts about a start that decide whether its program can run here. */
export interface ProgramStart {
  readonly record: Pick<ContainerRecord, "config" | "path" | "imageReference">;
  readonly rootPath: string;
  /** What the image says that it is for; no evidence of its programs. */
  readonly image: Platform;
  /** `x86_64`, as uname -m. */
  readonly machine: string;
}

/**
 * Refuses a program that this host would only say "exec format error" to. Looked at where the image
 * says that it is for another machine; images that say so wrongly run.
 *
 * @throws {CommandNotInvocableError} Naming both machines and the mend.
 */
export function checkProgram({ record, rootPath, image, machine }: ProgramStart): void {
  const host = hostPlatform("linux", machine);
  if (image.os === "" || selectPlatform(host, [image]) >= 0) return;
  const header = programHeader(rootPath, record);
  if (!header) return;
  const builtFor = elfMachine(header);
  if (builtFor === undefined || isRunnable(host, builtFor) || isEmulated(header)) return;
  throw new CommandNotInvocableError(
    `exec: ${JSON.stringify(record.path)}: exec format error: image ${record.imageReference} is for ` +
      `${formatPlatform(image)} and its program for ${builtFor}, this host is ${formatPlatform(host)} and has ` +
      `no emulator for it: take an image for ${formatPlatform(host)}, or install Debian's qemu-user-static`,
  );
}

function isRunnable(host: Platform, architecture: string): boolean {
  return selectPlatform(host, [{ os: "linux", architecture }]) >= 0;
}

/** Of the program, or of the interpreter that it names in its first line. */
function programHeader(rootPath: string, record: ProgramStart["record"]): Uint8Array | undefined {
  const file = findProgram(rootPath, record);
  const header = file === undefined ? undefined : readHeader(file);
  if (!header) return undefined;
  const interpreter = /^#![ \t]*(\/[^\s]+)/.exec(Buffer.from(header).toString("latin1"))?.[1];
  if (interpreter === undefined) return header;
  const resolved = resolveInRoot(rootPath, interpreter);
  return resolved === undefined ? undefined : readHeader(resolved);
}

/** @returns Undefined where there is no file to read: the runtime says it better. */
function readHeader(file: string): Uint8Array | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  try {
    // an image may have a fifo there, which would wait for a writer
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return header.subarray(0, readSync(descriptor, header, 0, HEADER_BYTES, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}
