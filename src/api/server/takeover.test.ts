import { describe, expect, test } from "bun:test";
import type { HttpRequest } from "#http1/incoming-request.ts";
import { asksForUpgrade, parseRequestHead } from "#http1/request-head.ts";
import { answer, hijack, Router } from "#api/router.ts";
import { isTakeover } from "./takeover.ts";

const router = new Router([
  hijack("POST", "/containers/{id}/attach", async () => {}),
  hijack("GET", "/containers/{id}/attach/ws", async () => {}),
  hijack("POST", "/exec/{id}/start", async () => {}),
  hijack("POST", "/grpc", async () => {}),
  answer("POST", "/containers/{id}/start", () => {}),
]);

function takes(line: string, ...fields: readonly string[]): boolean {
  const head = parseRequestHead([`${line} HTTP/1.1`, "Host: x", ...fields].join("\r\n"));
  const { method, target: url } = head;
  const request = { method, url, fields: head.fields, isUpgrade: asksForUpgrade(head) };
  const route = router.find(method, url)?.route;
  return route !== undefined && isTakeover(route, request as HttpRequest);
}

describe("isTakeover()", () => {
  const upgrade = ["Connection: Upgrade", "Upgrade: tcp"];

  test.each([
    ["POST /containers/x/attach", upgrade],
    ["POST /containers/x/attach", []],
    ["POST /containers/x/attach", ["Connection: close"]],
    ["POST /exec/x/start", []],
    ["POST /exec/x/start", ["Transfer-Encoding: chunked"]],
    ["POST /grpc", upgrade],
    ["GET /containers/x/attach/ws", upgrade],
  ])("is for %s with %j", (line, fields) => {
    expect(takes(line, ...fields)).toBe(true);
  });

  test.each([
    ["POST /containers/x/attach", ["Upgrade: tcp"]],
    ["POST /containers/x/attach", ["Transfer-Encoding: chunked"]],
    ["POST /containers/x/start", upgrade],
    ["GET /containers/x/attach/ws", []],
    ["POST /grpc", []],
  ])("is not for %s with %j", (line, fields) => {
    expect(takes(line, ...fields)).toBe(false);
  });
});
