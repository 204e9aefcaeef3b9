import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Of a plugin that keeps volumes: plugin.pl beside this file. */
export const PLUGIN_CONFIG: object = {
  Description: "keeps volumes",
  Documentation: "https://example.org/",
  Entrypoint: ["/usr/bin/perl", "/plugin.pl"],
  WorkDir: "/tmp",
  Interface: { Types: ["docker.volumedriver/1.0"], Socket: "keeper.sock" },
  Network: { Type: "host" },
  PropagatedMount: "/mnt/volumes",
  Linux: {
    Capabilities: ["CAP_SYS_ADMIN"],
    AllowAllDevices: false,
    Devices: [{ Name: "null", Description: "d", Path: "/dev/null", Settable: ["path"] }],
  },
  Mounts: [
    {
      Name: "usr",
      Description: "programs",
      Source: "/usr",
      Destination: "/usr",
      Type: "bind",
      Options: ["rbind", "ro"],
      Settable: ["source"],
    },
  ],
  Env: [
    { Name: "WORD", Description: "said", Value: "hello", Settable: ["value"] },
    { Name: "FIXED", Value: "1", Settable: [] },
  ],
  Args: { Name: "args", Description: "more", Settable: ["value"], Value: ["a"] },
};

/** Makes a plugin's data folder below `folder`: the host's perl, seen by a mount, runs its one file. */
export function makePluginContext(folder: string, name: string, config: object): string {
  const context = join(folder, name);
  const root = join(context, "rootfs");
  for (const path of ["usr", "mnt/volumes", "proc", "sys", "dev", "run", "etc", "tmp"]) {
    mkdirSync(join(root, path), { recursive: true });
  }
  for (const path of ["lib", "lib64", "bin", "sbin"]) symlinkSync(`usr/${path}`, join(root, path));
  copyFileSync("test/harness/managed-plugin/plugin.pl", join(root, "plugin.pl"));
  writeFileSync(join(context, "config.json"), JSON.stringify(config));
  return context;
}
