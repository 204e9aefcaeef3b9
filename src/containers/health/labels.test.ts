import { describe, expect, test } from "bun:test";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import type { ContainerConfig } from "#spec/engine-api/container-config.ts";
import { healthCheckOf } from "./check.ts";
import { applyHealthLabels, checkHealth, failureActionOf } from "./labels.ts";

function config(fields: Record<string, unknown>): ContainerConfig {
  return parseContainerCreate({ Image: "busybox", ...fields }).config;
}

describe("healthCheckOf()", () => {
  test("fills in Docker's defaults", () => {
    expect(healthCheckOf(config({ Healthcheck: { Test: ["CMD-SHELL", "true"] } }))).toEqual({
      probe: { kind: "command", command: ["/bin/sh", "-c", "true"] },
      intervalMs: 30_000,
      timeoutMs: 30_000,
      retries: 3,
      startPeriodMs: 0,
      startIntervalMs: 5_000,
    });
  });

  test("takes the container's shell, and fractions of a millisecond", () => {
    const check = healthCheckOf(
      config({
        Shell: ["/bin/bash", "-ec"],
        Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 1_500_000 },
      }),
    );
    expect(check).toMatchObject({
      probe: { command: ["/bin/bash", "-ec", "true"] },
      intervalMs: 1.5,
    });
  });

  test("is none for NONE, for nothing, and for a kind that an image invents", () => {
    for (const Test of [["NONE"], [], [""]]) {
      expect(healthCheckOf(config({ Healthcheck: { Test } }))).toBeUndefined();
    }
    const Healthcheck = { Test: ["GRPC", "x"], Interval: 0, Timeout: 0, StartPeriod: 0 };
    expect(
      healthCheckOf({ Healthcheck: { ...Healthcheck, StartInterval: 0, Retries: 0 } }),
    ).toBeUndefined();
  });
});

describe("a create request", () => {
  test.each([
    [["CMD"], "CMD needs a command"],
    [["CMD-SHELL", ""], "CMD-SHELL needs a command"],
    [["GRPC", "x"], 'unknown type "GRPC" (try CMD, CMD-SHELL, HTTP, TCP or NONE)'],
    [["HTTP", ":80", "x"], "HTTP takes one URL"],
  ])("with Test %j is refused", (Test, reason) => {
    expect(() => config({ Healthcheck: { Test } })).toThrow(
      `invalid Test in Healthcheck: ${reason}`,
    );
  });
});

describe("labels", () => {
  test("stand in for the image's check and take the request's times", () => {
    const requested = config({
      Labels: { "wharf.health.http": ":8080/up" },
      Healthcheck: { Interval: 5_000_000 },
    });
    expect(applyHealthLabels(requested.Healthcheck, requested).Healthcheck).toMatchObject({
      Test: ["HTTP", ":8080/up"],
      Interval: 5_000_000,
    });
  });

  test("yield to a check in the request", () => {
    const requested = config({
      Labels: { "wharf.health.tcp": "80" },
      Healthcheck: { Test: ["NONE"] },
    });
    expect(applyHealthLabels(requested.Healthcheck, requested)).toBe(requested);
  });

  test.each([
    [{ "wharf.health.http": "ftp://x" }, "ftp is not supported"],
    [{ "wharf.health.http": ":1", "wharf.health.tcp": "1" }, "conflicting options"],
    [{ "wharf.health.tcp": "1", "wharf.health.on-failure": "explode" }, '"explode": want none'],
    [{ "wharf.health.on-failure": "kill" }, "needs a health check"],
  ])("%j are refused", (Labels, reason) => {
    const requested = config({ Labels });
    expect(() => {
      checkHealth(applyHealthLabels(undefined, requested), { AutoRemove: false });
    }).toThrow(reason);
  });

  test("with --rm a restart makes no sense", () => {
    const Labels = { "wharf.health.tcp": "1", "wharf.health.on-failure": "restart" };
    const merged = applyHealthLabels(undefined, config({ Labels }));
    expect(failureActionOf(merged)).toBe("restart");
    expect(() => checkHealth(merged, { AutoRemove: true })).toThrow("and --rm");
  });
});
