import { digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_INDEX } from "#spec/media-types.ts";
import type { ConformanceCase, Step } from "./case.ts";
import { descriptorOf, imageOf, indexOf, pushImageSteps, pushManifestStep } from "./content.ts";

const IMAGE = imageOf();
const TAGS = ["Capital", "_low", "a", "b", "c.1"];

function tags(query: string, listed: readonly string[], link: string | null): Step {
  return {
    send: `GET /v2/{repo}/tags/list${query}`,
    status: 200,
    json: { name: "{repo}", tags: listed },
    shows: { "content-type": "application/json; charset=utf-8", link },
  };
}

function nextTags(query: string): string {
  return `</v2/{repo}/tags/list?${query}>; rel="next"`;
}

const subject = descriptorOf(IMAGE);
const SBOM = imageOf({ subject, artifactType: "application/sbom", annotations: { of: "sbom" } });
const PLAIN = imageOf({ subject, annotations: { of: "plain" } });
const INDEX = indexOf([], { subject, artifactType: "application/sbom" });

function referrers(list: readonly object[]): object {
  return { schemaVersion: 2, mediaType: OCI_INDEX, manifests: list };
}

const LISTED = [
  { ...descriptorOf(SBOM), artifactType: "application/sbom", annotations: { of: "sbom" } },
  { ...descriptorOf(PLAIN), artifactType: OCI_CONFIG, annotations: { of: "plain" } },
  { ...descriptorOf(INDEX), artifactType: "application/sbom" },
]
  .map((listed) => ({ digest: "digest" in listed ? String(listed.digest) : "", listed }))
  .toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
  .map(({ listed }) => listed);
const SBOMS = LISTED.filter(({ artifactType }) => artifactType === "application/sbom");

/** distribution-spec, "Content Discovery". */
export const DISCOVERY_CASES: readonly ConformanceCase[] = [
  {
    name: "tags in order and in pages",
    steps: [
      { send: "GET /v2/{repo}/tags/list", status: 404, code: "NAME_UNKNOWN" },
      ...pushImageSteps(IMAGE, IMAGE.digest),
      tags("", [], null),
      ...TAGS.toReversed().map((tag) => pushManifestStep(IMAGE, tag)),
      tags("", TAGS, null),
      tags("?n=5", TAGS, null),
      tags("?n=2", TAGS.slice(0, 2), nextTags("n=2&last=_low")),
      { send: "GET {next}", status: 200, json: { name: "{repo}", tags: TAGS.slice(2, 4) } },
      { send: "GET {next}", status: 200, json: { name: "{repo}", tags: TAGS.slice(4) } },
      tags("?n=0", [], null),
      tags("?n=999999999999", TAGS, null),
      tags("?last=a", TAGS.slice(3), null),
      tags("?last=between&n=1", ["c.1"], null),
      ...["-1", "x", "1.5", "1e3"].map((n) => ({
        send: `GET /v2/{repo}/tags/list?n=${n}`,
        status: 400,
        code: "PAGINATION_NUMBER_INVALID",
      })),
      { send: "HEAD /v2/{repo}/tags/list", status: 200, text: "" },
      { send: "DELETE /v2/{repo}/tags/list", status: 405, code: "UNSUPPORTED" },
      { send: "GET /v2/{repo}/tags/other", status: 404, code: "UNSUPPORTED" },
    ],
  },
  {
    name: "referrers: none, all, of one type, in pages",
    steps: [
      {
        send: `GET /v2/{repo}/referrers/${digestOf("nobody")}`,
        status: 200,
        json: referrers([]),
        shows: { "content-type": OCI_INDEX, link: null, "oci-filters-applied": null },
      },
      ...pushImageSteps(IMAGE, "v1"),
      { send: `GET /v2/{repo}/referrers/${IMAGE.digest}`, status: 200, json: referrers([]) },
      ...[SBOM, PLAIN, INDEX].map((one) => pushManifestStep(one, one.digest)),
      { send: `GET /v2/{repo}/referrers/${IMAGE.digest}`, status: 200, json: referrers(LISTED) },
      {
        send: `GET /v2/{repo}/referrers/${IMAGE.digest}?artifactType=application/sbom`,
        status: 200,
        json: referrers(SBOMS),
        shows: { "oci-filters-applied": "artifactType" },
      },
      {
        send: `GET /v2/{repo}/referrers/${IMAGE.digest}?artifactType=other/type`,
        status: 200,
        json: referrers([]),
      },
      {
        send: `GET /v2/{repo}/referrers/${IMAGE.digest}?n=2`,
        status: 200,
        json: referrers(LISTED.slice(0, 2)),
      },
      { send: "GET {next}", status: 200, json: referrers(LISTED.slice(2)), shows: { link: null } },
      { send: "GET /v2/{repo}/referrers/nonsense", status: 400, code: "DIGEST_INVALID" },
      {
        send: `PUT /v2/{repo}/referrers/${IMAGE.digest}`,
        status: 405,
        code: "UNSUPPORTED",
      },
    ],
  },
];
