import type { ImageConfig } from "#spec/oci-image.ts";

/**
 * Gives the steps without files the time of the layer before them, those at the beginning that of the first new layer, and
 * the image that of its last step: so a build that was all cached gives the same image.
 *
 * @param latestSeconds No time is later than that, and the image's is that.
 */
export function finishConfig(config: ImageConfig, latestSeconds?: number): ImageConfig {
  const filled = fillTimes(config);
  if (latestSeconds === undefined) return filled;
  const latest = new Date(latestSeconds * 1000).toISOString();
  const history = filled.history.map((item) =>
    item.created === undefined || Date.parse(item.created) > latestSeconds * 1000
      ? { ...item, created: latest }
      : item,
  );
  return { ...filled, history, created: latest };
}

function fillTimes(config: ImageConfig): ImageConfig {
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
