import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, noArguments } from "#cli/command.ts";
import { stringFlag } from "#cli/flags.ts";
import type { RegistryServeOptions } from "./serve-options.ts";

function oneOf<Word extends string>(flag: string, text: string, words: readonly Word[]): Word {
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  throw new InvalidArgumentError(`--${flag} is "${text}", want one of ${words.join(", ")}`);
}

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    auth: stringFlag('Who may do what: "accounts", or "none" where everybody may do everything', {
      default: "accounts",
      complete: ["accounts", "none"],
    }),
    listen: stringFlag("Address to serve on", { default: ":5000" }),
    "log-level": stringFlag('Least level of log lines ("debug", "info", "warn", "error")', {
      default: "info",
      complete: ["debug", "info", "warn", "error"],
    }),
    root: stringFlag("Folder of everything that lasts", {
      default: "/var/lib/wharf-registry",
      complete: "files",
    }),
    "tls-cert": stringFlag("File of the certificate chain", { complete: "files" }),
    "tls-key": stringFlag("File of the certificate's key", { complete: "files" }),
    url: stringFlag("Address that clients know the registry by"),
  },
  async run(cli, { flags }) {
    const options: RegistryServeOptions = {
      listen: flags.listen,
      root: flags.root,
      auth: oneOf("auth", flags.auth, ["accounts", "none"]),
      tlsCert: flags["tls-cert"],
      tlsKey: flags["tls-key"],
      url: flags.url,
      logLevel: oneOf("log-level", flags["log-level"], ["debug", "info", "warn", "error"]),
    };
    return await cli.programs.serveRegistry(options);
  },
});
