import { afterAll, beforeAll, describe, test } from "bun:test";
import { runCase } from "#registry-server/testing/conformance/case.ts";
import { CONFORMANCE } from "#registry-server/testing/conformance/cases.ts";
import { TestRegistry } from "#registry-server/testing/test-registry.ts";

let registry: TestRegistry;
beforeAll(async () => {
  registry = await TestRegistry.open();
});
afterAll(() => registry[Symbol.asyncDispose]());

for (const [category, cases] of Object.entries(CONFORMANCE)) {
  describe(category, () => {
    for (const [at, one] of cases.entries()) {
      test(one.name, async () => {
        await runCase(registry.url, one, `${category}/case-${at}`);
      });
    }
  });
}
