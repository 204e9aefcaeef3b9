import type { ContainerCreateResponse } from "@docker/node-sdk";
import { NotFoundError, messageOf } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { compareApiVersions } from "#client/api-version.ts";
import { formatPlatform, hostPlatform, parsePlatform } from "#spec/platform.ts";
import {
  type ImageReference,
  familiarReference,
  parseImageName,
  withDefaultTag,
} from "#spec/reference.ts";
import { openCidFile } from "./cid-file.ts";
import type { CreateBody, CreatePlan } from "#cli/container/create-request/plan.ts";

/** What goes beside the body of the request. */
export interface CreateOptions {
  readonly name: string;
  readonly platform: string;
  /** `always`, `missing` or `never`. */
  readonly pull: string;
  /** Nothing is printed about a pull. */
  readonly quiet: boolean;
  /** File for the ID; empty for none. */
  readonly cidfile: string;
}

/**
 * Creates a container, after pulling its image where that is missing and wanted. Warnings go to
 * stderr.
 *
 * @returns The container's ID.
 */
export async function createContainer(
  cli: Cli,
  plan: CreatePlan,
  options: CreateOptions,
): Promise<string> {
  using cidFile = openCidFile(options.cidfile);
  const name = parseImageName(plan.image);
  const reference = name.kind === "reference" ? withDefaultTag(name.reference) : undefined;
  const platform =
    options.platform === "" ? undefined : formatPlatform(parseRequestedPlatform(options.platform));
  const engine = await cli.engine();
  const pull = async (image: ImageReference): Promise<void> => {
    const { pullImage, silence } = await import("#cli/image/pull.ts");
    await pullImage(cli, image, platform, options.quiet ? silence : cli.errors);
  };
  if (options.pull === "always" && reference) await pull(reference);
  const create = async (): Promise<ContainerCreateResponse> =>
    engine.postJson<ContainerCreateResponse>("/containers/create", {
      query: { name: options.name === "" ? undefined : options.name, platform },
      jsonFor: (apiVersion) => withConsoleSize(cli, forApi(plan.body, apiVersion)),
    });
  let created: ContainerCreateResponse;
  try {
    created = await create();
  } catch (error) {
    // Containers, volumes and networks that are named may be missing as well.
    const isMissing = error instanceof NotFoundError && /\bimage\b/i.test(error.message);
    if (!isMissing || !reference || options.pull !== "missing") throw error;
    const image = familiarReference(reference);
    if (!options.quiet) cli.errors.write(`Unable to find image '${image}' locally\n`);
    await pull(reference);
    created = await create();
  }
  const warnings = [...created.Warnings, ...localDnsWarnings(plan.body)];
  for (const warning of warnings) cli.errors.write(`WARNING: ${warning}\n`);
  cidFile.write(created.Id);
  return created.Id;
}

function parseRequestedPlatform(text: string): ReturnType<typeof parsePlatform> {
  const { machine, type } = process.getBuiltinModule("node:os");
  try {
    return parsePlatform(text, hostPlatform(type(), machine()));
  } catch (error) {
    throw new NotFoundError(`error parsing specified platform: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A name server on a loopback address is the container's own, where none listens. */
function localDnsWarnings(body: CreateBody): readonly string[] {
  const { Dns } = body.HostConfig;
  const servers: readonly unknown[] = Array.isArray(Dns) ? Dns : [];
  const local = servers.find((one) => typeof one === "string" && /^127\.|^::1$/.test(one));
  return typeof local === "string" ? [`Localhost DNS (${local}) may fail in containers.`] : [];
}

/** Before API 1.44 the hardware address belongs to the container, not to an endpoint. */
function forApi(body: CreateBody, apiVersion: string): CreateBody {
  if (compareApiVersions(apiVersion, "1.44") >= 0) return body;
  const endpoints = Object.entries(body.NetworkingConfig.EndpointsConfig);
  const mac = endpoints.find(([, endpoint]) => endpoint["MacAddress"] !== undefined)?.[1];
  const older = endpoints.map(([name, { MacAddress: _mac, ...rest }]) => [name, rest] as const);
  // These engines take settings for one network, and only where there are some.
  const kept = older.filter(([, endpoint]) => Object.keys(endpoint).length > 0);
  return {
    ...body,
    ...(mac ? { MacAddress: mac["MacAddress"] } : {}),
    NetworkingConfig: { EndpointsConfig: Object.fromEntries(kept) },
  };
}

/** Rows and columns that a TTY of the container starts with; zeros without a terminal. */
function withConsoleSize(cli: Cli, body: CreateBody): CreateBody {
  const size = cli.output.isTerminal ? cli.output.windowSize() : undefined;
  const ConsoleSize = [size?.rows ?? 0, size?.columns ?? 0];
  return { ...body, HostConfig: { ...body.HostConfig, ConsoleSize } };
}
