import type { FoundPackage, FoundSystem } from "./found-package.ts";

/**
 * Packages of dpkg's `status`, or of a part of it in `status.d` (distroless images); those that are not installed are left
 * out.
 *
 * @see deb-control(5)
 */
export function readDpkgStatus(text: string, foundIn: string): readonly FoundPackage[] {
  return text.split(/\n\n+/).flatMap((paragraph) => {
    const fields = readFields(paragraph);
    const name = fields.get("Package");
    const version = fields.get("Version");
    const status = fields.get("Status");
    if (name === undefined || version === undefined) return [];
    if (status !== undefined && !status.endsWith(" installed")) return [];
    return [
      {
        kind: "deb" as const,
        name,
        version,
        ...optional("architecture", fields.get("Architecture")),
        ...optional("supplier", fields.get("Maintainer")),
        ...optional("homepage", fields.get("Homepage")),
        foundIn,
      },
    ];
  });
}

/** `Name: value` rows; those that go on are not needed and left out. */
function readFields(paragraph: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of paragraph.split("\n")) {
    const at = line.indexOf(":");
    if (at <= 0 || /^[ \t]/.test(line)) continue;
    fields.set(line.slice(0, at), line.slice(at + 1).trim());
  }
  return fields;
}

/**
 * Packages of apk's `installed`.
 *
 * @see https://wiki.alpinelinux.org/wiki/Apk_spec, "Installed Database"
 */
export function readApkInstalled(text: string, foundIn: string): readonly FoundPackage[] {
  return text.split(/\n\n+/).flatMap((paragraph) => {
    const fields = new Map(
      paragraph
        .split("\n")
        .filter((line) => line[1] === ":")
        .map((line) => [line.slice(0, 1), line.slice(2)] as const)
        .toReversed(), // letters are used again for the files below: the first counts
    );
    const name = fields.get("P");
    const version = fields.get("V");
    if (name === undefined || version === undefined) return [];
    return [
      {
        kind: "apk" as const,
        name,
        version,
        ...optional("architecture", fields.get("A")),
        ...optional("license", fields.get("L")),
        ...optional("supplier", fields.get("m")),
        ...optional("homepage", fields.get("U")),
        foundIn,
      },
    ];
  });
}

/** The package of a `node_modules/X/package.json`; undefined where it names none. */
export function readNodePackage(text: string, foundIn: string): FoundPackage | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined; // test data of some packages is broken on purpose
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(parsed));
  const [name, version, license, homepage] = ["name", "version", "license", "homepage"].map((key) =>
    textOf(fields.get(key)),
  );
  if (name === undefined || version === undefined) return undefined;
  return {
    kind: "npm",
    name,
    version,
    ...optional("license", license),
    ...optional("homepage", homepage),
    foundIn,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The package of a Python `METADATA` or `PKG-INFO`. */
export function readPythonMetadata(text: string, foundIn: string): FoundPackage | undefined {
  const [head = ""] = text.replaceAll("\r\n", "\n").split("\n\n", 1);
  const fields = readFields(head);
  const name = fields.get("Name");
  const version = fields.get("Version");
  if (name === undefined || version === undefined) return undefined;
  return {
    kind: "pypi",
    name,
    version,
    ...optional("license", fields.get("License-Expression") ?? fields.get("License")),
    ...optional("supplier", fields.get("Author")),
    ...optional("homepage", fields.get("Home-page")),
    foundIn,
  };
}

/** @see os-release(5) */
export function readOsRelease(text: string): FoundSystem | undefined {
  const fields = new Map(
    text.split("\n").flatMap((line) => {
      const [, key, value] = /^([A-Z_]+)=["']?(.*?)["']?$/.exec(line) ?? [];
      return key === undefined ? [] : [[key, value ?? ""] as const];
    }),
  );
  const id = fields.get("ID");
  return id === undefined || id === ""
    ? undefined
    : { id, version: fields.get("VERSION_ID") ?? "" };
}

function optional<Key extends string>(
  key: Key,
  value: string | undefined,
): Partial<Record<Key, string>> {
  if (value === undefined || value === "" || value === "UNKNOWN") return {};
  return { [key]: value } as Record<Key, string>; // a computed key is typed as any string
}
