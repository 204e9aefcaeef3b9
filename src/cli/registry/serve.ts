import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, intFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import type { RegistryServeOptions } from "./serve-options.ts";

function oneOf<Word extends string>(flag: string, text: string, words: readonly Word[]): Word {
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  throw new InvalidArgumentError(`--${flag} is "${text}", want one of ${words.join(", ")}`);
}

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  description: `Serve a registry for images and artifacts.

Everything lies below --root: blobs as files, the rest in SQLite. Several servers make one registry where
--storage names an S3 bucket and --database a PostgreSQL that they share; keys are read from AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY, the database also from WHARF_REGISTRY_DATABASE. SIGHUP reads the certificate again.`,
  args: noArguments,
  flags: {
    auth: stringFlag('Who may do what: "accounts", or "none" where everybody may do everything', {
      default: "accounts",
      complete: ["accounts", "none"],
    }),
    database: stringFlag("PostgreSQL for metadata, as postgres://USER:PASSWORD@HOST/NAME"),
    "garbage-grace": intFlag("Minutes that what nobody refers to is kept", { default: 60 }),
    "idle-timeout": intFlag("Seconds without a byte after which a connection is cut", {
      default: 120,
    }),
    "insecure-registry": listFlag("Registry that proxies and replications reach without TLS"),
    listen: stringFlag("Address to serve on", { default: ":5000" }),
    "log-level": stringFlag('Least level of log lines ("debug", "info", "warn", "error")', {
      default: "info",
      complete: ["debug", "info", "warn", "error"],
    }),
    proxy: listFlag("Cache of another registry, as PREFIX=HOST; with an empty PREFIX of all", {
      defaultText: "",
    }),
    "rate-limit": intFlag("Requests a second of one account or address (0 for no limit)"),
    root: stringFlag("Folder of everything that lasts", {
      default: "/var/lib/wharf-registry",
      complete: "files",
    }),
    "s3-endpoint": stringFlag("Address of the object storage, where it is not Amazon's"),
    "s3-region": stringFlag("Region of the bucket"),
    "sparse-indexes": boolFlag("Take indexes of which not all manifests are there"),
    storage: stringFlag("Bucket for blobs, as s3://BUCKET/PREFIX"),
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
      database: flags.database || (cli.env["WHARF_REGISTRY_DATABASE"] ?? ""),
      storage: flags.storage,
      s3Endpoint: flags["s3-endpoint"],
      s3Region: flags["s3-region"],
      s3AccessKeyId: cli.env["AWS_ACCESS_KEY_ID"] ?? "",
      s3SecretAccessKey: cli.env["AWS_SECRET_ACCESS_KEY"] ?? "",
      proxies: flags.proxy,
      insecureRegistries: flags["insecure-registry"],
      rateLimit: flags["rate-limit"],
      allowSparseIndexes: flags["sparse-indexes"],
      idleTimeoutSeconds: flags["idle-timeout"],
      garbageGraceMinutes: flags["garbage-grace"],
      configDir: cli.globals.configDir,
    };
    return await cli.programs.serveRegistry(options);
  },
});
