import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ProcessPair, type ProcessRecord, StateFolder } from "./state-folder.ts";

const record: ProcessRecord = {
  kind: "container",
  id: "c1",
  containerId: "c1",
  runtimeName: "crun",
  cgroupPath: "/c1",
  limitedCgroupPath: "/c1",
  bootId: "b",
  terminal: false,
  openStdin: false,
  stdinOnce: false,
};
const pair: ProcessPair = {
  process: { pid: 12, startTicks: 34 },
  supervisor: { pid: 56, startTicks: 78 },
};

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wharf-state-folder-"));
  for (const name of ["c1", "exits"]) mkdirSync(join(root, name));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = (): StateFolder => new StateFolder(join(root, "c1"), join(root, "exits"));
const write = (name: string, text: string): void => writeFileSync(join(root, "c1", name), text);

test("StateFolder reads what another one has written, step by step", () => {
  const folder = open();
  expect([folder.record, folder.pair, folder.isHooked, folder.isStarting]).toEqual([
    undefined,
    undefined,
    false,
    false,
  ]);
  folder.writeRecord(record);
  expect(open()).toMatchObject({ record, pair: undefined });
  folder.markHooked();
  folder.writePair(pair);
  expect(open()).toMatchObject({ record, pair, isHooked: true, isStarting: false });
  folder.markStarting();
  expect(folder).toMatchObject({ record, pair, isHooked: true, isStarting: true });
  expect(open()).toMatchObject({ record, pair, isHooked: true, isStarting: true });
});

test("StateFolder takes a last line that is not whole for unwritten", () => {
  open().writeRecord(record);
  appendFileSync(join(root, "c1", "state"), JSON.stringify({ pair }));
  expect(open()).toMatchObject({ record, pair: undefined });
  write("state", "");
  expect(open().record).toBeUndefined();
});

test("StateFolder reads the layout of earlier versions, and goes on in its own", () => {
  write("record.json", JSON.stringify(record));
  expect(open()).toMatchObject({ record, pair: undefined, isHooked: false });
  write("processes.json", JSON.stringify(pair));
  write("hooked", "");
  expect(open()).toMatchObject({ record, pair, isHooked: true, isStarting: false });
  open().markStarting();
  expect(open()).toMatchObject({ record, pair, isHooked: true, isStarting: true });
  rmSync(join(root, "c1", "state"));
  write("starting", "");
  expect(open().isStarting).toBe(true);
});

test("readExit() reads a container's exit from its conmon's folder of exits, else from its own", () => {
  const folder = open();
  folder.writeRecord(record);
  expect(folder.readExit()).toBeUndefined();
  write("exit", "3");
  expect(open().readExit()?.exitCode).toBe(3);
  writeFileSync(join(root, "exits", "c1"), "4");
  expect(folder.readExit()?.exitCode).toBe(4);
  rmSync(join(root, "exits", "c1"));
  expect(folder.readExit()?.exitCode).toBe(4);
});

test("readExit() of an exec looks into its own folder only", () => {
  const folder = open();
  folder.writeRecord({ ...record, kind: "exec" });
  writeFileSync(join(root, "exits", "c1"), "4");
  expect(folder.readExit()).toBeUndefined();
  folder.noteExit({ exitCode: 5, finishedMs: 6 });
  expect(folder.readExit()).toEqual({ exitCode: 5, finishedMs: 6 });
});
