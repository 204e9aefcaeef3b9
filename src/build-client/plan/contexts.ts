import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { randomUUID } from "node:crypto";
import { collectBytes } from "#base/async.ts";
import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import { UPLOAD_HOST } from "#spec/buildkit/session.ts";
import { parseImageReference, familiarReference } from "#spec/reference.ts";
import { isArchiveHead, peek } from "#base/tar/archive-head.ts";
import { isLayoutContext, planLayoutContext } from "./layout-context.ts";
import type { BuildSettings, PlanParts } from "./settings.ts";

/** Where a build's files come from. */
export interface PlannedContexts {
  /** `context`, `filename`, `context:NAME` */
  readonly attributes: readonly (readonly [name: string, value: string])[];
  readonly folders: ReadonlyMap<string, string>;
  readonly uploads: ReadonlyMap<string, AsyncIterable<Uint8Array>>;
  /** Folders of images, by the names that the engine asks for their blobs by. */
  readonly stores: ReadonlyMap<string, string>;
}

/** Of the build's own files. */
type MainContext = Omit<PlannedContexts, "stores">;

const REMOTE = /^(?:https?:\/\/|git:\/\/|git@|github\.com\/|ssh:\/\/)/;
const DOCKERFILE_MAX_BYTES = 16 * 1024 * 1024;
const UPLOAD_ID = "context";

/**
 * Finds the files of a build.
 *
 * @param stack Takes away the folders that are made for a Dockerfile by standard input.
 * @throws {FailedPreconditionError} No such folder, in docker's words.
 */
export async function planContexts(
  settings: BuildSettings,
  parts: Pick<PlanParts, "env" | "input">,
  stack: AsyncDisposableStack,
): Promise<PlannedContexts> {
  const main = await planMain(settings, parts, stack);
  const attributes = [...main.attributes];
  const folders = new Map(main.folders);
  const stores = new Map<string, string>();
  for (const text of settings.contexts ?? []) {
    const at = text.indexOf("=");
    if (at < 1)
      throw new InvalidArgumentError(`invalid context value: ${text}, expected key=value`);
    const [name, value] = [contextName(text.slice(0, at)), text.slice(at + 1)];
    if (isLayoutContext(value)) {
      const layout = planLayoutContext(value, randomUUID().replaceAll("-", ""));
      attributes.push([`context:${name}`, layout.value]);
      stores.set(layout.storeId, layout.folder);
      continue;
    }
    if (/^(?:docker-image|target|input|local):/.test(value) || REMOTE.test(value)) {
      attributes.push([`context:${name}`, value]);
      continue;
    }
    const found = statSync(value, { throwIfNoEntry: false });
    if (!found) {
      throw new FailedPreconditionError(
        `failed to get build context ${name}: stat ${value}: no such file or directory`,
      );
    }
    if (!found.isDirectory()) {
      throw new FailedPreconditionError(
        `failed to get build context ${name}: context must be a directory: ${value}`,
      );
    }
    const id = name === "context" || name === "dockerfile" ? `_${name}` : name;
    attributes.push([`context:${name}`, `local:${id}`]);
    folders.set(id, realpathSync(value));
  }
  return { attributes, folders, uploads: main.uploads, stores };
}

/** Names of images are meant in every spelling. */
function contextName(text: string): string {
  const [, name = "", platform = ""] = /^(.*?)(::.*)?$/.exec(text) ?? [];
  try {
    const familiar = familiarReference(parseImageReference(name.toLowerCase()));
    return `${familiar.replace(/:latest$/, "")}${platform}`;
  } catch (cause) {
    throw new InvalidArgumentError(`invalid context name ${text}`, { cause });
  }
}

