import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError, InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { SolvedImage } from "#builder/builder.ts";
import type { BuilderParts } from "#builder/parts.ts";
import { topOf } from "#builder/solver/built-layer.ts";
import { checkRunnable } from "#builder/solver/emulation.ts";
import { MountedChains } from "#builder/solver/mounted-chains.ts";
import type { Solving } from "#builder/solver/solving.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import type { OpenVertex } from "#builder/solver/vertices.ts";
import { findImage } from "#builder/sources/image-source.ts";
import { chainIdsOf } from "#spec/digest.ts";
import { formatPlatform } from "#spec/platform.ts";
import { withDefaultTag, formatImageReference, parseImageReference } from "#spec/reference.ts";
import { writeSpdx } from "./packages/spdx.ts";
import { type Attestation, SPDX_DOCUMENT } from "./statement.ts";
import type { SbomWish } from "./wishes.ts";

type SbomParts = Pick<
  BuilderParts,
  "clock" | "files" | "images" | "platform" | "randomBytes" | "runDirectory" | "snapshots" | "steps"
> & {
  readonly layers: StepLayers;
};

interface Scanned {
  readonly solving: Solving;
  readonly image: Omit<SolvedImage, "attestations">;
}

/** Where a scanner finds what it is to look into, and leaves what it found. */
const SOURCE = "/run/src/core/sbom";
const DESTINATION = "/run/out/";
/** Of one statement that a scanner left. */
const STATEMENT_MAX_BYTES = 128 * 1024 * 1024;
const FILE_NAME = "sbom.spdx.json";

/**
 * Lists what is in a result: by our own scanner, or by an image that follows BuildKit's scanner protocol.
 *
 * @see BuildKit's docs/attestations/sbom-protocol.md
 * @throws {FailedPreconditionError} The scanner failed. {InvalidArgumentError} It left what is no statement.
 */
export async function makeSbom(
  parts: SbomParts,
  scanned: Scanned,
  wish: SbomWish,
  signal: AbortSignal,
): Promise<readonly Attestation[]> {
  const { solving, image } = scanned;
  const { vertices, options, platform } = solving;
  const of = options.platforms.length > 1 ? `${formatPlatform(platform)} ` : "";
  const by = wish.generator === undefined ? "" : ` using ${nameOf(wish.generator)}`;
  return await vertices.run(`[${of}sbom] generating sbom${by}`, [], async (vertex) => {
    await using chains = new MountedChains(parts, parts.layers);
    const { path } = await chains.open(topOf(image.layers));
    if (wish.generator !== undefined) {
      return await runScanner(parts, { ...scanned, wish, path, vertex }, chains, signal);
    }
    const inventory = await parts.files.run({ kind: "inventory", root: path }, signal);
    const { sourceDateSeconds } = options;
    const createdMs =
      sourceDateSeconds === undefined ? parts.clock.nowMs() : sourceDateSeconds * 1000;
    for (const list of inventory.skipped) {
      vertex.log(
        "stderr",
        Buffer.from(`${list}: there is no reader for it, its packages are left out\n`),
      );
    }
    vertex.log("stdout", Buffer.from(`${inventory.packages.length} packages\n`));
    const predicate = writeSpdx(inventory, { name: "sbom", createdMs });
    return [{ predicateType: SPDX_DOCUMENT, predicate, fileName: FILE_NAME, isInlineOnly: false }];
  });
}

function nameOf(generator: string): string {
  return formatImageReference(withDefaultTag(parseImageReference(generator)));
}

