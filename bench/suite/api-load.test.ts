import { expect, test } from "bun:test";
import { isWhole } from "./api-load.ts";

test("isWhole() waits for as many bytes as announced", () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
  expect(isWhole("HTTP/1.1 200 OK\r\n")).toBe(false);
  expect(isWhole(`${head}abc`)).toBe(false);
  expect(isWhole(`${head}abcd`)).toBe(true);
});

test("isWhole() waits for the last chunk", () => {
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  expect(isWhole(`${head}2\r\nab\r\n`)).toBe(false);
  expect(isWhole(`${head}2\r\nab\r\n0\r\n\r\n`)).toBe(true);
});
