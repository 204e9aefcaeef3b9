import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { mustRun, runCommand } from "../harness/command.ts";
import { CACHE } from "../harness/engine.ts";

/** The bundle of Debian's ca-certificates: who this machine trusts. */
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";
/** Where an image keeps it apart: installing ca-certificates writes the bundle anew, with Debian's authorities alone. */
const MACHINE_CERTIFICATES = "/etc/ssl/machine.pem";

/** npm's settings that say how its registry is reached; what proves who one is stays here. */
const NPM_SETTINGS = ["registry", "proxy", "https-proxy", "noproxy", "strict-ssl"] as const;

/**
 * Whether this machine reaches the archive that the Debian root was made from, by the way its own apt goes.
 *
 * @returns Why not; undefined when it does.
 */
export async function whyNoDebianPackages(): Promise<string | undefined> {
  const root = join(CACHE, "debian.tar");
  if (!existsSync(root)) return `${root} is not there`;
  const list = await mustRun(["tar", "-xOf", root, "./etc/apt/sources.list"]);
  const [, mirror, suite] = /^deb (?:\[[^\]]*\] )?(\S+?)\/? (\S+)/m.exec(list.stdout) ?? [];
  const address = `${mirror}/dists/${suite}/InRelease`;
  const folder = mkdtempSync(join(tmpdir(), "wharf-mirror-"));
  const words = ["download-file", address, join(folder, "InRelease")];
  const asked = await runCommand(
    ["/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=root", ...words],
    { timeoutMs: 20_000 },
  );
  rmSync(folder, { recursive: true });
  if (asked.exitCode === 0) return undefined;
  return `Debian's packages cannot be reached: ${asked.stderr.trim().split("\n")[0]}`;
}

/** The same of the registry that npm is set to. */
export async function whyNoNpmPackages(): Promise<string | undefined> {
  const asked = await runCommand(["npm", "ping"], { timeoutMs: 30_000 });
  return asked.exitCode === 0 ? undefined : "npm's registry cannot be reached";
}

/**
 * Writes what an image needs on this machine to reach packages as the machine does: apt's and npm's settings and the
 * authorities that are trusted. Nothing of it stands in the project.
 *
 * @param folder Becomes a tree that is copied over a root.
 */
export async function writeMachineFiles(folder: string): Promise<void> {
  const write = (path: string, text: string): void => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  const { stdout } = await mustRun(["apt-config", "dump"]);
  const settings = stdout
    .split("\n")
    .filter((line) =>
      /^Acquire::(?:https?::(?:.*::)?(?:Proxy|CaInfo)|Check-Valid-Until) /.test(line),
    )
    .map((line) => line.replace(/^(\S*::CaInfo) .*/, `$1 "${MACHINE_CERTIFICATES}";`));
  write("etc/apt/apt.conf.d/90machine", `${settings.join("\n")}\n`);
  write("etc/npmrc", await readNpmSettings());
  if (!existsSync(CERTIFICATES)) return;
  for (const path of [CERTIFICATES, MACHINE_CERTIFICATES]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(CERTIFICATES, join(folder, path), { dereference: true });
  }
}

async function readNpmSettings(): Promise<string> {
  const asked = await runCommand(["npm", "config", "get", ...NPM_SETTINGS]);
  const lines = existsSync(CERTIFICATES) ? [`cafile=${MACHINE_CERTIFICATES}`] : [];
  if (asked.exitCode !== 0) return `${lines.join("\n")}\n`;
  for (const line of asked.stdout.split("\n")) {
    const [, name, value] = /^([a-z-]+)=(.+)$/.exec(line) ?? [];
    if (name !== undefined && value !== "null" && value !== '""') lines.push(`${name}=${value}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Proxies of the environment, which builds are told of as arguments that every Dockerfile has. */
export function proxyArguments(): readonly string[] {
  return ["http_proxy", "https_proxy", "no_proxy"]
    .filter((name) => process.env[name] !== undefined)
    .flatMap((name) => ["--build-arg", name]);
}
