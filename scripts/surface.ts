// How much of Docker's surface is there: every endpoint with its query parameters, every command with
// its flags, held against the reference files. What is missing is listed by the issue that brings it.
//   bun run surface                      what is missing; exit 1 when no later issue brings it
//   bun run surface --exercised FOLDER   also what no end-to-end test used: a folder that
//                                        WHARF_TEST_SURFACE named while they ran
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Glob } from "bun";
import { commands } from "../src/cli/commands.ts";
import { findCommand } from "#cli/command/find-command.ts";
import { readApiReference } from "../test/harness/api/api-reference.ts";

interface QueriedOperation {
  readonly method: string;
  readonly path: string;
  /** Names of its query parameters. */
  readonly parameters: readonly string[];
}

interface ReferenceCommand {
  readonly command: string;
  readonly group: boolean;
  readonly hidden: boolean;
  readonly deprecated: boolean;
  readonly flags: readonly {
    readonly name: string;
    readonly shorthand: string;
    readonly hidden: boolean;
  }[];
}

/** First match wins: which issue brings an endpoint or command that is not there. */
const LATER: readonly (readonly [pattern: RegExp, issue: string])[] = [
  [/^buildx/, "docker's own plugin, which runs on the engine as it is"],
  [/^trust/, "content trust"],
  [/^\/volumes\/\{name\} \(PUT\) \?version$/, "the cluster"],
  [/^(\/swarm|\/services|\/nodes|\/tasks|\/secrets|\/configs)/, "the cluster"],
  [/^(swarm|service|node|stack|secret|config)\b/, "the cluster"],
];

/** Parameters that Docker takes and that change nothing there either. */
const WITHOUT_EFFECT: readonly string[] = [
  "/images/json (GET) ?digests", // digests are always shown
  "/build (POST) ?rm", // a step's container never stays
  "/build (POST) ?forcerm",
];

/** Commands whose flags are read by the code of another, so that using either uses both. */
const SAME_CODE: Readonly<Record<string, readonly string[]>> = {
  "container create": ["container run"],
  "container inspect": ["inspect"],
  "image inspect": ["inspect"],
};

function issueOf(item: string): string {
  return LATER.find(([pattern]) => pattern.test(item))?.[1] ?? "MISSING";
}

function readOperations(): readonly QueriedOperation[] {
  return readApiReference().operations.map(({ method, path, parameters }) => ({
    method,
    path,
    parameters: parameters.filter((one) => one.in === "query").map((one) => one.name),
  }));
}

/** What the route files say: `METHOD path`, with the texts of their folder to look for parameters. */
function readRoutes(): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const routes = new Map<string, string>();
  for (const file of new Glob("src/api/**/*.ts").scanSync(".")) {
    if (file.endsWith(".test.ts") || file.endsWith("not-yet.ts")) continue;
    const folder = file.slice(0, file.lastIndexOf("/"));
    texts.set(folder, `${texts.get(folder) ?? ""}${readFileSync(file, "utf8")}`);
  }
  for (const text of texts.values()) {
    for (const [, method = "", path = ""] of text.matchAll(
      /\b(?:answer|hijack)\(\s*"([A-Z]+)",\s*"([^"]+)"/g,
    )) {
      routes.set(`${method} ${plainPath(path)}`, text);
    }
  }
  return routes;
}

function plainPath(path: string): string {
  return path.replaceAll(/\{(\w+)(?::\.\*)?\}/g, "{}");
}

