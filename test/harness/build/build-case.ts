import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type CommandResult, runCommand } from "../command.ts";

/** A Dockerfile, and what docker 28's classic builder makes of it. */
export interface BuildCase {
  readonly dockerfile: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  readonly expected?: BuildOutcome;
}

export interface BuildOutcome {
  readonly ok: boolean;
  /** The image's configuration without what is empty. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** `path mode owner size kind digest` of what the base image has not. */
  readonly files?: readonly string[];
}

/** Files of every case's context, beside the links `link` and `dlink`. */
const FILES: Readonly<Record<string, string>> = {
  a: "A\n",
  b: "B\n",
  "d/x": "X\n",
  "d/y/z": "Z\n",
  "d/ig.txt": "I\n",
  "s.sh": "#!/bin/sh\necho hi\n",
};

/** Not the builder's: who made the container, and Docker's own notes. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "Hostname",
  "Domainname",
  "Image",
  "ArgsEscaped",
  "OnBuild",
]);

const PRUNED =
  "/proc /sys /dev /etc/resolv.conf /etc/hostname /etc/hosts /.dockerenv /etc/mtab /bin /sbin /usr"
    .split(" ")
    .map((path) => `-path ${path}`)
    .join(" -o ");

const LISTING = `find / -xdev \\( ${PRUNED} \\) -prune -o -print | sort | while read f; do
  sum=; [ -f "$f" ] && [ ! -L "$f" ] && sum=$(md5sum < "$f" | cut -c1-8)
  size=$(stat -c %s "$f"); [ -d "$f" ] && [ ! -L "$f" ] && size=-
  echo "$(stat -c '%N %a %u:%g' "$f") $size $(stat -c %F "$f") $sum"
done`;

type Docker = (...args: readonly string[]) => Promise<CommandResult>;

/** The docker CLI, classic builder, against an engine. */
export function classicDocker(host: string): Docker {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: "/nonexistent",
    DOCKER_HOST: host,
    DOCKER_BUILDKIT: "0",
  };
  return (...args) => runCommand(["docker", ...args], { env });
}

async function listFiles(docker: Docker, image: string): Promise<readonly string[]> {
  const { stdout } = await docker(
    ...["run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", LISTING],
  );
  return stdout.trim().split("\n");
}

const bases = new WeakMap<Docker, Promise<ReadonlySet<string>>>();

/** What the base image has, looked at once. */
function baseFiles(docker: Docker): Promise<ReadonlySet<string>> {
  const known =
    bases.get(docker) ?? listFiles(docker, "busybox:latest").then((all) => new Set(all));
  bases.set(docker, known);
  return known;
}

/** Builds a case and looks at what came of it; nothing of it is left. */
export async function runBuildCase(
  docker: Docker,
  one: BuildCase,
  name: string,
): Promise<BuildOutcome> {
  const folder = mkdtempSync(join(tmpdir(), "wharf-build-case-"));
  try {
    const dockerfile = `${one.dockerfile.join("\n")}\n`;
    const files = { ...FILES, ...one.files, Dockerfile: dockerfile };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    chmodSync(join(folder, "s.sh"), 0o755);
    symlinkSync("a", join(folder, "link"));
    symlinkSync("d", join(folder, "dlink"));
    const built = await docker(
      "build",
      "--force-rm",
      "-q",
      "-t",
      name,
      ...(one.flags ?? []),
      folder,
    );
    if (built.exitCode !== 0) return { ok: false };
    const inspected = await docker("inspect", "-f", "{{json .Config}}", name);
    const config = JSON.parse(inspected.stdout) as Readonly<Record<string, unknown>>;
    const changes = one.dockerfile.some((line) => /^(?:RUN|COPY|ADD|WORKDIR|VOLUME) /i.test(line));
    const found = changes ? await listFiles(docker, name) : [];
    const base = changes ? await baseFiles(docker) : new Set();
    return {
      ok: true,
      config: Object.fromEntries(
        Object.entries(config).filter(([key, value]) => isTold(key, value)),
      ),
      files: found.filter((line) => !base.has(line)),
    };
  } finally {
    await docker("rmi", "-f", name);
    rmSync(folder, { recursive: true, force: true });
  }
}

function isTold(key: string, value: unknown): boolean {
  if (LEFT_OUT.has(key) || value === null || value === "" || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
