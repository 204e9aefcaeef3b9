import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { tarHeader } from "#base/tar/header.ts";
import { readTar } from "#base/tar/reader.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import { type Attestation, writeStatement } from "#builder/attestations/statement.ts";
import type { ExportedTree, ExportRequest, ExportResponse, SolvedImage } from "#builder/builder.ts";
import type { BuilderParts } from "#builder/parts.ts";
import { topOf } from "#builder/solver/built-layer.ts";
import { MountedChains } from "#builder/solver/mounted-chains.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import { Vertices } from "#builder/solver/vertices.ts";
import { type Digest, parseDigest } from "#spec/digest.ts";
import { formatPlatform } from "#spec/platform.ts";
import { readFlag } from "./attributes.ts";
import { sourceDateOf } from "./exported-image.ts";

type TreeParts = Pick<BuilderParts, "clock" | "packTree" | "snapshots"> & {
  readonly layers: StepLayers;
};

const NANOS_PER_SECOND = 1_000_000_000n;
/** As BuildKit writes it where no time is asked for. */
const STATEMENT_MODE = 0o600;

/**
 * Gives the files of the result away: `tar` as an archive, `local` as a folder that the caller reads while it is mounted.
 * Of several platforms each has a folder, `linux_arm64`. What is stated of the result stands beside its files.
 *
 * @throws {UnsupportedError} Several platforms in one folder.
 */
export async function exportTree(
  parts: TreeParts,
  images: readonly SolvedImage[],
  request: ExportRequest,
  signal: AbortSignal,
): Promise<ExportResponse> {
  const [first] = images;
  if (!first) throw new InvalidArgumentError("Cannot export: nothing was built");
  const isTar = request.type === "tar";
  const isSplit = readSplit(request.attributes, images.length > 1);
  const timeSeconds = sourceDateOf(first, request.attributes);
  const vertices = new Vertices(parts.clock, request.onEvent);
  const name = isTar ? "exporting to client tarball" : "exporting to client directory";
  await vertices.run(name, [], async (vertex) => {
    await using chains = new MountedChains(parts, parts.layers);
    const trees: ExportedTree[] = [];
    for (const image of images) {
      const { path } = await chains.open(topOf(image.layers));
      const prefix = isSplit ? formatPlatform(image.platform).replaceAll("/", "_") : "";
      const files = await statementsOf(image, path, request.attributes, signal);
      trees.push({ prefix, path, files });
    }
    trees.sort((left, right) => (left.prefix < right.prefix ? -1 : 1));
    const all = { trees, ...(timeSeconds === undefined ? {} : { timeSeconds }) };
    const shown = isTar ? "sending tarball" : "copying files";
    vertex.status(shown, 0, undefined);
    if (isTar) await request.output?.(writeTar(treeMembers(parts, all, signal)));
    else await request.tree?.(all);
    vertex.status(shown, 0, undefined, true);
  });
  return {};
}

function readSplit(attributes: ExportRequest["attributes"], hasSeveral: boolean): boolean {
  const isSplit =
    attributes["platform-split"] === undefined
      ? hasSeveral
      : readFlag(attributes, "platform-split");
  if (isSplit || !hasSeveral) return isSplit;
  throw new UnsupportedError(
    "Cannot export several platforms with platform-split=false: each has a folder of its own",
  );
}

/** What is stated of a result, each as a file. */
async function statementsOf(
  { attestations }: SolvedImage,
  root: string,
  attributes: ExportRequest["attributes"],
  signal: AbortSignal,
): Promise<ExportedTree["files"]> {
  const told = attestations.filter(({ isInlineOnly }) => !isInlineOnly);
  if (told.length === 0) return [];
  const subjects = await subjectsOf(root, signal);
  const prefix = attributes["attestation-prefix"] ?? "";
  return told.map((attestation: Attestation) => ({
    name: `${prefix}${attestation.fileName}`,
    bytes: writeStatement(attestation, subjects, true),
    mode: STATEMENT_MODE,
  }));
}

/** All files below a folder with the digests of what they hold. */
async function subjectsOf(
  root: string,
  signal: AbortSignal,
): Promise<readonly { readonly name: string; readonly digest: Digest }[]> {
  const found: { readonly name: string; readonly digest: Digest }[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const name of (await readdir(join(root, folder))).toSorted()) {
      signal.throwIfAborted();
      const path = folder === "" ? name : `${folder}/${name}`;
      const stats = await lstat(join(root, path));
      if (stats.isDirectory()) await walk(path);
      else if (stats.isFile())
        found.push({ name: path, digest: await digestFile(join(root, path)) });
    }
  };
  await walk("");
  return found;
}

async function digestFile(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return parseDigest(`sha256:${hash.digest("hex")}`);
}

async function* treeMembers(
  { packTree }: TreeParts,
  all: { readonly trees: readonly ExportedTree[]; readonly timeSeconds?: number },
  signal: AbortSignal,
): AsyncGenerator<TarMember> {
  const { trees, timeSeconds } = all;
  const fixed =
    timeSeconds === undefined ? {} : { mtimeNanoseconds: BigInt(timeSeconds) * NANOS_PER_SECOND };
  for (const { prefix, path, files } of trees) {
    const folder = prefix === "" ? "" : `${prefix}/`;
    if (folder !== "") yield { header: tarHeader({ name: folder, type: "directory", ...fixed }) };
    for await (const { header, body } of readTar(packTree(path, signal))) {
      const { name, rawName, linkName, rawLinkName, type } = header;
      const isLink = type === "hardlink";
      yield {
        header: {
          ...header,
          name: `${folder}${name}`,
          ...(rawName ? { rawName: Buffer.concat([Buffer.from(folder), rawName]) } : {}),
          ...(isLink ? { linkName: `${folder}${linkName}` } : {}),
          ...(isLink && rawLinkName
            ? { rawLinkName: Buffer.concat([Buffer.from(folder), rawLinkName]) }
            : {}),
          ...fixed,
        },
        body,
      };
    }
    for (const { name, bytes, mode } of files) {
      const sizeBytes = bytes.byteLength;
      const header = tarHeader({
        name: `${folder}${name}`,
        type: "file",
        mode,
        sizeBytes,
        ...fixed,
      });
      yield { header, body: bytes };
    }
  }
}
