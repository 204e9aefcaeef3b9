import { digestOf } from "#spec/digest.ts";
import type { ConformanceCase, Step } from "./case.ts";
import { blobOf, imageOf, LAYER, pushBlobStep, pushImageSteps } from "./content.ts";

const IMAGE = imageOf();
const LARGE = imageOf({
  annotations: Object.fromEntries(
    Array.from({ length: 390 }, (_, at) => [`annotation-${at}`, "A".repeat(10_000)]),
  ),
});
const DIGITS = blobOf("0123456789");
const EMPTY = blobOf("");
const NOBODY = digestOf("nobody has pushed this");

function ranged(range: string, expected: Omit<Step, "send">): Step {
  return {
    send: `GET /v2/{repo}/blobs/${DIGITS.digest}`,
    headers: { Range: `bytes=${range}` },
    ...expected,
  };
}

function part(range: string, contentRange: string, text: string): Step {
  const shows = { "content-range": contentRange, "content-length": String(text.length) };
  return ranged(range, { status: 206, text, shows });
}

const RANGES: readonly Step[] = [
  part("2-4", "bytes 2-4/10", "234"),
  part("0-0", "bytes 0-0/10", "0"),
  part("5-", "bytes 5-9/10", "56789"),
  part("-3", "bytes 7-9/10", "789"),
  part("8-5000", "bytes 8-9/10", "89"),
  part("-5000", "bytes 0-9/10", "0123456789"),
  ...["10-", "10-20", "5-0", "-0"].map((range) =>
    ranged(range, {
      status: 416,
      code: "RANGE_INVALID",
      shows: { "content-range": "bytes */10" },
    }),
  ),
  ranged("1-2,4-5", { status: 200, text: "0123456789" }),
];

/** distribution-spec, "Pull". */
export const PULL_CASES: readonly ConformanceCase[] = [
  { name: "the version is told", steps: [{ send: "GET /v2/", status: 200 }] },
  {
    name: "a manifest by tag and by digest, GET and HEAD",
    steps: [
      ...pushImageSteps(IMAGE, "v1"),
      ...["v1", IMAGE.digest].flatMap((reference): Step[] => {
        const shows = {
          "content-type": IMAGE.mediaType,
          "content-length": String(IMAGE.text.length),
          "docker-content-digest": IMAGE.digest,
        };
        const target = `/v2/{repo}/manifests/${reference}`;
        return [
          { send: `GET ${target}`, status: 200, text: IMAGE.text, shows },
          { send: `HEAD ${target}`, status: 200, text: "", shows },
        ];
      }),
    ],
  },
  {
    name: "a manifest of nearly 4 MiB",
    steps: [
      ...pushImageSteps(LARGE, "large"),
      { send: "GET /v2/{repo}/manifests/large", status: 200, text: LARGE.text },
    ],
  },
  {
    name: "a manifest that is not there",
    steps: [
      ...["v1", NOBODY].flatMap((reference): Step[] => [
        {
          send: `GET /v2/{repo}/manifests/${reference}`,
          status: 404,
          code: "MANIFEST_UNKNOWN",
        },
        { send: `HEAD /v2/{repo}/manifests/${reference}`, status: 404, text: "" },
      ]),
      {
        send: "GET /v2/{repo}/manifests/sha256:baddigeststring",
        status: 400,
        code: "DIGEST_INVALID",
      },
      { send: "GET /v2/{repo}/manifests/-v1", status: 400, code: "TAG_INVALID" },
      {
        send: `GET /v2/{repo}/manifests/${"v".repeat(129)}`,
        status: 400,
        code: "TAG_INVALID",
      },
      { send: "GET /v2/Upper/manifests/v1", status: 400, code: "NAME_INVALID" },
    ],
  },
  {
    name: "a blob, GET and HEAD, by the digest that it was pushed with",
    steps: [
      pushBlobStep(LAYER),
      {
        send: `GET /v2/{repo}/blobs/${LAYER.digest}`,
        status: 200,
        text: LAYER.text,
        shows: {
          "content-type": "application/octet-stream",
          "content-length": String(LAYER.text.length),
          "docker-content-digest": LAYER.digest,
          "accept-ranges": "bytes",
          etag: `"${LAYER.digest}"`,
        },
      },
      {
        send: `HEAD /v2/{repo}/blobs/${LAYER.digest}`,
        status: 200,
        text: "",
        shows: {
          "content-length": String(LAYER.text.length),
          "docker-content-digest": LAYER.digest,
        },
      },
      {
        send: `GET /v2/{repo}/blobs/${LAYER.digest}`,
        headers: { "If-None-Match": `"${LAYER.digest}"` },
        status: 304,
        text: "",
      },
      { send: `GET /v2/{other}/blobs/${LAYER.digest}`, status: 404, code: "BLOB_UNKNOWN" },
      { send: `HEAD /v2/{repo}/blobs/${NOBODY}`, status: 404, text: "" },
      { send: "GET /v2/{repo}/blobs/sha256:12", status: 400, code: "DIGEST_INVALID" },
      { send: "GET /v2/{repo}/blobs/v1", status: 400, code: "DIGEST_INVALID" },
    ],
  },
  {
    name: "the empty blob",
    steps: [
      pushBlobStep(EMPTY),
      {
        send: `GET /v2/{repo}/blobs/${EMPTY.digest}`,
        status: 200,
        text: "",
        shows: { "content-length": "0" },
      },
    ],
  },
  { name: "parts of a blob", steps: [pushBlobStep(DIGITS), ...RANGES] },
];
