import { readFileSync, writeFileSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { containerFilePaths } from "#containers/bring-up/write-container-files.ts";
import { replaceHostsLines } from "#networks/files/hosts.ts";
import { linkedHosts } from "./linked.ts";
import { aliasName, linksTo } from "./links.ts";

type RefreshParts = Pick<ContainerParts, "networks" | "registry" | "settings" | "warn">;

/** `target` has been started, with an address that may be another: told to all that run and link to it. */
export function refreshLinkedHosts(parts: RefreshParts, target: ContainerRecord): void {
  for (const { parent, alias } of linksTo(parts.registry, target.id)) {
    if (parent.state.status !== "running") continue;
    const name = aliasName(alias);
    const lines = linkedHosts(parts, parent).filter((line) => line.names[0] === name);
    rewriteHosts(parts, parent, name, lines);
  }
}

/** A link of `parent` has been removed: its line goes. */
export function dropLinkedHosts(parts: RefreshParts, parent: ContainerRecord, alias: string): void {
  if (parent.state.status === "running") rewriteHosts(parts, parent, aliasName(alias), []);
}

/** In place: the container has the file itself mounted, not its name. */
function rewriteHosts(
  parts: RefreshParts,
  parent: ContainerRecord,
  name: string,
  lines: readonly { readonly address: string; readonly names: readonly string[] }[],
): void {
  const { hostsPath } = containerFilePaths(parts, parent);
  try {
    const before = readFileSync(hostsPath, "utf8");
    const after = replaceHostsLines(before, name, lines);
    if (after !== before) writeFileSync(hostsPath, after);
  } catch (error) {
    parts.warn(`Cannot tell container ${parent.name} the address of its link: ${messageOf(error)}`);
  }
}
