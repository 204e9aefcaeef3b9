import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Cli } from "#cli/cli.ts";
import { checkFileObjects, checkPorts } from "#compose/check-up.ts";
import type { Project } from "#compose/model/project.ts";
import type { UpPlan } from "#compose/plan/plan-up.ts";

/** @throws {NotFoundError} {InvalidArgumentError} {UnsupportedError} Something that the containers need is not there. */
export async function checkNeeded(cli: Cli, project: Project): Promise<void> {
  const { endpoint } = await cli.engine();
  checkFileObjects(project, { isLocal: endpoint.kind === "unix" });
}

/** @throws {FailedPreconditionError} A port of the host cannot be published. */
export async function checkPublished(cli: Cli, project: Project, plan: UpPlan): Promise<void> {
  const engine = await cli.engine();
  const isLocal = engine.endpoint.kind === "unix";
  let taken: ReadonlySet<string> | undefined;
  let isForeign = false;
  const isTaken = ({ port, protocol }: { readonly port: number; readonly protocol: string }) => {
    taken ??= isLocal ? listeningPorts() : new Set();
    isForeign = taken.has(`${port}/${protocol}`);
    return isForeign;
  };
  try {
    checkPorts(project, plan, isTaken);
  } catch (error) {
    // in a container of its own, this client sees other ports than the engine
    const isHere = async (): Promise<boolean> =>
      (await engine.getJson<{ readonly Name?: string }>("/info")).Name === hostname();
    if (!isForeign || (await isHere())) throw error;
  }
}

const LISTENING = { tcp: "0A", udp: "07" } as const;

/** `8080/tcp`, of this host; none where the kernel does not tell. */
function listeningPorts(): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [protocol, state] of Object.entries(LISTENING)) {
    for (const file of [`/proc/net/${protocol}`, `/proc/net/${protocol}6`]) {
      for (const line of readTable(file)) {
        const [, local = "", , socketState] = line.trim().split(/\s+/);
        const port = Number.parseInt(local.split(":")[1] ?? "", 16);
        if (socketState === state && port > 0) found.add(`${port}/${protocol}`);
      }
    }
  }
  return found;
}

function readTable(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n").slice(1);
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isAbsent) return [];
    throw error;
  }
}
