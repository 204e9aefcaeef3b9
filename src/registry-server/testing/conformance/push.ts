import { digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "#spec/media-types.ts";
import type { ConformanceCase, Step } from "./case.ts";
import {
  blobOf,
  CONFIG,
  descriptorOf,
  imageOf,
  indexOf,
  LAYER,
  pushBlobStep,
  pushImageSteps,
  pushManifestStep,
  type TestManifest,
} from "./content.ts";

const WHOLE = blobOf("first,second,third");
const BEGIN: Step = {
  send: "POST /v2/{repo}/blobs/uploads/",
  status: 202,
  shows: { range: "0-0", "content-length": "0" },
};
const [ALGORITHMS, WRONG] = [["digest", "sha512"] as const, digestOf("other content")];

function chunk(
  text: string,
  firstByte: number,
  expected: Omit<Step, "send"> & Partial<Step>,
): Step {
  const range = `${firstByte}-${firstByte + text.length - 1}`;
  return {
    send: "PATCH {location}",
    body: text,
    headers: { "Content-Range": range, "Content-Type": "application/octet-stream" },
    ...expected,
  };
}

function finish(digest: string, more: Partial<Step> = {}): Step {
  return {
    send: `PUT {location}?digest=${digest}`,
    status: 201,
    shows: {
      location: `/v2/{repo}/blobs/${digest}`,
      "docker-content-digest": digest,
      "content-length": "0",
    },
    ...more,
  };
}

function pulled(digest: string): Step {
  return { send: `GET /v2/{repo}/blobs/${digest}`, status: 200, text: WHOLE.text };
}

const STILL_FIRST = { location: "{location}", range: "0-5" };

const UPLOADS: readonly ConformanceCase[] = ALGORITHMS.flatMap((kind): ConformanceCase[] => {
  const digest = WHOLE[kind];
  const [algorithm = ""] = digest.split(":");
  return [
    {
      name: `${algorithm}: a blob in one POST`,
      steps: [
        {
          ...finish(digest),
          send: `POST /v2/{repo}/blobs/uploads/?digest=${digest}`,
          body: WHOLE.text,
        },
        pulled(digest),
      ],
    },
    {
      name: `${algorithm}: a blob by POST and PUT`,
      steps: [BEGIN, finish(digest, { body: WHOLE.text }), pulled(digest)],
    },
    {
      name: `${algorithm}: a blob by POST that tells the algorithm, and PUT`,
      steps: [
        { ...BEGIN, send: `POST /v2/{repo}/blobs/uploads/?digest-algorithm=${algorithm}` },
        finish(digest, { body: WHOLE.text }),
        pulled(digest),
      ],
    },
    {
      name: `${algorithm}: a blob in one stream`,
      steps: [
        BEGIN,
        { send: "PATCH {location}", body: WHOLE.text, status: 202, shows: { range: "0-17" } },
        finish(digest),
        pulled(digest),
      ],
    },
    {
      name: `${algorithm}: a blob in chunks, the last of them by PUT`,
      steps: [
        BEGIN,
        chunk("first,", 0, { status: 202, shows: { range: "0-5" } }),
        { send: "GET {location}", status: 204, shows: STILL_FIRST },
        chunk("second,", 6, { status: 202, shows: { range: "0-12" } }),
        finish(digest, { body: "third", headers: { "Content-Range": "13-17" } }),
        pulled(digest),
      ],
    },
    {
      name: `${algorithm}: chunks out of order are refused, and the upload goes on`,
      steps: [
        BEGIN,
        chunk("second,", 6, { status: 416, code: "RANGE_INVALID", shows: { range: "0-0" } }),
        chunk("first,", 0, { status: 202 }),
        chunk("third", 13, { status: 416, code: "RANGE_INVALID", shows: STILL_FIRST }),
        chunk("first,", 0, { status: 416, code: "RANGE_INVALID", shows: STILL_FIRST }),
        { send: "GET {location}", status: 204, shows: STILL_FIRST },
        chunk("second,", 6, { status: 202 }),
        finish(digest, {
          body: "first,",
          headers: { "Content-Range": "0-5" },
          status: 416,
          code: "RANGE_INVALID",
          shows: { range: "0-12" },
        }),
        finish(digest, { body: "third" }),
        pulled(digest),
      ],
    },
  ];
});

const BROKEN_UPLOADS: readonly ConformanceCase[] = [
  {
    name: "a digest that is another content's",
    steps: [
      {
        send: `POST /v2/{repo}/blobs/uploads/?digest=${WRONG}`,
        body: WHOLE.text,
        status: 400,
        code: "DIGEST_INVALID",
      },
      BEGIN,
      chunk("first,", 0, { status: 202 }),
      finish(WRONG, { status: 400, code: "DIGEST_INVALID", shows: {} }),
      { send: `HEAD /v2/{repo}/blobs/${WRONG}`, status: 404 },
      { send: `HEAD /v2/{repo}/blobs/${digestOf("first,")}`, status: 404 },
    ],
  },
  {
    name: "a digest that is none, or is not told",
    steps: [
      ...["sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e", "x"].map((digest) => ({
        send: `POST /v2/{repo}/blobs/uploads/?digest=${digest}`,
        body: WHOLE.text,
        status: 400,
        code: "DIGEST_INVALID",
      })),
      {
        send: "POST /v2/{repo}/blobs/uploads/?digest-algorithm=md5",
        status: 400,
        code: "DIGEST_INVALID",
      },
      BEGIN,
      { send: "PUT {location}", status: 400, code: "DIGEST_INVALID" },
    ],
  },
  {
    name: "ranges that are none, and lengths that contradict them",
    steps: [
      BEGIN,
      chunk("first,", 0, {
        headers: { "Content-Range": "0-9" },
        status: 400,
        code: "SIZE_INVALID",
      }),
      ...["abc", "5-0", "-5", "0-"].map((range) =>
        chunk("first,", 0, {
          headers: { "Content-Range": range },
          status: 416,
          code: "RANGE_INVALID",
        }),
      ),
      chunk("first,", 0, { status: 202 }),
    ],
  },
  {
    name: "an upload that was cancelled, or never begun",
    steps: [
      BEGIN,
      { send: "DELETE {location}", status: 204 },
      ...["GET", "PATCH", "DELETE"].map((method) => ({
        send: `${method} {location}`,
        status: 404,
        code: "BLOB_UPLOAD_UNKNOWN",
      })),
      finish(WHOLE.digest, { status: 404, code: "BLOB_UPLOAD_UNKNOWN", shows: {} }),
      { send: "GET /v2/{repo}/blobs/uploads/nonsense", status: 404, code: "BLOB_UPLOAD_UNKNOWN" },
      BEGIN,
      { send: "POST {location}", status: 405, code: "UNSUPPORTED" },
    ],
  },
];

function mount(query: string, status: 201 | 202): Step {
  const made = { location: `/v2/{repo}/blobs/${LAYER.digest}` };
  const shows = status === 201 ? made : { range: "0-0" };
  return { send: `POST /v2/{repo}/blobs/uploads/?${query}`, status, shows };
}

const MOUNTS: readonly ConformanceCase[] = [
  {
    name: "a mount from a named repository",
    steps: [
      pushBlobStep(LAYER, "{other}"),
      { send: `HEAD /v2/{repo}/blobs/${LAYER.digest}`, status: 404 },
      mount(`mount=${LAYER.digest}&from={other}`, 201),
      { send: `GET /v2/{repo}/blobs/${LAYER.digest}`, status: 200, text: LAYER.text },
    ],
  },
  {
    name: "an anonymous mount",
    steps: [pushBlobStep(LAYER, "{other}"), mount(`mount=${LAYER.digest}`, 201)],
  },
  {
    name: "a mount of what is not there becomes an upload",
    steps: [
      mount(`mount=${digestOf("nowhere")}&from={other}`, 202),
      { send: "GET {location}", status: 204 },
      mount(`mount=${LAYER.digest}&from=no/such/repository`, 202),
      mount(`mount=${LAYER.digest}&from=No+Name`, 202),
      mount("mount=x", 202),
    ],
  },
];

const SUBJECT = imageOf({ annotations: { is: "subject" } });
const MISSING_SUBJECT = descriptorOf(imageOf({ annotations: { is: "nowhere" } }));
const BLOBS = [pushBlobStep(CONFIG), pushBlobStep(LAYER)];

function refused(body: string, status: number, code: string, type: string = OCI_MANIFEST): Step {
  const headers = { "Content-Type": type };
  return { send: "PUT /v2/{repo}/manifests/v1", headers, body, status, code };
}

function putByDigest(manifest: TestManifest, query: string, shows: Step["shows"] = {}): Step {
  return { ...pushManifestStep(manifest, manifest.digest + query), shows };
}

const MANIFESTS: readonly ConformanceCase[] = [
  {
    name: "a manifest by tag and by digest of either algorithm",
    steps: [
      ...BLOBS,
      {
        ...pushManifestStep(SUBJECT, "v1"),
        shows: {
          location: `/v2/{repo}/manifests/${SUBJECT.digest}`,
          "docker-content-digest": SUBJECT.digest,
          "oci-subject": null,
        },
      },
      putByDigest(SUBJECT, ""),
      {
        ...pushManifestStep(SUBJECT, SUBJECT.sha512),
        shows: { "docker-content-digest": SUBJECT.sha512 },
      },
      { send: `GET /v2/{repo}/manifests/${SUBJECT.sha512}`, status: 200, text: SUBJECT.text },
    ],
  },
  {
    name: "several tags of one push by digest",
    steps: [
      ...BLOBS,
      putByDigest(SUBJECT, "?tag=one&tag=two", { "oci-tag": "one, two" }),
      {
        send: "GET /v2/{repo}/tags/list",
        status: 200,
        json: { name: "{repo}", tags: ["one", "two"] },
      },
      {
        ...pushManifestStep(SUBJECT, `${SUBJECT.sha512}?tag=three`),
        shows: { "oci-tag": "three", "docker-content-digest": SUBJECT.sha512 },
      },
      { ...putByDigest(SUBJECT, "?tag=-bad"), status: 400, code: "TAG_INVALID" },
      { ...pushManifestStep(SUBJECT, "v1?tag=v2"), status: 400, code: "TAG_INVALID" },
      {
        ...putByDigest(SUBJECT, `?${Array.from({ length: 101 }, (_, n) => `tag=t${n}`).join("&")}`),
        status: 414,
        code: "TAG_INVALID",
      },
    ],
  },
  {
    name: "a subject is told of, whether it is there or not",
    steps: [
      ...BLOBS,
      {
        ...pushManifestStep(imageOf({ subject: MISSING_SUBJECT }), "v1"),
        shows: { "oci-subject": digestOf(imageOf({ annotations: { is: "nowhere" } }).text) },
      },
      pushManifestStep(SUBJECT, "subject"),
      {
        ...pushManifestStep(indexOf([], { subject: descriptorOf(SUBJECT) }), "index"),
        shows: { "oci-subject": SUBJECT.digest },
      },
    ],
  },
  {
    name: "an index, one inside another, and an empty one",
    steps: [
      ...pushImageSteps(SUBJECT, SUBJECT.digest),
      pushManifestStep(indexOf([SUBJECT]), "index"),
      pushManifestStep(indexOf([indexOf([SUBJECT])]), "nested"),
      pushManifestStep(indexOf([]), "empty"),
      refused(indexOf([imageOf({ n: 1 })]).text, 404, "MANIFEST_BLOB_UNKNOWN", OCI_INDEX),
    ],
  },
  {
    name: "artifacts, no layers, unknown keys, layers that lie elsewhere, data in descriptors",
    steps: [
      ...BLOBS,
      pushManifestStep(imageOf({ artifactType: "application/vnd.example.v1", layers: [] }), "a"),
      pushManifestStep(imageOf({ "com.example.unknown": [{ deep: null }] }), "b"),
      pushManifestStep(
        imageOf({
          layers: [
            {
              mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar",
              digest: digestOf("elsewhere"),
              size: 123_456,
              urls: ["https://elsewhere.example.com/layer"],
            },
          ],
        }),
        "c",
      ),
      pushManifestStep(
        imageOf({
          config: {
            mediaType: OCI_CONFIG,
            digest: CONFIG.digest,
            size: 2,
            data: Buffer.from(CONFIG.text).toString("base64"),
          },
        }),
        "d",
      ),
    ],
  },
  {
    name: "manifests that are none",
    steps: [
      refused(imageOf().text, 404, "MANIFEST_BLOB_UNKNOWN"),
      ...BLOBS,
      ...["", "nothing", "[]", "null", '"text"', "{}", '{"schemaVersion":1}', "\u0000"].map(
        (body) => refused(body, 400, "MANIFEST_INVALID"),
      ),
      refused(imageOf().text.replace(LAYER.digest, "sha256:12"), 400, "MANIFEST_INVALID"),
      refused(imageOf().text.replace('"size":2', '"size":-2'), 400, "MANIFEST_INVALID"),
      refused(imageOf({ manifests: [] }).text, 400, "MANIFEST_INVALID"),
      refused(imageOf().text, 400, "MANIFEST_INVALID", OCI_INDEX),
      refused(`${imageOf().text.slice(0, -1)},"layers":[]`, 400, "MANIFEST_INVALID"),
      refused(imageOf({ layers: [{ mediaType: OCI_LAYER }] }).text, 400, "MANIFEST_INVALID"),
      { ...pushManifestStep(SUBJECT, `${WRONG}`), status: 400, code: "DIGEST_INVALID" },
      {
        ...pushManifestStep(SUBJECT, "sha256:baddigeststring"),
        status: 400,
        code: "DIGEST_INVALID",
      },
      { send: "GET /v2/{repo}/tags/list", status: 200, json: { name: "{repo}", tags: [] } },
    ],
  },
];

/** distribution-spec, "Push". */
export const PUSH_CASES: readonly ConformanceCase[] = [
  ...UPLOADS,
  ...BROKEN_UPLOADS,
  ...MOUNTS,
  ...MANIFESTS,
];
