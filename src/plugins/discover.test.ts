import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parsePluginAddress, parsePluginJson } from "./address.ts";
import { findPluginAddress, listPluginNames } from "./discover.ts";

let top = "";
let folders: readonly string[] = [];
const servers: Server[] = [];

async function listen(path: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(path, resolve));
}

beforeAll(async () => {
  top = mkdtempSync(join(tmpdir(), "wharf-discover-"));
  folders = ["first", "second", "missing"].map((name) => join(top, name));
  mkdirSync(join(top, "first/nested"), { recursive: true });
  mkdirSync(join(top, "second/inner"), { recursive: true });
  writeFileSync(join(top, "first/both.spec"), "unix:///from/spec\n");
  await listen(join(top, "second/both.sock"));
  await listen(join(top, "first/nested/nested.sock"));
  writeFileSync(join(top, "second/inner/inner.json"), '{"Addr":"tcp://[::1]:9"}');
  writeFileSync(join(top, "second/no-socket.sock"), "");
  writeFileSync(join(top, "second/README"), "");
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(top, { recursive: true });
});

describe("findPluginAddress()", () => {
  test("takes sockets before files, and looks into folders of the name", () => {
    const find = (name: string) => findPluginAddress(folders, name);
    expect(find("both")).toEqual({ kind: "unix", path: join(top, "second/both.sock") });
    expect(find("nested")).toEqual({ kind: "unix", path: join(top, "first/nested/nested.sock") });
    expect(find("inner")).toEqual({ kind: "tcp", host: "::1", port: 9 });
    expect(find("no-socket")).toBeUndefined();
    expect(find("../first/both")).toBeUndefined();
  });

  test("listPluginNames() names what it finds", () => {
    expect(listPluginNames(folders)).toEqual(["both", "inner", "nested"]);
  });
});

describe("plugin addresses", () => {
  test("of a spec file are unix or tcp", () => {
    expect(parsePluginAddress("p", " unix:///run/p.sock\n", undefined)).toEqual({
      kind: "unix",
      path: "/run/p.sock",
    });
    expect(parsePluginAddress("p", "tcp://localhost:8080", undefined)).toEqual({
      kind: "tcp",
      host: "localhost",
      port: 8080,
    });
    for (const text of ["", "/run/p.sock", "tcp://host", "ftp://host:1", "tcp://host:99999"]) {
      expect(() => parsePluginAddress("p", text, undefined)).toThrow('Cannot use plugin "p"');
    }
  });

  test("of a JSON file may have TLS; without an authority any certificate will do", () => {
    const tls = (config: object) =>
      parsePluginJson("p", JSON.stringify({ Addr: "https://h:1", TLSConfig: config }));
    expect(tls({ CAFile: "/ca", CertFile: "/c", KeyFile: "/k" })).toEqual({
      kind: "tcp",
      host: "h",
      port: 1,
      tls: { isInsecure: false, authorityPath: "/ca", certificatePath: "/c", keyPath: "/k" },
    });
    expect(tls({})).toMatchObject({ tls: { isInsecure: true } });
    expect(() => parsePluginJson("p", "[]")).toThrow('Cannot read the JSON file of plugin "p"');
  });
});
