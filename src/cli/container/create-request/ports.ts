import { InvalidArgumentError } from "#base/errors.ts";
import { boolFlag, listFlag } from "#cli/command/flags.ts";
import {
  formatContainerPort,
  parseExposedPorts,
  parsePortPublication,
} from "#spec/engine-api/port-spec.ts";
import type { FlagsOf, RequestFields } from "./fields.ts";

/** Which of the container's ports the host answers for. */
export interface PortValues {
  readonly expose: readonly string[];
  readonly publish: readonly string[];
  readonly "publish-all": boolean;
}

export const portFlags: FlagsOf<PortValues> = {
  expose: listFlag("Expose a port or a range of ports"),
  publish: listFlag("Publish a container's port(s) to the host", { short: "p" }),
  "publish-all": boolFlag("Publish all exposed ports to random ports", { short: "P" }),
};

/**
 * The wire's map of `-p` values: `80/tcp` to what of the host leads there.
 *
 * @throws {InvalidArgumentError} In docker's words.
 */
export function portBindings(
  publications: readonly string[],
): Readonly<Record<string, readonly object[]>> {
  const bindings: Record<string, object[]> = {};
  for (const one of publications.map(shortForm).flatMap(parsePortPublication)) {
    const port = formatContainerPort(one.containerPort);
    (bindings[port] ??= []).push({ HostIp: one.hostIp, HostPort: one.hostPort });
  }
  return bindings;
}

export function planPorts(values: PortValues): RequestFields {
  const bindings = portBindings(values.publish);
  const exposed: Record<string, object> = Object.fromEntries(
    Object.keys(bindings).map((port) => [port, {}]),
  );
  for (const port of values.expose.flatMap(parseExposedPorts)) {
    exposed[formatContainerPort(port)] = {};
  }
  return {
    config: Object.keys(exposed).length > 0 ? { ExposedPorts: exposed } : {},
    host: { PortBindings: bindings, PublishAllPorts: values["publish-all"] },
  };
}

/** `published=80,target=8080,protocol=udp`, the form of services, in that of `-p`. */
function shortForm(text: string): string {
  if (!text.includes("=")) return text;
  const fields = new Map([["protocol", "tcp"]]);
  for (const field of text.split(",")) {
    const [name = "", value] = field.split("=");
    if (value === undefined) {
      throw new InvalidArgumentError(
        `invalid publish opts format (should be name=value but got '${field}')`,
      );
    }
    fields.set(name, value);
  }
  const published = fields.get("published") ?? "";
  return `${published}:${fields.get("target") ?? ""}/${fields.get("protocol")}`;
}
