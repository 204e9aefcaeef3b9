import { expect, test } from "bun:test";
import { parseAgent } from "./agents.ts";
import { parseAnnotation } from "./annotations.ts";
import { attestAttributes } from "./attests.ts";
import { parseCache } from "./caches.ts";
import { parseOutput, withShorthands } from "./outputs.ts";
import { parseSecret } from "./secrets.ts";

test("parseSecret() takes files and variables, and what an id alone means", () => {
  const places = { env: { VAR: "v", word: "w" }, hasFile: (path: string) => path.startsWith("/f") };
  expect(parseSecret("id=a,src=/f", places)).toEqual(["a", { kind: "file", path: "/f" }]);
  expect(parseSecret("type=file,id=a,source=/f", places)).toEqual([
    "a",
    { kind: "file", path: "/f" },
  ]);
  expect(parseSecret("id=a,env=VAR", places)).toEqual(["a", { kind: "text", text: "v" }]);
  expect(parseSecret("id=a,type=env,src=VAR", places)).toEqual(["a", { kind: "text", text: "v" }]);
  expect(parseSecret("id=word", places)).toEqual(["word", { kind: "text", text: "w" }]);
  expect(parseSecret("id=/f/x", places)).toEqual(["/f/x", { kind: "file", path: "/f/x" }]);
  for (const text of ["a", "src=/f", "id=a,src=/none", "id=a,type=x", "id=a,other=1"]) {
    expect(() => parseSecret(text, places)).toThrow();
  }
});

test("parseAgent() takes sockets and keys; without one the agent that runs", () => {
  expect(parseAgent("default", "/s")).toEqual({ id: "default", paths: ["/s"] });
  expect(parseAgent("a=/x,/y", undefined)).toEqual({ id: "a", paths: ["/x", "/y"] });
  expect(() => parseAgent("default", undefined)).toThrow("SSH_AUTH_SOCK");
});

test("parseOutput() and withShorthands() mean what buildx means", () => {
  const read = (text: string): unknown => {
    const { type, attributes, destination } = parseOutput(text);
    return [type, Object.fromEntries(attributes), destination];
  };
  expect(read("out")).toEqual(["local", {}, "out"]);
  expect(read("-")).toEqual(["tar", {}, "-"]);
  expect(read("type=registry,name=a")).toEqual(["image", { push: "true", name: "a" }, undefined]);
  expect(read('type=image,"name=a,b"')).toEqual(["image", { name: "a,b" }, undefined]);
  for (const text of ["type=local", "dest=x", "type=image,dest=x", "type=oci,tar=false,dest=x"]) {
    expect(() => parseOutput(text)).toThrow();
  }
  const both = withShorthands([parseOutput("type=image,name=a")], { pushes: true, loads: true });
  expect(both.map(({ type, attributes }) => [type, attributes.get("push")])).toEqual([
    ["image", "true"],
    ["docker", undefined],
  ]);
});

test("parseCache(), parseAnnotation() and attestAttributes() read every form", () => {
  expect(parseCache("user/app")).toEqual({
    type: "registry",
    attributes: new Map([["ref", "user/app"]]),
  });
  expect(parseCache("type=local,dest=x").type).toBe("local");
  expect(() => parseCache("dest=x")).toThrow();
  expect(parseAnnotation("a.b=c=d")).toEqual([["annotation.a.b", "c=d"]]);
  expect(parseAnnotation("index,manifest[linux/amd64]:a=b")).toEqual([
    ["annotation-index.a", "b"],
    ["annotation-manifest[linux/amd64].a", "b"],
  ]);
  expect(() => parseAnnotation("wrong:a=b")).toThrow("unknown annotation type");
  const attests = { attests: ["type=sbom,generator=x"], provenance: "mode=max", sbom: "" };
  expect(attestAttributes(attests)).toEqual(
    new Map([
      ["attest:sbom", "generator=x"],
      ["attest:provenance", "mode=max"],
    ]),
  );
  expect(attestAttributes({ attests: [], provenance: "false", sbom: "true" })).toEqual(
    new Map([["attest:sbom", ""]]),
  );
});
