import type { GlobalOptions } from "./globals.ts";

/** The command that runs this program again: the executable, or Bun with the source. */
export function ownCommand(): string[] {
  const script = process.argv[1];
  const isCompiled = script === undefined || script.startsWith("/$bunfs/");
  return isCompiled ? [process.execPath] : [process.execPath, script];
}

/** Flags before a command that lead it to the same engine, in the same environment. */
export function globalWords({ configDir, context, hosts, tls }: GlobalOptions): string[] {
  return [
    ...["--config", configDir],
    ...(context === undefined ? [] : ["--context", context]),
    ...hosts.flatMap((host) => ["--host", host]),
    ...(tls.isOn ? ["--tls"] : []),
    ...(tls.verify ? ["--tlsverify"] : []),
    ...(tls.isNamed.ca ? ["--tlscacert", tls.caFile] : []),
    ...(tls.isNamed.cert ? ["--tlscert", tls.certFile] : []),
    ...(tls.isNamed.key ? ["--tlskey", tls.keyFile] : []),
  ];
}
