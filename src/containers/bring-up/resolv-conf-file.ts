import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { hasEmbeddedDns } from "#networks/dns/scope.ts";
import { readHostFile } from "#networks/files/host-resolv-conf.ts";
import { renderResolvConf } from "#networks/files/resolv-conf.ts";
import type { DnsSettings, Sandbox } from "#networks/networks.ts";

type SettingsParts = Pick<ContainerParts, "settings">;

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

/** @param path The file, which is mounted in the container; what is known of it stands beside it. */
export function writeResolvConf(
  parts: SettingsParts,
  record: Pick<ContainerRecord, "hostConfig">,
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
  writeFileSync(hashPath(path), hashOf(text));
}

/**
 * A container that runs has come to its first network with names: its file is to name the embedded server.
 * One that somebody has edited stays as it is.
 */
export function refreshResolvConf(
  parts: Pick<ContainerParts, "settings" | "warn">,
  record: ContainerRecord,
  sandbox: Sandbox,
  path: string,
): void {
  if (!hasEmbeddedDns(sandbox.endpoints)) return;
  try {
    const isOurs = readFileSync(hashPath(path), "utf8") === hashOf(readFileSync(path, "utf8"));
    if (isOurs) writeResolvConf(parts, record, sandbox, path);
  } catch (error) {
    parts.warn(`Cannot write resolv.conf of container ${record.name}: ${messageOf(error)}`);
  }
}

function orDefault(own: readonly string[], fallback: readonly string[]): readonly string[] {
  return own.length > 0 ? own : fallback;
}

/** Of the text as it was written: another hash is somebody else's text. */
function hashPath(path: string): string {
  return `${path}.hash`;
}

function hashOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
