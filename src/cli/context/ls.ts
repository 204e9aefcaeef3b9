import { messageOf } from "#base/errors.ts";
import { compareNaturally, ellipsize } from "#base/tables.ts";
import { ContextStore } from "#client/contexts/context-store.ts";
import { defaultContextName } from "#client/contexts/stored-context.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { type ListFormat, chooseFormat, writeList } from "#cli/output/list.ts";
import { environmentEndpoint } from "./endpoint-flag.ts";

interface ContextRow {
  readonly name: string;
  readonly description: string;
  readonly address: string;
  readonly error: string;
  readonly isCurrent: boolean;
}

const errorColumns = 45;

const list: ListFormat<ContextRow> = {
  goType: "*formatter.clientContextContext",
  table: "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}",
  quiet: "{{.Name}}",
  headers: {
    Current: "",
    Name: "NAME",
    Description: "DESCRIPTION",
    DockerEndpoint: "DOCKER ENDPOINT",
    Error: "ERROR",
  },
  fields: (row) => ({
    Current: row.isCurrent,
    Name: row.name,
    Description: row.description,
    DockerEndpoint: row.address,
    Error: ellipsize(row.error, errorColumns),
  }),
};

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    format: stringFlag(listFormatHelp),
    quiet: boolFlag("Only show context names", { short: "q" }),
  },
  async run(cli, { flags }) {
    writeList(cli, list, contextRows(cli), chooseFormat(cli, {}, flags), flags.quiet);
    if (cli.env["DOCKER_HOST"]) {
      cli.errors.write(
        "Warning: DOCKER_HOST environment variable overrides the active context. To use a context, either set the global --context flag, or unset DOCKER_HOST environment variable.\n",
      );
    }
    return 0;
  },
});

function contextRows(cli: Cli): ContextRow[] {
  const store = new ContextStore(cli.globals.configDir);
  const current = cli.contextName;
  const rows: ContextRow[] = store.list().map((meta) => ({
    name: meta.Name,
    description: descriptionOf(meta.Metadata),
    address: meta.Endpoints["docker"]?.Host ?? "",
    error: "",
    isCurrent: meta.Name === current,
  }));
  rows.push({
    name: defaultContextName,
    description: "Current DOCKER_HOST based configuration",
    address: environmentEndpoint(cli).endpoint.Host,
    error: "",
    isCurrent: current === defaultContextName,
  });
  if (!rows.some((row) => row.isCurrent)) rows.push(missingRow(store, current));
  return rows.sort((a, b) => compareNaturally(a.name, b.name));
}

/** The context in force that has no files: shown with the reason. */
function missingRow(store: ContextStore, name: string): ContextRow {
  let error = "";
  try {
    store.read(name);
  } catch (failure) {
    error = messageOf(failure);
  }
  return { name, description: "", address: "", error, isCurrent: true };
}

function descriptionOf(metadata: Readonly<Record<string, unknown>>): string {
  const { Description: description } = metadata;
  return typeof description === "string" ? description : "";
}
