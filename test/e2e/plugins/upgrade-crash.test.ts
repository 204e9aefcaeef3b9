// A user upgrades a plugin, and the machine dies in the middle: the plugin is the old one or the new one, whole.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { makePluginContext, PLUGIN_CONFIG } from "../../harness/managed-plugin/context.ts";
import { RegistryServer } from "../../harness/registry/registry-server.ts";
import { waitUntil } from "../../harness/wait-until.ts";

/** Long enough on its way that a kill finds it there. */
const BALLAST_BYTES = 12 * 1024 * 1024;
const VERSIONS = ["1", "2"] as const;
type Version = (typeof VERSIONS)[number];

const folder = mkdtempSync("/var/tmp/wharf-e2e-plugins-");
let server: RegistryServer;
let engine: TestEngine;

beforeAll(async () => {
  [server, engine] = await Promise.all([
    RegistryServer.open({ flags: ["--auth", "none"] }),
    startEngine({ images: [] }),
  ]);
  for (const version of VERSIONS) {
    const config = { ...PLUGIN_CONFIG, Description: `version ${version}` };
    const context = makePluginContext(folder, version, config);
    writeFileSync(join(context, "rootfs/version"), `version ${version}`);
    writeFileSync(join(context, "rootfs/ballast"), randomBytes(BALLAST_BYTES));
    await engine.mustDocker("plugin", "create", remoteOf(version), context);
    await engine.mustDocker("plugin", "push", remoteOf(version));
    await engine.mustDocker("plugin", "rm", remoteOf(version));
  }
  const install = ["plugin", "install", "--grant-all-permissions", "--disable", "--alias", "mine"];
  await engine.mustDocker(...install, remoteOf("1"));
}, 60_000);
afterAll(async () => {
  await Promise.all([engine, server].map((one) => one[Symbol.asyncDispose]()));
  rmSync(folder, { recursive: true, force: true });
});

function remoteOf(version: Version): string {
  return `${server.host}/tools/keeper:${version}`;
}

/** Of the only plugin: its own folder, and those of versions that upgrades made. */
function foldersOfPlugin(): readonly string[] {
  const plugins = join(engine.root, "data/plugins");
  const [id = ""] = readdirSync(plugins);
  const own = join(plugins, id);
  const versions = readdirSync(own).filter((name) => name.startsWith("v-"));
  return [own, ...versions.map((name) => join(own, name))];
}

function rootsOfPlugin(): readonly string[] {
  return foldersOfPlugin()
    .map((path) => join(path, "rootfs"))
    .filter((path) => existsSync(path));
}

/** What an upgrade has made so far: in the folder that was not there before it. */
function newFolder(before: readonly string[]): string | undefined {
  return foldersOfPlugin().find((path) => !before.includes(path));
}

const MOMENTS: readonly (readonly [string, (fresh: string) => boolean])[] = [
  ["its folder is made", () => true],
  ["its layer comes", (fresh) => largestIn(join(fresh, "image")) > 0],
  ["its files are unpacked", (fresh) => existsSync(join(fresh, "rootfs"))],
  ["its configuration is written", (fresh) => existsSync(join(fresh, "config.json"))],
  ["it is there", () => false],
];

function largestIn(path: string): number {
  const names = existsSync(path) ? readdirSync(path) : [];
  const sizes = names.map((name) => statSync(join(path, name), { throwIfNoEntry: false })?.size);
  return Math.max(0, ...sizes.map((size) => size ?? 0));
}

async function expectUsable(): Promise<Version> {
  const description = await engine.mustDocker(
    ...["plugin", "inspect", "-f", "{{.Config.Description}}", "mine"],
  );
  const version = VERSIONS.find((one) => description === `version ${one}`);
  if (!version) throw new Error(`The plugin is ${JSON.stringify(description)}`);
  const roots = rootsOfPlugin();
  expect(roots).toHaveLength(1);
  expect(readFileSync(join(roots[0] ?? "", "version"), "utf8")).toBe(description);
  expect(statSync(join(roots[0] ?? "", "ballast")).size).toBe(BALLAST_BYTES);
  await engine.mustDocker("plugin", "enable", "mine");
  await engine.mustDocker("volume", "create", "-d", "mine", "v1");
  await engine.mustDocker("volume", "rm", "v1");
  await engine.mustDocker("plugin", "disable", "mine");
  return version;
}

for (const [moment, isReached] of MOMENTS) {
  test(`kill -9 of the engine in an upgrade when ${moment}: the plugin is one of both versions, and works`, async () => {
    const current = await engine.mustDocker(
      "plugin",
      "inspect",
      "-f",
      "{{.Config.Description}}",
      "mine",
    );
    const next = current === "version 1" ? "2" : "1";
    const asked = await engine.api("GET", `/plugins/privileges?remote=${remoteOf(next)}`);
    const before = foldersOfPlugin();
    let isOver = false;
    const upgrade = engine
      .api("POST", `/plugins/mine/upgrade?remote=${remoteOf(next)}`, await asked.json())
      .then((answer) => answer.text())
      .catch(() => "") // the engine is killed under it
      .finally(() => (isOver = true));
    await waitUntil(moment, () => {
      const fresh = newFolder(before);
      return isOver || (fresh !== undefined && isReached(fresh));
    });
    await engine.crash();
    await upgrade;
    await engine.start();
    await expectUsable();
  }, 60_000);
}

test("after all of them an upgrade goes through", async () => {
  const next = (await expectUsable()) === "1" ? "2" : "1";
  const upgrade = ["plugin", "upgrade", "--grant-all-permissions", "--skip-remote-check", "mine"];
  await engine.mustDocker(...upgrade, remoteOf(next));
  expect(await expectUsable()).toBe(next);
  await engine.mustDocker("plugin", "rm", "mine");
  expect(readdirSync(join(engine.root, "data/plugins"))).toEqual([]);
}, 60_000);
