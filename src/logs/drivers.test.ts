import { describe, expect, test } from "bun:test";
import { SpooledContainer } from "./testing/spooled.ts";

/** What docker 28 says, at `create` or at `start`. */
const REFUSED: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ["json-file", { foo: "1" }, "unknown log opt 'foo' for json-file log driver"],
  ["local", { foo: "1" }, "unknown log opt 'foo' for log driver local"],
  ["local", { tag: "x" }, "unknown log opt 'tag' for log driver local"],
  ["syslog", { "max-size": "1m" }, "unknown log opt 'max-size' for syslog log driver"],
  ["journald", { foo: "1" }, "unknown log opt 'foo' for journald log driver"],
  ["json-file", { mode: "x" }, "logger: logging mode not supported: x"],
  [
    "local",
    { mode: "blocking", "max-buffer-size": "1m" },
    "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
  ],
  [
    "json-file",
    { mode: "non-blocking", "max-buffer-size": "x" },
    "error parsing option max-buffer-size: invalid size: 'x'",
  ],
  ["json-file", { "cache-disabled": "x" }, "invalid value for option cache-disabled: x"],
  ["json-file", { "max-size": "x" }, "invalid size: 'x'"],
  ["json-file", { "max-size": "0" }, "max-size must be a positive number"],
  ["json-file", { "max-file": "0" }, "max-file cannot be less than 1"],
  ["json-file", { "max-file": "x" }, 'strconv.Atoi: parsing "x": invalid syntax'],
  ["json-file", { compress: "x" }, 'strconv.ParseBool: parsing "x": invalid syntax'],
  [
    "json-file",
    { compress: "true", "max-size": "1m" },
    "compress cannot be true when max-file is less than 2 or max-size is not set",
  ],
  ["json-file", { tag: "{{.Foo" }, "template: log-tag:1: unclosed action"],
  [
    "json-file",
    { tag: "{{.Foo}}" },
    'template: log-tag:1:2: executing "log-tag" at <.Foo>: can\'t evaluate field Foo in type *logger.Info',
  ],
  ["json-file", { "labels-regex": "(" }, "error parsing regexp: missing closing ): `(`"],
  ["local", { "max-size": "x" }, "invalid value for max-size: x: invalid size: 'x'"],
  ["local", { "max-file": "1" }, "compression cannot be enabled when max file count is 1"],
  [
    "local",
    { compress: "x" },
    'error reading compress log option: strconv.ParseBool: parsing "x": invalid syntax',
  ],
  ["syslog", { "syslog-address": "foo" }, "unsupported scheme: ''"],
  ["syslog", { "syslog-address": "http://1.2.3.4:1" }, "unsupported scheme: 'http'"],
  ["syslog", { "syslog-address": "unix:///nonexist" }, "stat /nonexist: no such file or directory"],
  [
    "syslog",
    { "syslog-address": "udp://a:b:c" },
    'parse "udp://a:b:c": invalid port ":c" after host',
  ],
  ["syslog", { "syslog-facility": "99" }, "invalid syslog facility"],
  ["syslog", { "syslog-format": "x" }, "Invalid syslog format"],
  ["gelf", {}, "gelf-address is a required parameter"],
  ["awslogs", {}, "log driver awslogs is not supported by this version"],
  ["nosuch", {}, "no log driver named 'nosuch' is registered"],
];

const TAKEN: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["none", { foo: "1" }],
  [
    "json-file",
    { "max-size": "10m", "max-file": "3", compress: "true", labels: "a", tag: "{{.ID}}" },
  ],
  ["json-file", { "max-size": "-1" }],
  ["json-file", { mode: "non-blocking", "max-buffer-size": "4m", "cache-max-size": "1m" }],
  ["local", { "max-size": "0", "max-file": "2" }],
  ["syslog", { "syslog-address": "tcp://h", "cache-disabled": "true", "env-regex": "^A" }],
  ["fluentd", {}],
  ["journald", { tag: "{{.ImageName}}" }],
  ["gelf", { "gelf-address": "udp://h:1" }],
];

describe("createLogs().validate()", () => {
  for (const [driver, options, message] of REFUSED) {
    test(`refuses ${driver} with ${JSON.stringify(options)} in Docker's words`, () => {
      using container = new SpooledContainer(driver, options);
      expect(() => container.openLogs().validate(driver, options)).toThrow(message);
    });
  }
  test("takes what Docker takes", () => {
    using container = new SpooledContainer("json-file");
    const logs = container.openLogs();
    for (const [driver, options] of TAKEN) logs.validate(driver, options);
  });
});

describe("createLogs()", () => {
  test("has conmon keep as much as the log while no daemon runs, never less than 64 MiB", () => {
    using container = new SpooledContainer("json-file");
    const logs = container.openLogs();
    const cap = (driver: string, options: Record<string, string> = {}) =>
      logs.capture({ directory: "/d", driver, options }).maxBytes;
    expect(cap("json-file")).toBe(100 * 1024 * 1024);
    expect(cap("json-file", { "max-size": "1k" })).toBe(64 * 1024 * 1024);
    expect(cap("json-file", { "max-size": "-1" })).toBeUndefined();
    expect(cap("syslog", { "cache-disabled": "true" })).toBe(64 * 1024 * 1024);
  });

  test("shows a LogPath for json-file alone", () => {
    using container = new SpooledContainer("json-file");
    const logs = container.openLogs();
    expect(logs.filePath({ id: "i", directory: "/d", driver: "json-file" })).toBe("/d/i-json.log");
    expect(logs.filePath({ id: "i", directory: "/d", driver: "local" })).toBe("");
  });
});
