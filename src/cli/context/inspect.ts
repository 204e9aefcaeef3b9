import { ContextStore } from "#client/contexts/context-store.ts";
import { defaultContextName } from "#client/contexts/stored-context.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { inspectObjects } from "#cli/output/inspect.ts";
import { environmentEndpoint } from "./endpoint-flag.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
  args: atLeast(0),
  completeArgs: ["contexts"],
  flags: { format: stringFlag(inspectFormatHelp, { short: "f" }) },
  async run(cli, { flags, args }) {
    const names = args.length > 0 ? args : [cli.contextName];
    return inspectObjects(cli, names, flags.format, (name) =>
      Promise.resolve(JSON.stringify(describe(cli, name))),
    );
  },
});

function describe(cli: Cli, name: string): unknown {
  if (name === defaultContextName) {
    const { endpoint, tls } = environmentEndpoint(cli);
    return {
      Name: name,
      Metadata: {},
      Endpoints: { docker: endpoint },
      TLSMaterial: tlsMaterial(Object.keys(tls)),
      Storage: { MetadataPath: "<IN MEMORY>", TLSPath: "<IN MEMORY>" },
    };
  }
  const store = new ContextStore(cli.globals.configDir);
  const meta = store.read(name);
  return {
    ...meta,
    TLSMaterial: tlsMaterial(Object.keys(store.readTls(name))),
    Storage: { MetadataPath: store.metaDir(name), TLSPath: store.tlsDir(name) },
  };
}

function tlsMaterial(files: readonly string[]): Readonly<Record<string, readonly string[]>> {
  return files.length > 0 ? { docker: [...files].sort() } : {};
}
