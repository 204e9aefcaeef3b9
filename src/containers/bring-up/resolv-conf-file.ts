import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { hasEmbeddedDns } from "#networks/dns/scope.ts";
import { readHostFile } from "#networks/files/host-resolv-conf.ts";
import { renderResolvConf } from "#networks/files/resolv-conf.ts";
import type { DnsSettings, Sandbox } from "#networks/networks.ts";

const NANOS_PER_SECOND = 1_000_000_000n;
const MS_PER_SECOND = 1000;

interface SettingsParts {
  readonly settings: Pick<ContainerParts["settings"], "dns" | "dnsOptions" | "dnsSearch">;
}

/** What the container, or else the daemon's configuration, says of servers and options. */
export function dnsSettingsOf(
  { settings }: SettingsParts,
  { hostConfig }: Pick<ContainerRecord, "hostConfig">,
): DnsSettings {
  return {
    servers: orDefault(hostConfig.Dns, settings.dns),
    options: orDefault(hostConfig.DnsOptions, settings.dnsOptions),
  };
}

type MarkedRecord = Pick<ContainerRecord, "createdNanos" | "hostConfig">;

/** @param path The file, which is mounted in the container. */
export function writeResolvConf(
  parts: SettingsParts,
  record: MarkedRecord,
  sandbox: Sandbox,
  path: string,
): void {
  const host = readHostFile();
  const { servers, options } = dnsSettingsOf(parts, record);
  const text = renderResolvConf({
    hostFile: host.text,
    hostPath: host.path,
    hasOwnNamespace: sandbox.mode.kind !== "host",
    hasIpv6: sandbox.endpoints.some(({ ipv6Address }) => Boolean(ipv6Address)),
    hasEmbeddedDns: hasEmbeddedDns(sandbox.endpoints),
    nameservers: servers,
    search: orDefault(record.hostConfig.DnsSearch, parts.settings.dnsSearch),
    options,
  });
  writeFileSync(path, text);
  utimesSync(path, markSeconds(record), markSeconds(record));
}

/**
 * A container that runs has come to its first network with names: its file is to name the embedded server.
 * One that somebody has edited stays as it is.
 */
export function refreshResolvConf(
  parts: SettingsParts & Pick<ContainerParts, "warn">,
  record: MarkedRecord & Pick<ContainerRecord, "name">,
  sandbox: Sandbox,
  path: string,
): void {
  if (!hasEmbeddedDns(sandbox.endpoints)) return;
  try {
    if (isAsWritten(record, path)) writeResolvConf(parts, record, sandbox, path);
  } catch (error) {
    parts.warn(`Cannot write resolv.conf of container ${record.name}: ${messageOf(error)}`);
  }
}

function orDefault(own: readonly string[], fallback: readonly string[]): readonly string[] {
  return own.length > 0 ? own : fallback;
}

/**
 * The file's time of modification as long as nobody has edited it: whole seconds, which no edit leaves. A file
 * beside it would be one more inode to make and to free for each run.
 */
function markSeconds({ createdNanos }: MarkedRecord): number {
  return Number(createdNanos / NANOS_PER_SECOND);
}

function isAsWritten(record: MarkedRecord, path: string): boolean {
  if (statSync(path).mtimeMs === markSeconds(record) * MS_PER_SECOND) return true;
  // older engines kept a hash beside it, and their containers run on
  const hashPath = `${path}.hash`;
  return existsSync(hashPath) && readFileSync(hashPath, "utf8") === hashOf(readFileSync(path));
}

function hashOf(content: Uint8Array): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
