import { describe, expect, test } from "bun:test";
import { createLogs } from "./drivers.ts";

const logs = createLogs({ nowNanos: () => 0n, delay: () => Promise.resolve() });

describe("createLogs()", () => {
  test("has Docker's file drivers and none", () => {
    expect(logs.names).toEqual(["json-file", "local", "none"]);
    expect(logs.driver("json-file").captureTarget("/d")).toBe("k8s-file:/d/container.log");
    expect(logs.driver("none").captureTarget("/d")).toBe("none");
  });

  test("refuses to read what is not kept, in Docker's words", () => {
    const read = () =>
      logs
        .driver("none")
        .read("/d", { stdout: true, stderr: true, follow: false }, AbortSignal.abort());
    expect(read).toThrow("configured logging driver does not support reading");
  });

  test("refuses unknown drivers and options by name", () => {
    expect(() => logs.driver("nosuch")).toThrow("no log driver named 'nosuch' is registered");
    expect(() => logs.driver("syslog")).toThrow("not supported by this version");
    expect(() => logs.validate("json-file", { nosuch: "1" })).toThrow(
      "unknown log opt 'nosuch' for json-file log driver",
    );
    expect(() => logs.validate("json-file", { "max-size": "1m" })).toThrow(
      "max-size is not supported",
    );
    logs.validate("json-file", { labels: "a", mode: "blocking" });
  });
});
