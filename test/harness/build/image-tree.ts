import { createReadStream } from "node:fs";
import type { TarHeader } from "#base/tar/header.ts";
import { readTar } from "#base/tar/reader.ts";
import { digestHex, digestOf } from "#spec/digest.ts";

/** What a path of an image is; hard links share one. */
interface Node {
  /** All but times. */
  readonly text: string;
  readonly seconds: number;
  readonly isFolder: boolean;
}

type Tree = Map<string, Node>;

/** Times between are of no case's choice, in seconds since 1970. */
const RECENT = { from: 1_500_000_000, to: 4_000_000_000 } as const;
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Of Docker's and our own making, where a RUN finds a place to mount on missing. */
const ENGINES = /^(?:dev|proc|sys|etc\/(?:hosts|hostname|resolv\.conf|mtab)|\.dockerenv)(?:\/|$)/;

/**
 * What a saved image has beyond its base, one line a path, sorted: `path kind mode owner size digest time`, then links
 * and attributes. A time of the build is `now`, one of the base's `base`. Paths of the base that are gone are `path gone`.
 *
 * @param baseLayers How many of its layers are the base's.
 */
export async function treeOfSavedImage(
  archive: string,
  baseLayers: number,
): Promise<readonly string[]> {
  const files = new Map<string, Buffer>();
  for await (const entry of readTar(createReadStream(archive))) {
    if (entry.header.type === "file") {
      files.set(entry.header.name, await whole(entry.body));
    }
  }
  const manifest: unknown = JSON.parse(files.get("manifest.json")?.toString() ?? "[]");
  const [first] = manifest as readonly { readonly Layers: readonly string[] }[];
  const layers = (first?.Layers ?? []).map((name) => files.get(name) ?? Buffer.alloc(0));
  const tree: Tree = new Map();
  for (const layer of layers.slice(0, baseLayers)) await applyLayer(tree, layer);
  const base = new Map(tree);
  for (const layer of layers.slice(baseLayers)) await applyLayer(tree, layer);
  return differences(base, tree);
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  // a chunk is the reader's own, and gone with the next
  for await (const chunk of body) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function applyLayer(tree: Tree, layer: Buffer): Promise<void> {
  const own = new Set<string>();
  for await (const { header, body } of readTar(piecesOf(layer))) {
    const path = header.name.replace(/^\.?\/+/, "").replace(/\/+$/, "");
    if (path === "" || path === ".") continue;
    const slash = path.lastIndexOf("/") + 1;
    const name = path.slice(slash);
    if (name === OPAQUE) {
      for (const below of under(tree, path.slice(0, slash)))
        if (!own.has(below)) tree.delete(below);
      continue;
    }
    if (name.startsWith(WHITEOUT)) {
      const gone = path.slice(0, slash) + name.slice(WHITEOUT.length);
      tree.delete(gone);
      for (const below of under(tree, `${gone}/`)) tree.delete(below);
      continue;
    }
    const node = nodeOf(tree, header, await whole(body));
    if (!node.isFolder) for (const below of under(tree, `${path}/`)) tree.delete(below);
    tree.set(path, node);
    own.add(path);
  }
}

function under(tree: Tree, prefix: string): readonly string[] {
  return [...tree.keys()].filter((path) => path.startsWith(prefix));
}

function nodeOf(tree: Tree, header: TarHeader, content: Buffer): Node {
  if (header.type === "hardlink") {
    const target = tree.get(header.linkName.replace(/^\.?\/+/, ""));
    if (!target) throw new Error(`hard link ${header.name} leads nowhere: ${header.linkName}`);
    return target;
  }
  const { type, mode, uid, gid, deviceMajor, deviceMinor } = header;
  const isDevice = type === "character-device" || type === "block-device";
  const xattrs = [...header.xattrs]
    .map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`)
    .toSorted();
  const words = [
    type,
    (mode & 0o7777).toString(8),
    `${uid}:${gid}`,
    ...(type === "file" ? [content.length, digestHex(digestOf(content)).slice(0, 8)] : []),
    ...(type === "symlink" ? [`-> ${header.linkName}`] : []),
    ...(isDevice ? [`${deviceMajor},${deviceMinor}`] : []),
    ...xattrs,
  ];
  const seconds = Number(header.mtimeNanoseconds / 1_000_000_000n);
  return { text: words.join(" "), seconds, isFolder: type === "directory" };
}

function differences(base: Tree, tree: Tree): readonly string[] {
  const lines: string[] = [];
  const firstPath = new Map<Node, string>();
  for (const [path, node] of [...tree].toSorted(([left], [right]) => (left < right ? -1 : 1))) {
    const before = base.get(path);
    if (ENGINES.test(path) || before === node) continue;
    // a folder that something was put into, and nothing else
    if (before?.isFolder === true && before.text === node.text) continue;
    const other = firstPath.get(node);
    const isBases = before?.seconds === node.seconds;
    const isNow = node.seconds > RECENT.from && node.seconds < RECENT.to;
    const time = isBases ? "base" : isNow ? "now" : String(node.seconds);
    lines.push(`${path} ${other === undefined ? `${node.text} ${time}` : `= ${other}`}`);
    if (other === undefined) firstPath.set(node, path);
  }
  for (const path of base.keys()) {
    if (!tree.has(path) && !ENGINES.test(path)) lines.push(`${path} gone`);
  }
  return lines.toSorted();
}
