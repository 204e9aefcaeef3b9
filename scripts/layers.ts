// Checks layers.json against the imports of src/, `import type` included. Prints each breach; exit 1 when any.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

interface Layers {
  readonly ranks: readonly (readonly string[])[];
  readonly only: Readonly<Record<string, readonly string[]>>;
  readonly typesOnly: readonly {
    readonly importers: readonly string[];
    readonly imported: readonly string[];
  }[];
  readonly private: Readonly<Record<string, readonly string[]>>;
}

interface Import {
  readonly specifier: string;
  readonly typesOnly: boolean;
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s*)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g;

function importsOf(source: string): Import[] {
  return [...source.matchAll(IMPORT)].map((match) => ({
    specifier: match[2] ?? match[3] ?? "",
    typesOnly: match[1] !== undefined,
  }));
}

/** First path part below src/: the folder, or the file's name for src/main.ts. */
function folderOf(path: string): string {
  return path.split("/")[0] ?? path;
}

function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || path.includes("/testing/");
}

function breach(layers: Layers, file: string, item: Import): string | undefined {
  if (item.specifier.startsWith("../")) return "import another folder as #folder/file.ts";
  const target = item.specifier.startsWith("#")
    ? item.specifier.slice(1)
    : item.specifier.startsWith("./")
      ? posix.join(posix.dirname(file), item.specifier)
      : undefined;
  if (target === undefined) return undefined;
  const from = folderOf(file);
  const to = folderOf(target);
  for (const [path, owners] of Object.entries(layers.private)) {
    const inside = target === path || target.startsWith(`${path}/`);
    if (inside && !owners.includes(from) && !isTest(file)) {
      return `only ${owners.join(", ")} may name ${path}`;
    }
  }
  if (from === to) return undefined;
  const rankOf = (folder: string) => layers.ranks.findIndex((rank) => rank.includes(folder));
  if (rankOf(from) < 0) return `folder ${from} has no rank in layers.json`;
  if (rankOf(to) < 0) return `folder ${to} has no rank in layers.json`;
  if (rankOf(to) >= rankOf(from)) {
    return `rank ${rankOf(from)} (${from}) imports rank ${rankOf(to)} (${to})`;
  }
  const only = layers.only[from];
  if (only && !only.includes(to)) return `${from} may import only ${only.join(", ")}`;
  const rule = layers.typesOnly.find((r) => r.importers.includes(from) && r.imported.includes(to));
  if (rule && !item.typesOnly && !isTest(file)) {
    return `${from} may import ${to} only by "import type": the object comes by constructor`;
  }
  return undefined;
}

const layers = JSON.parse(readFileSync("layers.json", "utf8")) as Layers;
let breaches = 0;
for (const file of readdirSync("src", { recursive: true, encoding: "utf8" }).toSorted()) {
  if (!/\.tsx?$/.test(file)) continue;
  for (const item of importsOf(readFileSync(join("src", file), "utf8"))) {
    const why = breach(layers, file, item);
    if (why === undefined) continue;
    breaches++;
    console.log(`src/${file}: "${item.specifier}": ${why}`);
  }
}
if (breaches > 0) {
  console.log(`${breaches} imports break layers.json`);
  process.exit(1);
}
