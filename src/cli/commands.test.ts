import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { compareApiVersions } from "#client/api-version.ts";
import { commands, laterCommands } from "./commands.ts";
import { groups, laterGroups } from "./groups.ts";
import { findCommand } from "#cli/command/find-command.ts";
import { registryCommands } from "./registry/commands.ts";
import type { Flag } from "#cli/command/flags.ts";

interface ReferenceFlag {
  readonly name: string;
  readonly shorthand: string;
  readonly type: string;
  readonly default: string;
  readonly hidden: boolean;
  readonly deprecated: boolean;
  readonly minApi: string | null;
}

interface ReferenceCommand {
  readonly command: string;
  readonly aliases: readonly string[];
  readonly usage: string;
  readonly minArgs: number;
  readonly maxArgs: number | null;
  readonly hidden: boolean;
  readonly group: boolean;
  readonly interspersedFlags: boolean;
  readonly flags: readonly ReferenceFlag[];
  /** Of the group, given with the command. */
  readonly inheritedFlags?: readonly string[];
}

function readReference(name: string): { readonly commands: readonly ReferenceCommand[] } {
  const path = new URL(`../../test/reference/${name}`, import.meta.url);
  return JSON.parse(readFileSync(path, "utf8")) as {
    readonly commands: readonly ReferenceCommand[];
  };
}

const compose = readReference("compose-cli.json").commands;
const reference = {
  commands: [
    ...readReference("docker-cli.json").commands,
    ...compose.filter(({ command }) => !/^compose(?:$| alpha| bridge)/.test(command)),
  ],
};

/** Commands that docker does not have. */
const ours: readonly string[] = [
  "completion bash",
  "completion fish",
  "completion zsh",
  "compose import",
  "compose plan",
  "debug",
  "image copy",
  "image gc",
  "image referrers",
  ...registryCommands.map((entry) => entry.path),
  "system check",
  "system install",
  "system uninstall",
  "volume clone",
  "volume export",
  "volume import",
  "volume rename",
  "why",
];

/** Flags of builds that this version has not: policies of what a build may do. */
const withoutPolicies: readonly string[] = ["policy", "print", "resource"];

/** The CLI hands `docker build` on to buildx: what that shows counts, and else what the classic builder has. */
function buildFlags(): readonly ReferenceFlag[] {
  const flagsOf = (path: string): readonly ReferenceFlag[] =>
    reference.commands.find((one) => one.command === path)?.flags ?? [];
  const shown = flagsOf("buildx build").filter(
    ({ name, hidden }) => !hidden && !withoutPolicies.includes(name),
  );
  const names = new Set(shown.map(({ name }) => name));
  const classic = flagsOf("image build").filter(({ name }) => !names.has(name));
  // a switch without a value of its own is off
  const check = shown.map((flag) => (flag.name === "check" ? { ...flag, default: "false" } : flag));
  return [...check, ...classic];
}

function dockerFlags(path: string): readonly ReferenceFlag[] {
  if (path === "image build") return buildFlags();
  // a shorter name has the flags of what it stands for
  const whole = path === "bake" ? "buildx bake" : path;
  const found = reference.commands.find((one) => one.command === whole);
  const group = compose.find((one) => one.command === "compose")?.flags ?? [];
  const shared = group.filter((flag) => found?.inheritedFlags?.includes(flag.name));
  return [...(found?.flags ?? []), ...shared];
}

/** Flags that docker's commands do not have. */
const ourFlags: Readonly<Record<string, readonly string[]>> = {
  "compose up": ["rolling"],
  "container create": ["health-http", "health-on-failure", "health-tcp"],
  "container inspect": ["as"],
  "container update": [
    "env",
    "env-rm",
    "label-add",
    "label-rm",
    "mount-add",
    "mount-rm",
    "publish-add",
    "publish-rm",
  ],
  "container run": ["health-http", "health-on-failure", "health-tcp"],
  "image build": ["debug", "format", "why"],
  "image push": ["to"],
  inspect: ["as"],
  create: ["health-http", "health-on-failure", "health-tcp"],
  run: ["health-http", "health-on-failure", "health-tcp"],
};

const covered = commands.filter((entry) => !ours.includes(entry.path));

