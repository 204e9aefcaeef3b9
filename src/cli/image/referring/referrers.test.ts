import { expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { type Digest, digestOf } from "#spec/digest.ts";
import { OCI_MANIFEST } from "#spec/media-types.ts";
import type { Descriptor } from "#spec/oci-image.ts";
import { findReferrers } from "./find-referrers.ts";
import { flattenReferrers, referrersJson, referrersTree } from "./referrers-text.ts";

const never = new AbortController().signal;

function entry(name: string, artifactType?: string): Descriptor {
  return {
    mediaType: OCI_MANIFEST,
    digest: digestOf(name),
    sizeBytes: 7,
    ...(artifactType === undefined ? {} : { artifactType }),
    annotations: { name },
  };
}

const IMAGE = entry("image");
const NAMES = new Map(
  ["image", "sbom", "signature", "signed sbom"].map((name) => [digestOf(name) as string, name]),
);

/** A signature and a bill of materials, which is signed as well. */
function repository(): Parameters<typeof findReferrers>[0] {
  const below = new Map<Digest, readonly Descriptor[]>([
    [IMAGE.digest, [entry("sbom", "text/sbom"), entry("signature", "text/sign\u001b[31m")]],
    [digestOf("sbom"), [entry("signed sbom")]],
  ]);
  return {
    referrers: async (subject, type) => {
      const all = below.get(subject) ?? [];
      const referrers = all.filter((one) => type === undefined || one.artifactType === type);
      return await Promise.resolve({ referrers, source: "api" });
    },
  };
}

function named(text: string): string {
  return text.replaceAll(/sha256:[0-9a-f]{64}/g, (digest) => NAMES.get(digest) ?? digest);
}

test("referrersTree() groups by what they are and shows what refers to them", async () => {
  const nodes = await findReferrers(repository(), { subject: IMAGE.digest, depth: 0 }, never);
  expect(named(referrersTree("reg.io/app@x", nodes, false))).toBe(
    [
      "reg.io/app@x",
      "├── text/sbom",
      "│   └── sbom",
      "│       └── <unknown>",
      "│           └── signed sbom",
      "└── text/sign�[31m",
      "    └── signature",
      "",
    ].join("\n"),
  );
  expect(named(referrersTree("x", nodes, true))).toContain(
    "│       ├── [annotations]\n│       │   └── name: sbom\n",
  );
});

test("findReferrers() looks so far down as asked, and for one type at the top alone", async () => {
  const request = { subject: IMAGE.digest, depth: 1 };
  const top = flattenReferrers(await findReferrers(repository(), request, never));
  expect(top.map(({ digest }) => NAMES.get(digest))).toEqual(["sbom", "signature"]);
  const typed = { subject: IMAGE.digest, depth: 0, artifactType: "text/sbom" };
  const sboms = flattenReferrers(await findReferrers(repository(), typed, never));
  expect(sboms.map(({ digest }) => NAMES.get(digest))).toEqual(["sbom", "signed sbom"]);
});

test("findReferrers() ends where a registry names one below itself, or new ones without end", async () => {
  const circle = {
    referrers: async (subject: Digest) =>
      await Promise.resolve({
        referrers: [
          { ...IMAGE, digest: subject === digestOf("a") ? digestOf("b") : digestOf("a") },
        ],
        source: "api" as const,
      }),
  };
  const nodes = await findReferrers(circle, { subject: digestOf("a"), depth: 0 }, never);
  expect(flattenReferrers(nodes)).toHaveLength(2);
  let next = 0;
  let requests = 0;
  const endless = (width: number): Parameters<typeof findReferrers>[0] => ({
    referrers: async () => {
      requests++;
      const referrers = Array.from({ length: width }, () => entry(`${next++}`));
      return await Promise.resolve({ referrers, source: "api" });
    },
  });
  for (const width of [1, 1000]) {
    const finding = findReferrers(endless(width), { subject: IMAGE.digest, depth: 0 }, never);
    expect(await rejectionOf(finding)).toContain("the registry names more than 10000, or more");
  }
  expect(requests).toBeLessThan(100);
});

test("referrersJson() names each by repository and digest", async () => {
  const nodes = await findReferrers(repository(), { subject: IMAGE.digest, depth: 0 }, never);
  const value: unknown = JSON.parse(named(referrersJson("reg.io/app", IMAGE, nodes)));
  expect(value).toMatchObject({
    reference: "reg.io/app@image",
    digest: "image",
    referrers: [
      {
        reference: "reg.io/app@sbom",
        artifactType: "text/sbom",
        size: 7,
        referrers: [{ reference: "reg.io/app@signed sbom" }],
      },
      { digest: "signature", annotations: { name: "signature" } },
    ],
  });
});
