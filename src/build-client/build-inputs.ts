import { type GatewayResult, IMAGE_CONFIG_KEY } from "#spec/buildkit/gateway.ts";
import type { Definition } from "#spec/buildkit/shared.ts";

/** The result of a build for one platform as others take it. */
interface BuildInput {
  /** What it is made by: for the engine alone to read. */
  readonly definition: Definition;
  /** The image's configuration. */
  readonly config: Uint8Array | undefined;
}

/** Results by platform, `linux/arm64`; under an empty name where there is but one. */
export type BuildInputs = ReadonlyMap<string, BuildInput>;

/** What others can take of a result. @returns None where the engine gives no definitions. */
export function inputsOf({ ref, refs, metadata }: GatewayResult): BuildInputs {
  const whole = ref?.definition;
  if (whole) return new Map([["", { definition: whole, config: metadata.get(IMAGE_CONFIG_KEY) }]]);
  const inputs = new Map<string, BuildInput>();
  for (const [platform, one] of refs?.refs ?? []) {
    if (!one?.definition) continue;
    const config = metadata.get(`${IMAGE_CONFIG_KEY}/${platform}`);
    inputs.set(platform, { definition: one.definition, config });
  }
  return inputs;
}
