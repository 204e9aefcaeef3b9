import { InvalidArgumentError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import { engineAnswerOf } from "#client/error-response.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "./output/format-help.ts";
import { asFlag, recreationOf } from "./recreate/as-flag.ts";
import { inspectObjects } from "./output/inspect.ts";

/** A kind of object that can be inspected by name or id. */
interface InspectableKind {
  readonly type: string;
  readonly path: (name: string) => string;
  /** Only a manager of a swarm knows it. */
  readonly needsManager?: boolean;
}

/** In the order in which a bare name is looked up. */
const kinds: readonly InspectableKind[] = [
  { type: "container", path: (name) => `/containers/${name}/json` },
  { type: "image", path: (name) => `/images/${name}/json` },
  { type: "network", path: (name) => `/networks/${name}` },
  { type: "volume", path: (name) => `/volumes/${name}` },
  { type: "service", path: (name) => `/services/${name}`, needsManager: true },
  { type: "task", path: (name) => `/tasks/${name}`, needsManager: true },
  { type: "node", path: (name) => `/nodes/${name}`, needsManager: true },
  { type: "plugin", path: (name) => `/plugins/${name}/json` },
  { type: "secret", path: (name) => `/secrets/${name}`, needsManager: true },
  { type: "config", path: (name) => `/configs/${name}`, needsManager: true },
];

export const command: Command = defineCommand({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  args: atLeast(1),
  completeArgs: ["containers"],
  flags: {
    as: asFlag,
    format: stringFlag(inspectFormatHelp, { short: "f" }),
    size: boolFlag("Display total file sizes if the type is container", { short: "s" }),
    type: stringFlag("Only inspect objects of the given type", {
      complete: kinds.map((kind) => kind.type).sort(),
    }),
  },
  async run(cli, { flags, args, isSet }) {
    if (isSet("type") && !kinds.some((kind) => kind.type === flags.type)) {
      const known = kinds.map((kind) => JSON.stringify(kind.type)).sort();
      const shown = JSON.stringify(flags.type);
      throw new InvalidArgumentError(
        flags.type === ""
          ? `type is empty: must be one of ${known.join(", ")}`
          : `unknown type: ${shown}: must be one of ${known.join(", ")}`,
      );
    }
    if (isSet("as")) {
      if (isSet("type") && flags.type !== "container") {
        throw new InvalidArgumentError(`--as is for containers, not for type ${flags.type}`);
      }
      const shape = recreationOf(flags, isSet);
      const { printRecreation } = await import("./recreate/print.ts");
      return printRecreation(cli, args, shape);
    }
    const engine = await cli.engine();
    const wanted = isSet("type") ? kinds.filter((kind) => kind.type === flags.type) : kinds;
    return inspectObjects(cli, args, flags.format, (name) =>
      isSet("type") && wanted[0]
        ? fetchObject(engine, wanted[0], name, flags.size)
        : findObject(engine, name, flags.size),
    );
  },
});

/** The first object of that name, whatever it is. */
async function findObject(engine: EngineClient, name: string, withSize: boolean): Promise<string> {
  for (const kind of kinds) {
    if (kind.needsManager && !(await isManager(engine))) continue;
    try {
      return await fetchObject(engine, kind, name, withSize);
    } catch (error) {
      if (!isElsewhere(error)) throw error;
    }
  }
  throw new NotFoundError(`error: no such object: ${name}`);
}

/** True for answers after which the next kind is tried: there is none, or no name of such a kind. */
function isElsewhere(error: unknown): boolean {
  if (error instanceof NotFoundError || error instanceof UnsupportedError) return true;
  return error instanceof InvalidArgumentError && engineAnswerOf(error) !== undefined;
}

async function isManager(engine: EngineClient): Promise<boolean> {
  const { swarm } = await engine.ping();
  return swarm === "active/manager";
}

async function fetchObject(
  engine: EngineClient,
  kind: InspectableKind,
  name: string,
  withSize: boolean,
): Promise<string> {
  const size = withSize && kind.type === "container" ? true : undefined;
  const path = kind.path(encodeURIComponent(name));
  return (await engine.request("GET", path, { query: { size } })).text();
}
