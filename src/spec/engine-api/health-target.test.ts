import { describe, expect, test } from "bun:test";
import { parseHttpTarget, parseTcpTarget } from "./health-target.ts";

describe("parseHttpTarget()", () => {
  test("takes a URL, an address and a port alone", () => {
    const local = { host: "localhost", port: 8080 };
    expect(parseHttpTarget("http://localhost:8080/health?deep=1")).toEqual({
      ...local,
      path: "/health?deep=1",
    });
    expect(parseHttpTarget(":8080/health")).toEqual({ ...local, path: "/health" });
    expect(parseHttpTarget("8080")).toEqual({ ...local, path: "/" });
    expect(parseHttpTarget("http://127.0.0.1")).toEqual({ host: "127.0.0.1", port: 80, path: "/" });
    expect(parseHttpTarget("http://[::1]:81/#x")).toEqual({ host: "::1", port: 81, path: "/" });
    expect(parseHttpTarget("HTTP://localhost/x")).toEqual({
      host: "localhost",
      port: 80,
      path: "/x",
    });
  });

  test.each([
    ["https://localhost/", "https is not supported, use http"],
    ["http://example.com/", '"example.com" is neither localhost nor an IP address'],
    [":0/", "a port is between 1 and 65535"],
    [":99999", "a port is between 1 and 65535"],
    ["localhost", "want [http://][HOST]:PORT[/PATH]"],
    ["", "want [http://][HOST]:PORT[/PATH]"],
    [":80/a b", "the path must be printable ASCII without blanks"],
    [":80/a\r\nX: y", "the path must be printable ASCII without blanks"],
    ["http://user@localhost:80/", '"user@localhost" is neither localhost nor an IP address'],
  ])("refuses %p", (text, reason) => {
    expect(() => parseHttpTarget(text)).toThrow(
      `invalid HTTP health check ${JSON.stringify(text)}: ${reason}`,
    );
  });
});

test("parseTcpTarget() takes a port with or without an address", () => {
  expect(parseTcpTarget("5432")).toEqual({ host: "localhost", port: 5432 });
  expect(parseTcpTarget(":5432")).toEqual({ host: "localhost", port: 5432 });
  expect(parseTcpTarget("[::1]:5432")).toEqual({ host: "::1", port: 5432 });
  expect(() => parseTcpTarget("db:5432")).toThrow("neither localhost nor an IP address");
  expect(() => parseTcpTarget("x")).toThrow('invalid TCP health check "x": want [HOST:]PORT');
});
