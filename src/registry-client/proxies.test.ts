import { expect, test } from "bun:test";
import { chooseProxy } from "./proxies.ts";

const base = { http: "http://proxy:3128", https: "http://ann:s%40cret@proxy:3128", none: "" };

function isProxied(none: string, url: string): boolean {
  return chooseProxy({ ...base, none }, new URL(url)) !== undefined;
}

test("chooseProxy() goes by the scheme, and gives the proxy its credentials", () => {
  const origin = { hostname: "proxy", port: 3128, isTls: false };
  expect(chooseProxy(base, new URL("http://registry:5000/v2/"))).toEqual({
    protocol: "http",
    origin,
  });
  expect(chooseProxy(base, new URL("https://registry/v2/"))).toEqual({
    protocol: "http",
    origin,
    authorization: `Basic ${btoa("ann:s@cret")}`,
  });
  expect(chooseProxy({ ...base, http: "" }, new URL("http://registry/"))).toBeUndefined();
  expect(
    chooseProxy({ ...base, http: "proxy:8080" }, new URL("http://registry/"))?.origin.port,
  ).toBe(8080);
});

test("chooseProxy() takes SOCKS5, with its own port and a login", () => {
  const socks = { ...base, http: "socks5://ann:s%40cret@proxy", https: "socks5h://proxy:9050" };
  expect(chooseProxy(socks, new URL("http://registry/"))).toEqual({
    protocol: "socks5",
    origin: { hostname: "proxy", port: 1080, isTls: false },
    login: { username: "ann", password: "s@cret" },
  });
  expect(chooseProxy(socks, new URL("https://registry/"))?.origin.port).toBe(9050);
});

test.each([
  ["", "https://localhost:5000/", false],
  ["", "https://127.0.0.1:5000/", false],
  ["", "https://[::1]/", false],
  ["*", "https://a.example/", false],
  ["example.org, b.example", "https://a.b.example/", false],
  ["b.example", "https://b.example/", false],
  [".b.example", "https://b.example/", true],
  [".b.example", "https://a.b.example/", false],
  ["b.example:5000", "https://b.example/", true],
  ["b.example:443", "https://b.example/", false],
  ["10.0.0.0/8", "https://10.1.2.3/", false],
  ["10.0.0.0/8", "https://11.1.2.3/", true],
  ["10.0.0.0/99,nonsense/", "https://10.1.2.3/", true],
  ["10.1.2.3", "https://10.1.2.3/", false],
  ["ample", "https://b.example/", true],
] as const)("chooseProxy() with %j for %s", (none, url, proxied) => {
  expect(isProxied(none, url)).toBe(proxied);
});
