import { type Exchange, pathPart, sendJson } from "#api/exchange.ts";
import { descriptorToWire } from "#spec/oci-image.ts";
import type { ImagesBackend } from "./backend.ts";
import { readPlatformOf } from "./platform.ts";

/** `GET /images/{name}/attestations` */
export async function answerAttestations(exchange: Exchange, images: ImagesBackend): Promise<void> {
  const { query } = exchange;
  const image = images.resolve(pathPart(exchange, "name"), readPlatformOf(query, "platform"));
  const types = query.all("type").filter((text) => text !== "");
  const withStatement = query.boolean("statement");
  const answers: unknown[] = [];
  for (const attestation of await images.attestations(image)) {
    const { descriptor, predicateType } = attestation;
    if (types.length > 0 && !types.includes(predicateType)) continue;
    const statement = withStatement ? await images.readAttestation(attestation) : undefined;
    answers.push({
      Descriptor: descriptorToWire(descriptor),
      PredicateType: predicateType,
      ...(statement === undefined ? {} : { Statement: JSON.parse(statement) as unknown }),
    });
  }
  sendJson(exchange, 200, answers);
}
