import { wharfVersion } from "#base/version.ts";
import { FailedPreconditionError } from "#base/errors.ts";
import { demultiplex } from "#client/stdcopy.ts";
import { imageOf } from "#compose/build/targets.ts";
import { LABEL } from "#compose/labels.ts";
import type { Project, Service } from "#compose/model/project.ts";
import { observeContainers } from "#compose/observe/observed.ts";
import { type DueHook, hookName, preStartRequest } from "#compose/plan/pre-start.ts";
import type { ActParts } from "./act-parts.ts";
import type { MadeContainer, MadeContainers } from "./carry-out.ts";
import { injectFileObjects } from "./file-objects.ts";
import { removeContainer } from "./stop-containers.ts";

export interface PreStart {
  readonly project: Project;
  readonly serviceName: string;
  readonly service: Service;
  readonly made: MadeContainers;
}

/** Lines of what a hook said that stand in the error. */
const TAIL_LINES = 10;
const TAIL_BYTES = 4096;

/**
 * Runs hooks in containers of their own, one hook after the other; one for each container runs for all at once.
 * One that fails stays, to be looked into; what an earlier run left goes first.
 *
 * @param containers By name: what the hooks run for.
 * @throws {FailedPreconditionError} One ended with another code than 0.
 */
export async function runPreStart(
  due: readonly DueHook[],
  containers: ReadonlyMap<string, Pick<MadeContainer, "id">>,
  context: PreStart,
  parts: ActParts,
): Promise<void> {
  if (due.length === 0) return;
  const { project, serviceName } = context;
  const names = due.flatMap((hook) =>
    hook.before.map((before) => hookName(project, serviceName, hook, before)),
  );
  await removeLeftHooks(new Set(names), context, parts);
  for (const hook of due) {
    await Promise.all(
      hook.before.map(async (name) => {
        const container = containers.get(name);
        if (container) await runHookContainer(hook, { id: container.id, name }, context, parts);
      }),
    );
  }
}

/** Those that are to run again, and those that the file no longer has. */
async function removeLeftHooks(
  names: ReadonlySet<string>,
  { project, serviceName, service }: PreStart,
  parts: ActParts,
): Promise<void> {
  const all = await observeContainers(parts.engine, project.name, { withOneOffs: true });
  const left = all.filter(({ service: owner, labels, name }) => {
    const isHook = owner === serviceName && labels[LABEL.hook] === "pre_start";
    const isOld = Number(labels[LABEL.hookIndex]) >= (service.pre_start?.length ?? 0);
    return isHook && (isOld || names.has(name));
  });
  const quiet = { withVolumes: true, isQuiet: true };
  await Promise.all(left.map((container) => removeContainer(container, quiet, parts)));
}

async function runHookContainer(
  due: DueHook,
  before: { readonly id: string; readonly name: string },
  context: PreStart,
  parts: ActParts,
): Promise<void> {
  const { project, serviceName, service, made } = context;
  const { engine } = parts;
  const name = hookName(project, serviceName, due, before.name);
  const report = (status: string): void => parts.onProgress({ kind: "Container", name, status });
  const gone = { withVolumes: true, isQuiet: true };
  const { Id: id } = await parts.slots.run(async () => {
    report("Starting");
    return await engine.postJson<{ readonly Id: string }>("/containers/create", {
      query: { name, ...(service.platform === undefined ? {} : { platform: service.platform }) },
      json: preStartRequest({
        ...{ project, serviceName, service, due, containerName: name, version: wharfVersion },
        image: imageOf(project, serviceName, service),
        proxies: parts.proxies,
        sharedWith: before.id,
        containerOf: (other) => made.get(other)?.[0]?.id ?? other,
      }),
    });
  });
  let code: number;
  try {
    await parts.slots.run(async () => {
      await injectFileObjects(project, service, id, parts);
      await engine.send("POST", `/containers/${id}/start`);
    });
    code = parts.isDryRun ? 0 : await awaitEnd(id, parts);
  } catch (error) {
    await removeContainer({ id, name }, gone, parts);
    report("Error");
    throw error;
  }
  if (code === 0) {
    await removeContainer({ id, name }, gone, parts);
    report("Exited");
    return;
  }
  report("Error");
  const said = await lastLines(id, parts);
  const place = project.locate(["services", serviceName, "pre_start", due.index]);
  throw new FailedPreconditionError(
    `${place}services.${serviceName}.pre_start[${due.index}] exited with status ${code}: ${serviceName} is not started, and ${name} is kept to be looked into${said === "" ? "" : `; it said:\n${said}`}`,
  );
}

async function awaitEnd(id: string, { engine, signal }: ActParts): Promise<number> {
  const { StatusCode } = await engine.postJson<{ readonly StatusCode: number }>(
    `/containers/${id}/wait`,
    signal === undefined ? {} : { signal },
  );
  return StatusCode;
}

async function lastLines(id: string, { engine }: ActParts): Promise<string> {
  const response = await engine.request("GET", `/containers/${id}/logs`, {
    query: { stdout: true, stderr: true, tail: TAIL_LINES },
  });
  const pieces: Uint8Array[] = [];
  for await (const { payload } of demultiplex(response.body())) pieces.push(payload);
  return Buffer.concat(pieces).subarray(-TAIL_BYTES).toString().trimEnd();
}
