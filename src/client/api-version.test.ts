import { expect, test } from "bun:test";
import {
  compareApiVersions,
  negotiateApiVersion,
  newestApiVersion,
  parseApiVersion,
} from "./api-version.ts";

test("negotiateApiVersion() takes the older of both, compared as numbers", () => {
  expect(negotiateApiVersion("1.51")).toBe("1.51");
  expect(negotiateApiVersion("1.99")).toBe(newestApiVersion);
  expect(negotiateApiVersion("1.9")).toBe("1.9");
  expect(negotiateApiVersion(undefined)).toBe("1.24");
  expect(compareApiVersions("1.9", "1.10")).toBeLessThan(0);
});

test("parseApiVersion() refuses what is none", () => {
  expect(parseApiVersion("v1.44")).toBe("1.44");
  expect(() => parseApiVersion("latest")).toThrow("must be formatted <major>.<minor>");
});
