import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sandbox } from "#networks/networks.ts";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import { refreshResolvConf, writeResolvConf } from "./resolv-conf-file.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wharf-resolv-"));
  path = join(directory, "resolv.conf");
});
afterEach(() => rmSync(directory, { recursive: true }));

const RECORD = {
  name: "box",
  createdNanos: 1_700_000_000_123_456_789n,
  hostConfig: parseContainerCreate({ Image: "x", HostConfig: { Dns: ["192.0.2.53"] } }).hostConfig,
};
const PARTS = {
  settings: { dns: [], dnsOptions: [], dnsSearch: [] },
  warn: (message: string): void => expect.unreachable(message),
};

function sandboxOn(networkName: string): Sandbox {
  const endpoint = { networkName } as Sandbox["endpoints"][number];
  const sandbox = { mode: { kind: "bridge" }, endpoints: [endpoint], ports: [] } as const;
  return sandbox as unknown as Sandbox;
}

const text = (): string => readFileSync(path, "utf8");
const refresh = (): void => refreshResolvConf(PARTS, RECORD, sandboxOn("own"), path);

test("refreshResolvConf() names the embedded server in a file that is as it was written", () => {
  writeResolvConf(PARTS, RECORD, sandboxOn("bridge"), path);
  expect(text()).toContain("nameserver 192.0.2.53");
  expect(statSync(path).mtimeMs).toBe(1_700_000_000_000);
  refresh();
  expect(text()).toContain("nameserver 127.0.0.11");
});

test("refreshResolvConf() leaves what somebody has edited, before it or after", () => {
  writeResolvConf(PARTS, RECORD, sandboxOn("bridge"), path);
  refresh();
  appendFileSync(path, "options debug\n");
  const edited = text();
  refresh();
  expect(text()).toBe(edited);
  writeFileSync(path, "");
  refresh();
  expect(text()).toBe("");
});

test("refreshResolvConf() knows a file of an older engine by the hash beside it", () => {
  writeFileSync(path, "nameserver 192.0.2.53\n");
  const hash = createHash("sha256").update(text()).digest("hex");
  writeFileSync(`${path}.hash`, `sha256:${hash}`);
  refresh();
  expect(text()).toContain("nameserver 127.0.0.11");
  appendFileSync(path, "options debug\n");
  const edited = text();
  refresh();
  expect(text()).toBe(edited);
});
