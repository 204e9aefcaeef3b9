import { expect, test } from "bun:test";
import { TestRegistry } from "#registry-server/testing/test-registry.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary: string }>>>>;
}

test("the OpenAPI file names each route that answers, and no other method of its path", async () => {
  await using registry = await TestRegistry.open({ auth: "accounts" });
  const served = await registry.fetch("GET", "/api/v1/openapi.json");
  const document = (await served.json()) as Document;
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths).length).toBeGreaterThan(20);
  for (const [path, operations] of Object.entries(document.paths)) {
    const asked = path.replaceAll(/\{\w+\}/g, "a");
    for (const method of METHODS) {
      // nobody is logged in: a route asks who it is, or answers; what is none is refused before that
      const answer = await registry.fetch(method, asked);
      const isThere = !(await answer.text()).includes('"code":"UNSUPPORTED"');
      expect([method, path, isThere]).toEqual([method, path, method.toLowerCase() in operations]);
    }
    for (const { summary } of Object.values(operations)) expect(summary).not.toBe("");
  }
  expect((await registry.fetch("GET", "/api/v1/none")).status).toBe(404);
});
