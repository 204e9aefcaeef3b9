import { type Digest, digestHex, digestOf } from "#spec/digest.ts";
import type { FoundPackage, Inventory } from "./found-package.ts";

const NONE = "NOASSERTION";
const CREATOR = "Tool: wharf";
/** SPDX ids have letters, digits, dots and dashes. */
const NOT_IN_ID = /[^A-Za-z0-9.-]+/g;
/** An expression of SPDX ids, as far as it can be told by its looks; another text is no license there. */
const EXPRESSION = /^[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*$/;

/**
 * An inventory as an SPDX document.
 *
 * @param subject.name What was looked into.
 * @see https://spdx.github.io/spdx-spec/v2.3/
 */
export function writeSpdx(
  inventory: Inventory,
  subject: { readonly name: string; readonly createdMs: number },
): object {
  const packages = inventory.packages.map((one) => packageOf(one, inventory));
  const content = digestOf(JSON.stringify([subject.name, packages]));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: subject.name,
    // the same for the same content
    documentNamespace: `https://spdx.org/spdxdocs/wharf-${uuidOf(content)}`,
    creationInfo: {
      creators: [CREATOR],
      created: `${new Date(subject.createdMs).toISOString().slice(0, -5)}Z`,
    },
    packages: [rootPackage(subject.name), ...packages],
    relationships: [
      relationship("SPDXRef-DOCUMENT", "DESCRIBES", ROOT_ID),
      ...packages.map(({ SPDXID }) => relationship(ROOT_ID, "CONTAINS", SPDXID)),
    ],
    ...(inventory.skipped.length > 0
      ? { comment: `Lists that could not be read: ${inventory.skipped.join(", ")}` }
      : {}),
  };
}

const ROOT_ID = "SPDXRef-DocumentRoot";

function rootPackage(name: string): object {
  return {
    name,
    SPDXID: ROOT_ID,
    downloadLocation: NONE,
    filesAnalyzed: false,
    licenseConcluded: NONE,
    licenseDeclared: NONE,
    copyrightText: NONE,
    primaryPackagePurpose: "CONTAINER",
  };
}

function packageOf(
  one: FoundPackage,
  inventory: Inventory,
): { readonly SPDXID: string; readonly [key: string]: unknown } {
  const { kind, name, version, license, supplier, homepage, foundIn } = one;
  const mark = digestHex(digestOf(JSON.stringify([kind, name, version, foundIn]))).slice(0, 16);
  return {
    name,
    SPDXID: `SPDXRef-Package-${kind}-${name.replace(NOT_IN_ID, "-")}-${mark}`,
    versionInfo: version,
    supplier: supplier === undefined ? NONE : supplierOf(supplier),
    downloadLocation: NONE,
    filesAnalyzed: false,
    ...(homepage === undefined ? {} : { homepage }),
    sourceInfo: `acquired package info from: ${foundIn}`,
    licenseConcluded: NONE,
    licenseDeclared: license !== undefined && EXPRESSION.test(license) ? license : NONE,
    copyrightText: NONE,
    externalRefs: [
      {
        referenceCategory: "PACKAGE-MANAGER",
        referenceType: "purl",
        referenceLocator: packageUrlOf(one, inventory),
      },
    ],
  };
}

function supplierOf(text: string): string {
  const [, name = text, mail] = /^([^<]*?)\s*<([^>]+)>/.exec(text) ?? [];
  return `Person: ${name.trim() || (mail ?? "")}${mail === undefined ? "" : ` (${mail})`}`;
}

/** @see https://github.com/package-url/purl-spec */
function packageUrlOf(one: FoundPackage, { system }: Inventory): string {
  const { kind, name, version, architecture } = one;
  const encode = (text: string): string => encodeURIComponent(text).replaceAll("%3A", ":");
  const isSystems = kind === "deb" || kind === "apk";
  const vendor = system?.id ?? (kind === "deb" ? "debian" : "alpine");
  const space = isSystems ? `${encode(vendor)}/` : "";
  const path = kind === "pypi" ? name.toLowerCase().replaceAll("_", "-") : name;
  const parts = path.split("/").map(encode).join("/");
  const distro = system ? `${system.id}${system.version === "" ? "" : `-${system.version}`}` : "";
  const qualifiers = isSystems
    ? [
        ...(architecture === undefined ? [] : [`arch=${encode(architecture)}`]),
        ...(distro === "" ? [] : [`distro=${encode(distro)}`]),
      ]
    : [];
  const more = qualifiers.length > 0 ? `?${qualifiers.join("&")}` : "";
  return `pkg:${kind}/${space}${parts}@${encode(version)}${more}`;
}

function relationship(from: string, kind: string, to: string): object {
  return { spdxElementId: from, relationshipType: kind, relatedSpdxElement: to };
}

function uuidOf(digest: Digest): string {
  const hex = digestHex(digest);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join("-");
}
