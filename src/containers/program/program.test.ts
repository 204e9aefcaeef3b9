import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseContainerConfig } from "#spec/engine-api/container-create.ts";
import { isHandledBy } from "./binfmt.ts";
import { checkProgram } from "./check.ts";
import { findProgram, programNames } from "./find.ts";
import { elfMachine } from "./machine.ts";
import { nearestProgram } from "./suggest.ts";

const root = mkdtempSync(join(tmpdir(), "program-"));
afterAll(() => rmSync(root, { recursive: true }));

function elf(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x7f454c46, 0);
  header[4] = 2;
  header[5] = 1;
  header.writeUInt16LE(machine, 18);
  return header;
}

mkdirSync(join(root, "usr/bin"), { recursive: true });
symlinkSync("usr/bin", join(root, "bin"));
writeFileSync(join(root, "usr/bin/arm"), elf(183));
writeFileSync(join(root, "usr/bin/native"), elf(62));
writeFileSync(join(root, "usr/bin/script"), "#!/bin/arm -x\n");
chmodSync(join(root, "usr/bin/script"), 0o755);

function start(path: string, config: object = {}): Parameters<typeof checkProgram>[0] {
  const record = { path, config: parseContainerConfig(config), imageReference: "foreign:1" };
  const image = { os: "linux", architecture: "arm64" };
  return { record, rootPath: root, image, machine: "x86_64" };
}

test("checkProgram() refuses programs and scripts for other machines, by name", () => {
  for (const path of ["arm", "/usr/bin/arm", "script"]) {
    expect(() => checkProgram(start(path))).toThrow(
      "image foreign:1 is for linux/arm64 and its program for arm64, this host is linux/amd64",
    );
  }
});

test("checkProgram() lets images run that are labelled wrongly, and leaves the rest to the runtime", () => {
  expect(() => checkProgram(start("native"))).not.toThrow();
  expect(() => checkProgram(start("absent"))).not.toThrow();
  const labelledNative = { ...start("arm"), image: { os: "linux", architecture: "amd64" } };
  expect(() => checkProgram(labelledNative)).not.toThrow();
});

test("findProgram() looks where the container will", () => {
  expect(findProgram(root, start("arm").record)).toBe(join(root, "usr/bin/arm"));
  expect(findProgram(root, start("arm", { Env: ["PATH=/opt"] }).record)).toBeUndefined();
  expect(findProgram(root, start("./arm", { WorkingDir: "/bin" }).record)).toBe(
    join(root, "usr/bin/arm"),
  );
  expect(programNames(root, start("x").record)).toContain("native");
});

test("isHandledBy() compares the magic under its mask, of what is enabled", () => {
  const entry =
    "enabled\ninterpreter /usr/bin/qemu\nflags: F\noffset 0\nmagic 7f454c4602\nmask ffffffff03\n";
  expect(isHandledBy(entry, elf(183))).toBe(true);
  expect(isHandledBy(entry.replace("enabled", "disabled"), elf(183))).toBe(false);
  expect(isHandledBy(entry, Buffer.from("#!/bin/sh\n"))).toBe(false);
  expect(isHandledBy("enabled\ninterpreter /x\nflags: \nextension .jar\n", elf(183))).toBe(false);
});

test("elfMachine() knows machines of both byte orders", () => {
  const big = elf(0);
  big[5] = 2;
  big.writeUInt16BE(22, 18);
  expect(elfMachine(big)).toBe("s390x");
  expect(elfMachine(elf(40))).toBe("arm");
  expect(elfMachine(Buffer.from("#!/bin/sh"))).toBeUndefined();
});

test("nearestProgram() suggests what is near, and nothing else", () => {
  const names = ["sleep", "more", "sh", "bash"];
  expect(nearestProgram("sleeep", names)).toBe("sleep");
  expect(nearestProgram("bahs", names)).toBe("bash");
  expect(nearestProgram("nope", names)).toBeUndefined();
});
