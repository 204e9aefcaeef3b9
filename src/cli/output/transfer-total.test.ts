import { expect, test } from "bun:test";
import { BufferOutput } from "#cli/testing/test-cli.ts";
import { type ProgressMessage, showTransfer } from "./progress.ts";
import { fittedProgress, TransferTotal } from "./transfer-total.ts";

const MEGA = 1_000_000;

test("TransferTotal sums up, and tells rate and time left", () => {
  const total = new TransferTotal();
  total.take("a", "Downloading", { current: 0, total: 100 * MEGA }, 0);
  total.take("b", "Downloading", { current: 0, total: 100 * MEGA }, 0);
  total.take("c", "Already exists", {}, 0);
  total.take("a", "Downloading", { current: 20 * MEGA, total: 100 * MEGA }, 1000);
  expect(total.line(80)).toBe(
    "Total: [==>                        ] 20MB/200MB  0 of 2 layers  20MB/s  9s left",
  );
  total.take("a", "Download complete", {}, 2000);
  expect(total.line(80)).toContain("100MB/200MB  1 of 2 layers  38MB/s  3s left");
});

test("TransferTotal says that there is more, while a layer waits", () => {
  const total = new TransferTotal();
  total.take("a", "Pushing", { current: 1, total: 400 * MEGA }, 0);
  total.take("b", "Waiting", {}, 0);
  total.take("a", "Pushing", { current: 2 * MEGA, total: 400 * MEGA }, 1000);
  expect(total.line(200)).toContain("more than 3m19s left");
});

test.each([20, 40, 60, 80, 200])("lines stay within %d columns", (columns) => {
  const total = new TransferTotal();
  total.take("a", "Downloading", { current: 0, total: 123_456_789_012 }, 0);
  total.take("a", "Downloading", { current: 12_345_678, total: 123_456_789_012 }, 1000);
  expect(total.line(columns).length).toBeLessThan(columns);
  if (columns < 60) return;
  const text = fittedProgress({ current: 12_345_678, total: 123_456_789_012 }, columns);
  expect(`0123456789ab: Downloading ${text}`.length).toBeLessThan(columns);
});

test("showTransfer() takes the total away at the end, also at a failure", async () => {
  async function* messages(): AsyncGenerator<ProgressMessage> {
    yield { id: "a", status: "Downloading", progressDetail: { current: 1, total: 2 } };
    yield { errorDetail: { message: "no space left" } };
  }
  const terminal = new BufferOutput({ columns: 80, rows: 24 });
  const failure = await showTransfer(messages(), terminal).catch((error: unknown) => String(error));
  expect(failure).toContain("no space left");
  expect(terminal.text).toContain("Total: ");
  expect(terminal.text).toEndWith("\x1b[2K\r");
});

test("showTransfer() prints docker's plain lines where there is no terminal", async () => {
  async function* messages(): AsyncGenerator<ProgressMessage> {
    yield { id: "a", status: "Downloading", progressDetail: { current: 1, total: 2 } };
    yield { id: "a", status: "Pull complete", progressDetail: {} };
  }
  const output = new BufferOutput();
  await showTransfer(messages(), output);
  expect(output.text).toBe("a: Pull complete\n");
});
