import { InvalidArgumentError, messageOf, UnavailableError } from "#base/errors.ts";
import { formatTabbed } from "#base/tables.ts";
import type { Cli } from "#cli/cli.ts";
import type { Command, CommandShape, Invocation } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { type Flag, type FlagTable, type FlagValues, stringFlag } from "#cli/command/flags.ts";
import { CredentialStore } from "#client/credentials/credential-store.ts";

const DEFAULT_SERVER = "http://127.0.0.1:5000";
const TIMEOUT_MS = 600_000;

/** One value of an answer. */
export type Row = Readonly<Record<string, unknown>>;

/** The REST API of a registry, as one command needs it. */
export interface RegistryApi {
  /** @param path Below `/api/v1`; parts are encoded by `pathOf`. @throws {ExitError} Refused. */
  request(method: string, path: string, body?: object): Promise<Row>;
  /** Prints rows as a table, or as JSON a line where `--format json` asks for it. */
  show(rows: unknown, columns: Readonly<Record<string, string>>): void;
}

interface RestFlags {
  readonly server: Flag<string>;
}

interface ListFlags extends RestFlags {
  readonly format: Flag<string>;
}

type Given<Flags extends FlagTable> = Invocation<FlagValues<Flags>>;

interface RestDefinition<Flags extends FlagTable> extends CommandShape {
  readonly flags: Flags;
  run(api: RegistryApi, invocation: Given<Flags>, cli: Cli): Promise<void>;
}

const SERVER_FLAG: RestFlags = {
  server: stringFlag("Registry to manage (default: WHARF_REGISTRY, else this host's)"),
};

/** Of commands that print a list. */
export const FORMAT_FLAG: Pick<ListFlags, "format"> = {
  format: stringFlag('Print as "table" or "json"', {
    default: "table",
    complete: ["table", "json"],
  }),
};

/** A command that talks to a registry's REST API. */
export function defineRestCommand<Flags extends FlagTable>(
  definition: RestDefinition<Flags>,
): Command {
  const flags: FlagTable = { ...definition.flags, ...SERVER_FLAG };
  return {
    ...definition,
    flags,
    async run(cli, invocation): Promise<number> {
      const server = serverUrl(cli, cellOf(invocation.flags["server"]));
      const format = cellOf(invocation.flags["format"] ?? "table");
      const api = await openApi(cli, server, format);
      // the values were parsed from the table that has these flags
      await definition.run(api, invocation as unknown as Given<Flags>, cli);
      return 0;
    },
  };
}

/** A path with its parts encoded: `/repositories/acme%2Fapp`. */
export function pathOf(...parts: readonly string[]): string {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join("");
}

function serverUrl(cli: Cli, flag: string): URL {
  const text = flag || cli.env["WHARF_REGISTRY"] || DEFAULT_SERVER;
  const isLocal = /^(localhost|127\.|\[::1\])/.test(text);
  const url = URL.parse(
    /^https?:\/\//.test(text) ? text : `${isLocal ? "http" : "https"}://${text}`,
  );
  if (!url) throw new InvalidArgumentError(`Cannot reach registry "${text}": it is no address`);
  return url;
}

/** From the environment, else what `login` has kept for the registry. */
async function authorization(cli: Cli, host: string): Promise<string | undefined> {
  const { env } = cli;
  if (env["WHARF_REGISTRY_TOKEN"]) return `Bearer ${env["WHARF_REGISTRY_TOKEN"]}`;
  const basic = (name: string, secret: string): string =>
    `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;
  const [user, password] = [env["WHARF_REGISTRY_USER"], env["WHARF_REGISTRY_PASSWORD"]];
  if (user && password) return basic(user, password);
  const override = env["DOCKER_AUTH_CONFIG"];
  const store = new CredentialStore({
    configDir: cli.globals.configDir,
    ...(override === undefined ? {} : { override }),
  });
  const kept = await store.get(host);
  if (kept.identityToken) return `Bearer ${kept.identityToken}`;
  return kept.username && kept.password ? basic(kept.username, kept.password) : undefined;
}

async function openApi(cli: Cli, server: URL, format: string): Promise<RegistryApi> {
  if (format !== "table" && format !== "json") {
    throw new InvalidArgumentError(`--format is "${format}", want table or json`);
  }
  const shown = await authorization(cli, server.host);
  return {
    request: async (method, path, body) => {
      let answer: Response;
      try {
        answer = await fetch(new URL(`/api/v1${path}`, server), {
          method,
          headers: {
            ...(shown === undefined ? {} : { Authorization: shown }),
            ...(body ? { "Content-Type": "application/json" } : {}),
          },
          ...(body ? { body: JSON.stringify(body) } : {}),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
      } catch (cause) {
        throw new UnavailableError(`Cannot reach registry ${server.origin}: ${messageOf(cause)}`, {
          cause,
        });
      }
      const text = await answer.text();
      if (!answer.ok) throw new ExitError(`Error: ${refusalOf(answer, text, server)}`, 1);
      return rowOf(text === "" ? {} : JSON.parse(text));
    },
    show: (rows, columns) => {
      const list = Array.isArray(rows) ? rows.map(rowOf) : [];
      if (format === "json") {
        for (const row of list) cli.output.write(`${JSON.stringify(row)}\n`);
        return;
      }
      const lines = list.map((row) => Object.keys(columns).map((key) => cellOf(row[key])));
      const table = [Object.values(columns), ...lines].map((cells) => `${cells.join("\t")}\n`);
      cli.output.write(formatTabbed(table.join("")));
    },
  };
}

function rowOf(value: unknown): Row {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function cellOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(cellOf).join(",");
  if (typeof value === "string") return value.replaceAll(/[\t\n]/g, " ");
  if (typeof value !== "object") return JSON.stringify(value);
  const { type, name, actions } = rowOf(value); // a token's scope
  return type === undefined
    ? JSON.stringify(value)
    : `${cellOf(type)}:${cellOf(name)}:${cellOf(actions)}`;
}

function refusalOf(answer: Response, text: string, server: URL): string {
  let message = `${answer.status} ${answer.statusText}`;
  try {
    const { errors } = rowOf(JSON.parse(text));
    const [first] = Array.isArray(errors) ? errors.map(rowOf) : [];
    message = cellOf(first?.["message"]) || message;
  } catch {
    // no JSON: not our registry, whose status has to do
  }
  return answer.status === 401 ? `${message}; try: wharf login ${server.host}` : message;
}