/** Parameters and endpoints of the requests that end-to-end tests made. */
function readRequests(
  folder: string,
  operations: readonly QueriedOperation[],
): ReadonlySet<string> {
  const used = new Set<string>();
  const file = join(folder, "requests");
  if (!existsSync(file)) return used;
  const patterns = operations.map((operation) => ({
    operation,
    pattern: new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, ".+")}$`),
    // `/containers/json` before `/containers/{id}`
    rank: operation.path.split("{").length,
  }));
  patterns.sort((left, right) => left.rank - right.rank);
  for (const line of new Set(readFileSync(file, "utf8").split("\n"))) {
    const call = /msg="Calling ([A-Z]+) (?:\/v[0-9.]+)?(\S+)"(?: parameters="?([^"\s]*))?/.exec(
      line,
    );
    const [, method = "", path = "", names = ""] = call ?? [];
    const found = patterns.find(
      ({ operation, pattern }) => operation.method === method && pattern.test(path),
    );
    if (!found) continue;
    const name = `${method} ${found.operation.path}`;
    used.add(name);
    for (const parameter of names.split(",")) used.add(`${name} ?${parameter}`);
  }
  return used;
}

/** Commands and flags that end-to-end tests typed, by either client. */
async function readTyped(folder: string): Promise<ReadonlySet<string>> {
  const used = new Set<string>();
  const file = join(folder, "commands");
  if (!existsSync(file)) return used;
  for (const line of new Set(readFileSync(file, "utf8").split("\n").filter(Boolean))) {
    const found = await findCommand(JSON.parse(line) as string[]);
    if (found.kind !== "command") continue;
    const { path } = found.entry;
    used.add(path);
    for (const word of found.rest) {
      const [, long, short] = /^(?:--([\w-]+)|-([a-zA-Z]+))/.exec(word) ?? [];
      if (long !== undefined) used.add(`${path} --${long}`);
      for (const letter of short ?? "") used.add(`${path} -${letter}`);
    }
  }
  return used;
}

class Tally {
  #total = 0;
  #there = 0;
  readonly #missing = new Map<string, string[]>();

  readonly #title: string;

  constructor(title: string) {
    this.#title = title;
  }

  count(item: string, isThere: boolean): void {
    this.#total += 1;
    if (isThere) this.#there += 1;
    else this.#missing.set(issueOf(item), [...(this.#missing.get(issueOf(item)) ?? []), item]);
  }

  print(): boolean {
    console.log(`${this.#title}: ${this.#there} of ${this.#total}`);
    for (const [issue, items] of [...this.#missing].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      console.log(`  ${issue}: ${items.length}`);
      if (issue === "MISSING") for (const item of items) console.log(`    ${item}`);
    }
    return !this.#missing.has("MISSING");
  }
}

function readCommands(): readonly ReferenceCommand[] {
  const text = readFileSync("test/reference/docker-cli.json", "utf8");
  const { commands: all } = JSON.parse(text) as { commands: readonly ReferenceCommand[] };
  return all.filter((one) => one.command !== "" && !one.group && !one.hidden && !one.deprecated);
}

const { values } = parseArgs({ options: { exercised: { type: "string" } } });
const operations = readOperations();
const reference = readCommands();

const routes = readRoutes();
const endpoints = new Tally("Endpoints");
const parameters = new Tally("Query parameters");
for (const { method, path, parameters: names } of operations) {
  const text = routes.get(`${method} ${plainPath(path)}`);
  endpoints.count(`${path} (${method})`, text !== undefined);
  for (const name of names) {
    const item = `${path} (${method}) ?${name}`;
    const isRead = (text?.includes(`"${name}"`) ?? false) || WITHOUT_EFFECT.includes(item);
    parameters.count(item, isRead);
  }
}

const there = new Tally("Commands");
const flags = new Tally("Flags");
for (const { command: path, flags: wanted } of reference) {
  const entry = commands.find((one) => one.path === path);
  there.count(path, entry !== undefined);
  const own = entry === undefined ? {} : (await entry.load()).command.flags;
  for (const flag of wanted) {
    if (flag.name === "help" || flag.hidden) continue;
    flags.count(`${path} --${flag.name}`, flag.name in own);
  }
}

const tallies = [endpoints, parameters, there, flags];
if (values.exercised !== undefined) {
  const requests = readRequests(values.exercised, operations);
  const typed = await readTyped(values.exercised);
  const asked = new Tally("Endpoints and parameters used by end-to-end tests");
  for (const { method, path, parameters: names } of operations) {
    const name = `${method} ${path}`;
    if (!routes.has(`${method} ${plainPath(path)}`)) continue;
    asked.count(`${path} (${method})`, requests.has(name));
    for (const parameter of names) {
      asked.count(`${path} (${method}) ?${parameter}`, requests.has(`${name} ?${parameter}`));
    }
  }
  const used = new Tally("Commands and flags used by end-to-end tests");
  for (const { command: path, flags: wanted } of reference) {
    if (!commands.some((one) => one.path === path)) continue;
    used.count(path, typed.has(path));
    for (const { name, shorthand, hidden } of wanted) {
      if (name === "help" || hidden) continue;
      const isTyped = [path, ...(SAME_CODE[path] ?? [])].some(
        (one) => typed.has(`${one} --${name}`) || typed.has(`${one} -${shorthand}`),
      );
      used.count(`${path} --${name}`, isTyped);
    }
  }
  tallies.push(asked, used);
}
const isWhole = tallies.map((tally) => tally.print()).every(Boolean);
process.exit(isWhole ? 0 : 1);
