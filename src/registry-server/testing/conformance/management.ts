import { digestOf } from "#spec/digest.ts";
import type { ConformanceCase, Step } from "./case.ts";
import {
  CONFIG,
  descriptorOf,
  imageOf,
  indexOf,
  LAYER,
  pushBlobStep,
  pushImageSteps,
  pushManifestStep,
} from "./content.ts";

const IMAGE = imageOf();
const GONE = digestOf("gone");

function deleted(target: string): Step {
  return { send: `DELETE /v2/{repo}/${target}`, status: 202 };
}

function unknown(target: string, code: string): Step {
  return { send: `GET /v2/{repo}/${target}`, status: 404, code };
}

const NO_ENDPOINTS = ["/v2/{repo}", "/v2/{repo}/nothing/v1", "/v2/{repo}/blobs", "/v2/_other"];

/** distribution-spec, "Content Management", and what is no endpoint. */
export const MANAGEMENT_CASES: readonly ConformanceCase[] = [
  {
    name: "a tag goes at once, its manifest stays",
    steps: [
      ...pushImageSteps(IMAGE, "v1"),
      deleted("manifests/v1"),
      unknown("manifests/v1", "MANIFEST_UNKNOWN"),
      { send: "DELETE /v2/{repo}/manifests/v1", status: 404, code: "MANIFEST_UNKNOWN" },
      { send: `HEAD /v2/{repo}/manifests/${IMAGE.digest}`, status: 200 },
      { send: "GET /v2/{repo}/tags/list", status: 200, json: { name: "{repo}", tags: [] } },
    ],
  },
  {
    name: "a manifest goes at once, with its tags and out of the referrers",
    steps: [
      ...pushImageSteps(IMAGE, "v1"),
      pushManifestStep(IMAGE, "v2"),
      pushManifestStep(indexOf([], { subject: descriptorOf(IMAGE) }), "referrer"),
      deleted("manifests/referrer"),
      deleted(`manifests/${indexOf([], { subject: descriptorOf(IMAGE) }).digest}`),
      {
        send: `GET /v2/{repo}/referrers/${IMAGE.digest}`,
        status: 200,
        json: {
          schemaVersion: 2,
          mediaType: "application/vnd.oci.image.index.v1+json",
          manifests: [],
        },
      },
      deleted(`manifests/${IMAGE.digest}`),
      unknown(`manifests/${IMAGE.digest}`, "MANIFEST_UNKNOWN"),
      unknown("manifests/v1", "MANIFEST_UNKNOWN"),
      unknown("manifests/v2", "MANIFEST_UNKNOWN"),
      {
        send: `DELETE /v2/{repo}/manifests/${IMAGE.digest}`,
        status: 404,
        code: "MANIFEST_UNKNOWN",
      },
      { send: "DELETE /v2/{repo}/manifests/sha256:x", status: 400, code: "DIGEST_INVALID" },
    ],
  },
  {
    name: "a blob goes at once, but not while a manifest needs it",
    steps: [
      ...pushImageSteps(IMAGE, "v1"),
      {
        send: `DELETE /v2/{repo}/blobs/${LAYER.digest}`,
        status: 405,
        code: "UNSUPPORTED",
      },
      deleted(`manifests/${IMAGE.digest}`),
      deleted(`blobs/${LAYER.digest}`),
      unknown(`blobs/${LAYER.digest}`, "BLOB_UNKNOWN"),
      {
        send: `DELETE /v2/{repo}/blobs/${LAYER.digest}`,
        status: 404,
        code: "BLOB_UNKNOWN",
      },
      { send: `DELETE /v2/{repo}/blobs/${GONE}`, status: 404, code: "BLOB_UNKNOWN" },
      { send: "DELETE /v2/{repo}/blobs/x", status: 400, code: "DIGEST_INVALID" },
      pushBlobStep(LAYER),
      { send: `GET /v2/{repo}/blobs/${LAYER.digest}`, status: 200, text: LAYER.text },
    ],
  },
  {
    name: "a blob that another repository has stays there",
    steps: [
      pushBlobStep(CONFIG),
      pushBlobStep(CONFIG, "{other}"),
      deleted(`blobs/${CONFIG.digest}`),
      { send: `GET /v2/{other}/blobs/${CONFIG.digest}`, status: 200, text: CONFIG.text },
    ],
  },
  {
    name: "methods and paths that are none",
    steps: [
      ...NO_ENDPOINTS.map((path) => ({
        send: `GET ${path}`,
        status: 404,
        code: "UNSUPPORTED",
      })),
      { send: "POST /v2/{repo}/manifests/v1", status: 405, code: "UNSUPPORTED" },
      { send: "PATCH /v2/{repo}/manifests/v1", status: 405, code: "UNSUPPORTED" },
      { send: `PUT /v2/{repo}/blobs/${GONE}`, status: 405, code: "UNSUPPORTED" },
      { send: "PUT /v2/", status: 405, code: "UNSUPPORTED" },
      { send: "DELETE /v2/_catalog", status: 405, code: "UNSUPPORTED" },
      { send: "GET /v2/{repo}/blobs/uploads/", status: 405, code: "UNSUPPORTED" },
      { send: `GET /v2/${"a/".repeat(128)}/manifests/v1`, status: 400, code: "NAME_INVALID" },
      { send: "GET /v2/a%2/manifests/v1", status: 400, code: "NAME_INVALID" },
      { send: "GET /v2/a..b/manifests/v1", status: 400, code: "NAME_INVALID" },
    ],
  },
];
