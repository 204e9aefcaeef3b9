import { parseJsonBody, readBytes } from "#api/body.ts";
import { type Exchange, pathPart, sendJson } from "#api/exchange.ts";
import { ProgressStream } from "#api/progress-stream.ts";
import { requestCredentials } from "#api/registry-credentials.ts";
import { answer, type Route } from "#api/router.ts";
import { descriptorToWire } from "#spec/oci-image.ts";
import { parsePlatform, type Platform } from "#spec/platform.ts";
import {
  domainOfServerAddress,
  parseRegistryAuth,
  toCredentials,
} from "#spec/engine-api/registry-auth.ts";
import {
  type ImageReference,
  parseImageReference,
  withDefaultTag,
  withTag,
} from "#spec/reference.ts";
import { tryParseDigest } from "#spec/digest.ts";
import type { RegistriesBackend } from "./backend.ts";
import { answerSearch } from "./search.ts";
import { readPlatformOf } from "./platform.ts";
import { platformToWire, progressToWire } from "./wire.ts";

/** `tag` may be a digest, and may stand in the name as well. */
function referenceToPull(name: string, tag: string): ImageReference {
  const reference = parseImageReference(name);
  if (tag === "") return reference;
  const digest = tryParseDigest(tag);
  const { domain, path } = reference;
  return digest.ok ? { domain, path, digest: digest.digest } : withTag({ domain, path }, tag);
}

/** `os/arch/variant`, what is missing from `host`; empty for none. */
function requestedPlatform(text: string, host: Platform): { readonly platform?: Platform } {
  return text === "" ? {} : { platform: parsePlatform(text, host) };
}

/** Pulls by `fromImage`, as part of `POST /images/create`. */
export async function pullImage(exchange: Exchange, registries: RegistriesBackend): Promise<void> {
  const { query, version, signal } = exchange;
  const reference = referenceToPull(query.text("fromImage"), query.text("tag"));
  const request = {
    reference,
    credentials: requestCredentials(exchange),
    ...requestedPlatform(query.text("platform"), registries.platform),
  };
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    await registries.pull(request, (step) => progress.write(progressToWire(step, version)), signal);
  });
}

async function pushImage(exchange: Exchange, registries: RegistriesBackend): Promise<void> {
  const { query, version, signal } = exchange;
  const named = parseImageReference(pathPart(exchange, "name"));
  const tag = query.text("tag");
  const reference = tag === "" ? named : withTag(named, tag);
  const platform = readPlatformOf(query, "platform");
  const request = {
    reference,
    credentials: requestCredentials(exchange),
    ...(platform ? { platform } : {}),
  };
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    await registries.push(request, (step) => progress.write(progressToWire(step, version)), signal);
  });
}

async function logIn(exchange: Exchange, registries: RegistriesBackend): Promise<void> {
  const { request, signal } = exchange;
  const bytes = await readBytes(request);
  const auth = parseRegistryAuth(parseJsonBody(bytes, request.fields.get("content-type")));
  const domain = domainOfServerAddress(auth.serverAddress);
  const identityToken = await registries.logIn(domain, toCredentials(auth), signal);
  sendJson(exchange, 200, { IdentityToken: identityToken ?? "", Status: "Login Succeeded" });
}

async function inspectDistribution(
  exchange: Exchange,
  registries: RegistriesBackend,
): Promise<void> {
  const reference = withDefaultTag(parseImageReference(pathPart(exchange, "name")));
  const found = await registries.inspectDistribution(
    reference,
    requestCredentials(exchange),
    exchange.signal,
  );
  sendJson(exchange, 200, {
    Descriptor: descriptorToWire(found.descriptor),
    Platforms: found.platforms.map(platformToWire),
  });
}

/** What this engine asks of registries. */
export function registryRoutes(registries: RegistriesBackend): readonly Route[] {
  return [
    answer("POST", "/images/{name:.*}/push", (exchange) => pushImage(exchange, registries)),
    answer("GET", "/images/search", (exchange) =>
      answerSearch(exchange, registries, requestCredentials(exchange)),
    ),
    answer("POST", "/auth", (exchange) => logIn(exchange, registries)),
    answer("GET", "/distribution/{name:.*}/json", (exchange) =>
      inspectDistribution(exchange, registries),
    ),
  ];
}
