import { join } from "node:path";
import { cleanPath } from "#base/posix-path.ts";

/** Where the plugin sees its sockets. */
export const SOCKETS_IN_PLUGIN = "/run/docker/plugins";

/** What a managed plugin has on the host. */
export interface PluginPaths {
  readonly directory: string;
  /** Where what an upgrade replaces is: configuration, root and image. */
  readonly files: string;
  readonly configFile: string;
  /** As registries have it: manifest and blobs. */
  readonly image: string;
  readonly root: string;
  readonly propagatedMount: string;
  readonly log: string;
  /** On the run state's tmpfs, with a short name: socket paths end at 108 bytes. */
  readonly sockets: string;
}

export interface PluginFolders {
  /** `<data root>/plugins` */
  readonly directory: string;
  /** `<exec root>/mp` */
  readonly sockets: string;
}

export function pathsOf(
  { directory, sockets }: PluginFolders,
  { id, version }: { readonly id: string; readonly version?: string },
): PluginPaths {
  const own = join(directory, id);
  const files = version === undefined ? own : join(own, version);
  return {
    directory: own,
    files,
    configFile: join(files, "config.json"),
    image: join(files, "image"),
    root: join(files, "rootfs"),
    propagatedMount: join(own, "propagated-mount"),
    log: join(own, "log"),
    sockets: join(sockets, id.slice(0, 12)),
  };
}

/**
 * Where the host sees a path of the plugin's.
 *
 * @param propagatedMount In the plugin; empty where it has none.
 */
export function scopePath(paths: PluginPaths, propagatedMount: string, path: string): string {
  const clean = cleanPath(`/${path}`);
  const shared = propagatedMount === "" ? "" : cleanPath(propagatedMount);
  if (shared !== "" && (clean === shared || clean.startsWith(`${shared}/`))) {
    return paths.propagatedMount + clean.slice(shared.length);
  }
  return paths.root + clean;
}