test("commands are docker's, sorted by path", () => {
  const known = reference.commands.map((one) => one.command);
  expect(covered.map((entry) => entry.path).filter((path) => !known.includes(path))).toEqual([]);
  const paths = commands.map((entry) => entry.path);
  expect(paths).toEqual([...paths].sort());
});

for (const entry of covered) {
  test(`${entry.path}: usage, aliases, arguments and flags are docker's`, async () => {
    const docker = reference.commands.find((one) => one.command === entry.path);
    const { command } = await entry.load();
    const usage = `docker ${entry.path}${command.usage === "" ? "" : ` ${command.usage}`}`;
    expect(usage).toBe(docker?.usage ?? "");
    const aliases = (entry.aliases ?? []).map((alias) => `docker ${alias}`);
    // what docker's pages call an alias is a command of its own where it has flags of its own
    const known = (docker?.aliases ?? []).filter((alias) => !isCommand(alias));
    expect(aliases.sort()).toEqual(known.sort());
    expect(command.args.min).toBe(docker?.minArgs ?? 0);
    expect(command.args.max ?? null).toBe(docker?.maxArgs ?? null);
    expect(command.interspersed ?? true).toBe(docker?.interspersedFlags ?? true);
    expect(entry.hidden ?? false).toBe(docker?.hidden ?? false);
    const wanted = dockerFlags(entry.path)
      .filter((flag) => flag.name !== "help")
      .map((flag) => ({
        name: flag.name,
        shorthand: flag.shorthand,
        type: flag.type,
        default: flag.default,
        hidden: flag.hidden || flag.deprecated,
        minApi: isRecent(flag.minApi) ? flag.minApi : undefined,
      }));
    const flags = Object.entries(command.flags).filter(
      ([name]) => !(ourFlags[entry.path] ?? []).includes(name),
    );
    expect(flags.map(describe).sort(byName)).toEqual(wanted.sort(byName));
  });
}

function isCommand(alias: string): boolean {
  return reference.commands.some(({ command }) => `docker ${command}` === alias);
}

function describe([name, flag]: readonly [string, Flag<unknown>]): {
  readonly name: string;
  readonly shorthand: string;
  readonly type: string;
  readonly default: string;
  readonly hidden: boolean;
  readonly minApi: string | null | undefined;
} {
  return {
    name,
    shorthand: flag.short ?? "",
    type: flag.type,
    default: flag.defaultText,
    hidden: (flag.hidden ?? false) || flag.deprecated !== undefined,
    minApi: isRecent(flag.minApi) ? flag.minApi : undefined,
  };
}

/** Later than what any engine in use speaks: Docker 20.10 has 1.41. */
function isRecent(version: string | null | undefined): boolean {
  return typeof version === "string" && compareApiVersions(version, "1.41") > 0;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

test("every other command of docker says that it is not here yet", async () => {
  for (const { command, aliases, group } of reference.commands) {
    if (group) continue;
    for (const spelling of [command, ...aliases.map((alias) => alias.replace(/^docker /, ""))]) {
      const found = await findCommand(spelling.split(" "));
      expect([spelling, found.kind]).toEqual([
        spelling,
        found.kind === "command" ? "command" : "later",
      ]);
    }
  }
});

test("a spelling of several words begins with a group, by which findCommand() looks for it", () => {
  const known = new Set([...groups.map(({ name }) => name), ...laterGroups]);
  const spellings = commands.flatMap(({ path, aliases = [] }) => [path, ...aliases]);
  const first = [...spellings, ...laterCommands]
    .filter((spelling) => spelling.includes(" "))
    .map((spelling) => spelling.split(" ")[0] ?? "");
  expect(first.filter((word) => !known.has(word))).toEqual([]);
});

test("a command is either here or yet to come", () => {
  const here = commands.flatMap((entry) => [entry.path, ...(entry.aliases ?? [])]);
  expect(laterCommands.filter((path) => here.includes(path))).toEqual([]);
  const groupNames = groups.map((group) => group.name);
  expect(laterGroups.filter((name) => groupNames.includes(name))).toEqual([]);
  expect(new Set(here).size).toBe(here.length);
});
