import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import type { ListenAddress, TlsMaterial } from "#api/server/listeners.ts";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { System } from "#host/system.ts";
import type { EngineConfig, TlsSetting } from "./config/engine-config.ts";
import { chooseInheritedSockets } from "./service/inherited-sockets.ts";

const DEFAULT_GROUPS = ["docker", "wharf"] as const;

function readFor(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new FailedPreconditionError(`Cannot read the TLS ${what} ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** @throws {FailedPreconditionError} A file cannot be read. */
export function readTlsMaterial(tls: TlsSetting): TlsMaterial {
  return {
    certificate: readFor(tls.certificatePath, "certificate"),
    key: readFor(tls.keyPath, "key"),
    ...(tls.clientAuthorityPath === undefined
      ? {}
      : { clientAuthorities: readFor(tls.clientAuthorityPath, "authority") }),
  };
}

/** Group that may use the socket: the named one, else the first of the usual ones the host has. */
function socketGroupId(
  name: string,
  system: Pick<System, "groupId">,
  warn: (message: string) => void,
): number | undefined {
  if (name !== "") {
    const id = /^[0-9]+$/.test(name) ? Number(name) : system.groupId(name);
    if (id === undefined)
      warn(`Cannot give the socket to group ${name}: the host has no such group`);
    return id;
  }
  for (const usual of DEFAULT_GROUPS) {
    const id = system.groupId(usual);
    if (id !== undefined) return id;
  }
  return undefined;
}

/** Turns the configured hosts into what the API can listen on: keys read, group found, folders made. */
export function openListenAddresses(
  config: EngineConfig,
  surroundings: {
    readonly system: Pick<System, "groupId">;
    readonly inheritedNames: readonly string[];
    readonly warn: (message: string) => void;
  },
): readonly ListenAddress[] {
  const { system, inheritedNames, warn } = surroundings;
  const tls = config.tls && readTlsMaterial(config.tls);
  const groupId = socketGroupId(config.socketGroup, system, warn);
  return config.hosts.flatMap((host): readonly ListenAddress[] => {
    switch (host.kind) {
      case "unix":
        mkdirSync(dirname(host.path), { recursive: true });
        return [{ kind: "unix", path: host.path, ...(groupId === undefined ? {} : { groupId }) }];
      case "fd":
        return chooseInheritedSockets(host.name, inheritedNames).map((socket) => ({
          kind: "inherited",
          ...socket,
        }));
      case "tcp":
        if (!tls) {
          warn(
            `Serving tcp://${host.host}:${host.port} without TLS: whoever reaches it is root on this host`,
          );
        }
        return [{ ...host, ...(tls ? { tls } : {}) }];
    }
  });
}
