import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { failureOf } from "#client/testing/failure.ts";
import { tarHeader } from "#base/tar/header.ts";
import { writeTar } from "#base/tar/writer.ts";
import { readClientConfig } from "./client-config.ts";
import { exportContext, readContextArchive } from "./context-archive.ts";
import { ContextStore, checkContextName } from "./context-store.ts";
import type { ContextMeta } from "./stored-context.ts";
import { writeConfigKey } from "./write-config-key.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/wharf-contexts-`);
});
afterEach(() => rmSync(folder, { recursive: true }));

const meta: ContextMeta = {
  Name: "foo",
  Metadata: { Description: "d", Extra: 1 },
  Endpoints: { docker: { Host: "tcp://h:2376", SkipTLSVerify: false } },
};

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("ContextStore keeps docker's layout and unknown metadata", () => {
  const store = new ContextStore(folder);
  expect(store.list()).toEqual([]);
  store.write(meta);
  store.writeTls("foo", { "key.pem": Buffer.from("secret") });
  const id = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"; // sha256 of "foo"
  expect(JSON.parse(readFileSync(`${folder}/contexts/meta/${id}/meta.json`, "utf8"))).toEqual(meta);
  expect(statSync(`${folder}/contexts/tls/${id}/docker/key.pem`).mode & 0o777).toBe(0o600);
  expect(store.list()).toEqual([meta]);
  expect(store.read("foo")).toEqual(meta);
  store.remove("foo");
  expect(existsSync(`${folder}/contexts/tls/${id}`)).toBe(false);
  expect(() => store.read("foo")).toThrow(
    `context "foo": context not found: open ${folder}/contexts/meta/${id}/meta.json: no such file or directory`,
  );
});

test("checkContextName() has docker's rule", () => {
  checkContextName("a.b_c+d-e");
  for (const name of ["a b", "-x", "../x", "x"])
    expect(() => checkContextName(name)).toThrow("is invalid");
  expect(() => checkContextName("default")).toThrow("reserved context name");
});

test("an exported context comes back whole", async () => {
  const store = new ContextStore(folder);
  store.write(meta);
  store.writeTls("foo", { "ca.pem": Buffer.from("ca"), "key.pem": Buffer.from("key") });
  const archive = await readContextArchive(await collect(exportContext(store, "foo")));
  expect(archive.meta).toEqual(meta);
  expect(Object.keys(archive.tls).sort()).toEqual(["ca.pem", "key.pem"]);
});

test("readContextArchive() reads zip archives, stored and deflated", async () => {
  // meta.json deflated, tls/docker/ca.pem stored
  const zip = await Bun.file(new URL("./testdata/context.zip", import.meta.url)).bytes();
  const archive = await readContextArchive(zip);
  expect(archive.meta.Endpoints["docker"]?.Host).toBe("tcp://zip:2376");
  expect(Buffer.from(archive.tls["ca.pem"] ?? []).toString()).toBe("ca\n");
  for (let length = 0; length < zip.length; length += 7) {
    expect(await failureOf(readContextArchive(zip.subarray(0, length)))).toBeInstanceOf(Error);
  }
});

test("readContextArchive() refuses files outside its layout", async () => {
  for (const name of ["tls/../../x", "tls/docker/../../y", "tls/docker/a/b", "tls/docker/.."]) {
    const body = Buffer.from("x");
    const tar = await collect(
      writeTar([{ header: tarHeader({ name, type: "file", sizeBytes: 1 }), body }]),
    );
    expect((await failureOf(readContextArchive(tar))).message).toContain("unexpected file");
  }
  expect((await failureOf(readContextArchive(await collect(writeTar([]))))).message).toContain(
    "no metadata found",
  );
});

test("writeConfigKey() keeps the other keys of config.json", () => {
  writeFileSync(
    `${folder}/config.json`,
    '{"auths":{"r":{"auth":"x"}},"psFormat":"{{.ID}}","currentContext":"a"}',
  );
  writeConfigKey(folder, "currentContext", "b");
  const config = readClientConfig(folder);
  expect(config.currentContext).toBe("b");
  expect(config.formats).toEqual({ psFormat: "{{.ID}}" });
  expect(config.raw["auths"]).toEqual({ r: { auth: "x" } });
  writeConfigKey(folder, "currentContext", undefined);
  expect(readClientConfig(folder).currentContext).toBeUndefined();
});

test("readClientConfig() takes a missing file as empty and names a broken one", () => {
  expect(readClientConfig(`${folder}/none`).formats).toEqual({});
  writeFileSync(`${folder}/config.json`, "{");
  expect(() => readClientConfig(folder)).toThrow(
    `Error parsing config file (${folder}/config.json)`,
  );
});