async function planMain(
  settings: BuildSettings,
  parts: Pick<PlanParts, "env" | "input">,
  stack: AsyncDisposableStack,
): Promise<MainContext> {
  const { context, file = "", dockerfileText } = settings;
  const { env } = parts;
  if (context === "-") {
    if (file === "-") {
      throw new InvalidArgumentError(
        "invalid argument: can't use stdin for both build context and dockerfile",
      );
    }
    return await planStream(settings, parts, stack);
  }
  const text =
    dockerfileText ??
    (file === "-"
      ? Buffer.from(await collectBytes(parts.input(), DOCKERFILE_MAX_BYTES)).toString()
      : /^https?:\/\//.test(file)
        ? await fetchDockerfile(file)
        : undefined);
  const written = text === undefined ? undefined : writeDockerfile(text, env, stack);
  if (REMOTE.test(context)) {
    if (written === undefined && isAbsolute(file)) return remoteWithFile(context, file);
    return {
      attributes: [
        ["context", context],
        ...(written === undefined
          ? ([["filename", file === "" ? "Dockerfile" : file]] as const)
          : ([
              ["filename", "Dockerfile"],
              ["dockerfilekey", "dockerfile"],
            ] as const)),
      ],
      folders: new Map(written === undefined ? [] : [["dockerfile", written]]),
      uploads: new Map(),
    };
  }
  const folder = openFolder(context);
  const path = file === "" ? join(folder, "Dockerfile") : resolve(file);
  const place = written === undefined ? dirname(path) : written;
  return {
    attributes: [["filename", written === undefined ? basename(path) : "Dockerfile"]],
    folders: new Map([
      ["context", folder],
      ["dockerfile", place],
    ]),
    uploads: new Map(),
  };
}

/** The files are elsewhere, the Dockerfile is here. */
function remoteWithFile(context: string, file: string): MainContext {
  return {
    attributes: [
      ["context", context],
      ["filename", basename(file)],
      ["dockerfilekey", "dockerfile"],
    ],
    folders: new Map([["dockerfile", openFolder(dirname(file))]]),
    uploads: new Map(),
  };
}

function openFolder(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) {
    throw new FailedPreconditionError(
      `unable to prepare context: path ${JSON.stringify(path)} not found`,
    );
  }
  if (!found.isDirectory()) {
    throw new FailedPreconditionError(
      `unable to prepare context: context must be a directory: ${path}`,
    );
  }
  return realpathSync(path);
}

/** Standard input is an archive, or the Dockerfile of a build without files. */
async function planStream(
  { file = "" }: BuildSettings,
  { env, input }: Pick<PlanParts, "env" | "input">,
  stack: AsyncDisposableStack,
): Promise<MainContext> {
  const { head, whole } = await peek(input());
  if (isArchiveHead(head)) {
    return {
      attributes: [
        ["context", `http://${UPLOAD_HOST}/${UPLOAD_ID}`],
        ["filename", file === "" ? "Dockerfile" : file],
      ],
      folders: new Map(),
      uploads: new Map([[UPLOAD_ID, whole]]),
    };
  }
  if (head.byteLength === 0) {
    throw new FailedPreconditionError("failed to read from stdin: standard input is empty");
  }
  if (file !== "") {
    throw new InvalidArgumentError(
      "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles",
    );
  }
  const text = Buffer.from(await collectBytes(whole, DOCKERFILE_MAX_BYTES)).toString();
  return {
    attributes: [["filename", "Dockerfile"]],
    folders: new Map([
      ["context", temporaryFolder(env, stack)],
      ["dockerfile", writeDockerfile(text, env, stack)],
    ]),
    uploads: new Map(),
  };
}

async function fetchDockerfile(url: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new FailedPreconditionError(`failed to load ${url}: response status ${response.status}`);
  }
  const bytes = response.body ? await collectBytes(response.body, DOCKERFILE_MAX_BYTES) : "";
  return Buffer.from(bytes).toString();
}

function temporaryFolder({ TMPDIR }: PlanParts["env"], stack: AsyncDisposableStack): string {
  const folder = mkdtempSync(join(TMPDIR || "/tmp", "wharf-build-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function writeDockerfile(text: string, env: PlanParts["env"], stack: AsyncDisposableStack): string {
  const folder = temporaryFolder(env, stack);
  writeFileSync(join(folder, "Dockerfile"), text);
  return folder;
}
