import { expect, test } from "bun:test";
import { messageOf } from "#base/errors.ts";
import { digestOf } from "#spec/digest.ts";
import { composeArtifact } from "./artifact.ts";
import { checkFile, filesOfArtifact } from "./read-artifact.ts";

const bytes = new TextEncoder().encode("services: {}\n");
const options = { ociVersion: "1.1", version: "1", now: new Date(0) } as const;

function manifestOf(names: readonly string[]): Uint8Array {
  const files = names.map((name) => ({ kind: "compose" as const, name, bytes }));
  return composeArtifact(files, options).manifest.bytes;
}

test("filesOfArtifact() finds what composeArtifact() wrote, and what came damaged is no file of it", () => {
  const [file] = filesOfArtifact(manifestOf(["compose.yaml"]), "oci://x");
  expect(file).toEqual({
    kind: "compose",
    name: "compose.yaml",
    digest: digestOf(bytes),
    sizeBytes: bytes.length,
  });
  if (!file) return;
  checkFile(file, bytes, "oci://x");
  expect(() => checkFile(file, new Uint8Array(3), "oci://x")).toThrow("came damaged");
});

test("filesOfArtifact() refuses names that leave the folder, two of one name, what is large or something else", () => {
  const said = (manifest: Uint8Array): string => {
    try {
      filesOfArtifact(manifest, "oci://x");
    } catch (error) {
      return messageOf(error);
    }
    return "";
  };
  for (const name of ["../compose.yaml", "/etc/passwd", ".env/../x", "a/b", ""]) {
    expect(said(manifestOf([name]))).toContain("which cannot be one here");
  }
  expect(said(manifestOf(["a.yaml", "a.yaml"]))).toBe("oci://x: it has two files of one name");
  const large = new TextDecoder()
    .decode(manifestOf(["a.yaml"]))
    .replaceAll(`"size":${bytes.length}`, '"size":99999999');
  expect(said(new TextEncoder().encode(large))).toContain("larger than 16 MiB");
  expect(said(new TextEncoder().encode('{"layers":[null,{}]}'))).toContain("it is no application");
});
