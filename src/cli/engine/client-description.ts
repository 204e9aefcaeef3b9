import { buildId, buildTime, wharfVersion } from "#base/version.ts";
import { newestApiVersion } from "#client/api-version.ts";
import type { Cli } from "#cli/cli.ts";

/** This client, under the JSON keys of docker's `version` and `info`. */
export interface ClientDescription {
  readonly Platform: { readonly Name: string };
  readonly Version: string;
  readonly DefaultAPIVersion: string;
  readonly GitCommit: string;
  /** The runtime's name and version, where docker says its Go's. */
  readonly GoVersion: string;
  readonly Os: string;
  readonly Arch: string;
  /** In Go's ANSI C form; empty when run from source. */
  readonly BuildTime: string;
  readonly Context: string;
}

export function describeClient(cli: Cli): ClientDescription {
  return {
    Platform: { Name: "Wharf" },
    Version: wharfVersion,
    DefaultAPIVersion: newestApiVersion,
    GitCommit: buildId,
    GoVersion: `bun${Bun.version}`,
    Os: process.platform,
    Arch: process.arch === "x64" ? "amd64" : process.arch,
    BuildTime: toAnsiTime(buildTime),
    Context: cli.contextName,
  };
}

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** RFC 3339 to Go's ANSI C form, `Mon Jan _2 15:04:05 2006`; other texts stay as they are. */
export function toAnsiTime(text: string): string {
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(Date.parse(text))) return text;
  const date = new Date(text);
  const day = String(date.getUTCDate()).padStart(2);
  const time = date.toISOString().slice(11, 19);
  return `${days[date.getUTCDay()]} ${months[date.getUTCMonth()]} ${day} ${time} ${date.getUTCFullYear()}`;
}
