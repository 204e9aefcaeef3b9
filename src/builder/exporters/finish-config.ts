import type { ImageConfig } from "#spec/oci-image.ts";

/**
 * Gives the steps without files the time of the layer before them, those at the beginning that of the first new layer, and
 * the image that of its last step: so a build that was all cached gives the same image.
 */
export function finishConfig(config: ImageConfig): ImageConfig {
  let created: string | undefined;
  let isMissing = false;
  for (const item of config.history) {
    if (item.created === undefined) isMissing = true;
    else {
      created = item.created;
      if (isMissing) break;
    }
  }
  let isFilling = false;
  const history = config.history.map((item) => {
    if (item.created !== undefined) {
      if (isFilling) created = item.created;
      return item;
    }
    isFilling = true;
    return created === undefined ? item : { ...item, created };
  });
  const last = history.at(-1)?.created;
  return { ...config, history, ...(last === undefined ? {} : { created: last }) };
}
