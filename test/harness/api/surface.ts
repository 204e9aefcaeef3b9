import { appendFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Folder in which end-to-end tests note what of Docker's surface they used; `scripts/surface.ts` reads it. */
const dir = process.env["WHARF_TEST_SURFACE"];

export const isRecordingSurface: boolean = dir !== undefined;

/** Notes a command line of either client, as a JSON array without the program; any other is passed over. */
export function recordCommand([program = "", ...args]: readonly string[]): void {
  if (dir === undefined || !["docker", "wharf"].includes(basename(program))) return;
  appendFileSync(join(dir, "commands"), `${JSON.stringify(args)}\n`);
}

/** The lines of a daemon's debug log that name an API request. */
export function recordRequests(daemonLog: string): void {
  if (dir === undefined) return;
  const lines = daemonLog.split("\n").filter((line) => line.includes('msg="Calling '));
  appendFileSync(join(dir, "requests"), `${lines.join("\n")}\n`);
}
