import type { Service } from "#compose/model/project.ts";

/** An image that a service needs beside its own. */
export interface DependentImage {
  readonly reference: string;
  /** As docker compose calls what has it: `web:volume 0`. */
  readonly user: string;
  readonly kind: "pre_start" | "volume";
}

/** Images of hooks that have containers of their own, and those that are mounted. */
export function dependentImages(name: string, service: Service): readonly DependentImage[] {
  const hooks = (service.pre_start ?? []).map(({ image }, index): DependentImage | undefined =>
    image === undefined
      ? undefined
      : { reference: image, user: `${name}:pre_start ${index}`, kind: "pre_start" },
  );
  const mounted = (service.volumes ?? []).map(({ type, source }, index) =>
    type !== "image" || source === undefined
      ? undefined
      : ({ reference: source, user: `${name}:volume ${index}`, kind: "volume" } as const),
  );
  return [...hooks, ...mounted].filter((one) => one !== undefined);
}