/** Runs a scanner's image on the mounted result. */
async function runScanner(
  parts: SbomParts,
  given: Scanned & { readonly wish: SbomWish; readonly path: string; readonly vertex: OpenVertex },
  chains: MountedChains,
  signal: AbortSignal,
): Promise<readonly Attestation[]> {
  const { solving, wish, path, vertex } = given;
  const { request, options, lease } = solving;
  const { platform } = parts; // a scanner is a tool of the build's
  const found = await findImage(
    parts.images,
    {
      reference: wish.generator ?? "",
      platform,
      host: platform,
      pulls: false,
      ...(request.credentials ? { credentials: request.credentials } : {}),
      onProgress: (id, current, total) => vertex.status(id, current, total),
    },
    signal,
  );
  for (const chainId of chainIdsOf(found.diffIds)) lease.addLayer(chainId);
  const { config } = found.config;
  const args = [...(config.entrypoint ?? []), ...(config.cmd ?? [])];
  if (args.length === 0) {
    throw new InvalidArgumentError(`scanner ${wish.generator} does not have cmd`);
  }
  checkRunnable(`scanner ${wish.generator}`, found.config.platform, platform);
  const own = join(parts.runDirectory, `scan-${Buffer.from(parts.randomBytes(8)).toString("hex")}`);
  const out = join(own, "out");
  mkdirSync(out, { recursive: true, mode: 0o700 });
  const { users } = parts.steps;
  if (users) {
    const { uid, gid } = users.onHost({ uid: 0, gid: 0 });
    chownSync(out, uid, gid);
    chmodSync(own, 0o711);
  }
  try {
    const seen = users ? await chains.mapped(path, await users.owners()) : { path, isMapped: true };
    const rootPath = await chains.openWritable(chainIdsOf(found.diffIds).at(-1));
    const { exitCode } = await parts.steps.run(
      {
        rootPath,
        remount: (owners) => chains.remount(rootPath, owners),
        args,
        env: [
          ...config.env,
          `BUILDKIT_SCAN_DESTINATION=${DESTINATION}`,
          `BUILDKIT_SCAN_SOURCE=${SOURCE}`,
          ...Object.entries(wish.parameters).map(
            ([name, value]) => `BUILDKIT_SCAN_${name}=${value}`,
          ),
        ],
        cwd: config.workingDir || "/",
        user: config.user,
        hostname: options.hostname,
        mounts: [
          {
            kind: "bind",
            source: seen.path,
            destination: SOURCE,
            isReadOnly: true,
            isMapped: seen.isMapped,
          },
          {
            kind: "bind",
            source: out,
            destination: DESTINATION.replace(/\/$/, ""),
            isReadOnly: false,
            isMapped: true,
          },
          { kind: "tmpfs", source: "", destination: "/tmp", isReadOnly: false },
        ],
        network: { kind: "bridge", name: "bridge" },
        isPrivileged: false,
        isFollowed: false,
        extraHosts: [],
        limits: {},
      },
      (stream, bytes) => vertex.log(stream, bytes),
      signal,
    );
    if (exitCode !== 0) {
      throw new FailedPreconditionError(
        `scanner ${wish.generator} did not complete successfully: exit code: ${exitCode}`,
      );
    }
    return readStatements(out, wish.generator ?? "");
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** What a scanner left: each file that ends on `.json` is a statement; what it is about is for us to say. */
function readStatements(folder: string, scanner: string): readonly Attestation[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .toSorted();
  if (names.length === 0) {
    throw new FailedPreconditionError(`scanner ${scanner} left no statement in ${DESTINATION}`);
  }
  return names.map((name) => {
    const path = join(folder, name);
    const stats = lstatSync(path);
    const refuse = (why: string, cause?: unknown): never => {
      throw new InvalidArgumentError(`Cannot take ${name} of scanner ${scanner}: ${why}`, {
        cause,
      });
    };
    if (!stats.isFile()) refuse("it is no file");
    if (stats.size > STATEMENT_MAX_BYTES) refuse(`${stats.size} bytes are over the limit`);
    try {
      const parsed = parseJson(readFileSync(path, "utf8"), { maxLength: STATEMENT_MAX_BYTES });
      const reader = JsonReader.of(parsed, {});
      const predicateType = reader.string("predicateType") ?? "";
      if (predicateType === "" || !reader.has("predicate")) {
        return refuse("it is no in-toto statement");
      }
      const predicate = predicateIn(parsed);
      return { predicateType, predicate, fileName: name, isInlineOnly: false };
    } catch (error) {
      if (error instanceof InvalidArgumentError) throw error;
      return refuse(messageOf(error), error);
    }
  });
}

function predicateIn(statement: unknown): unknown {
  const isObject = typeof statement === "object" && statement !== null;
  return isObject && "predicate" in statement ? statement.predicate : undefined;
}
